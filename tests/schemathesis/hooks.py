"""What a schema can't say: which products there are, what the time is, how the provider signs.

Without this, what fits the documents would seldom get past the shop's door. Requests that are
meant to be wrong are left as they are.
"""

import base64
import hashlib
import hmac
import json
import os
import random
import time
import uuid

import requests
import schemathesis
from schemathesis.openapi.checks import IgnoredAuth

WEBHOOK_SECRET = os.environ.get("STRIPE_WEBHOOK_SECRETS", "whsec_sandbox").split(",")[0]


def stocked_product():
    """A product of this run's own: shoppers buy it, operators change it."""
    sku = f"schemathesis-{uuid.uuid4()}"
    price = {"amount": 1200, "currency": "EUR"}
    put = {"name": "Made by a test", "description": "", "price": price}
    adjust = {"adjustment_id": str(uuid.uuid4()), "on_hand_delta": 1_000_000, "reason": "a test"}
    url = os.environ["OPERATOR_URL"]
    token = {"Authorization": f"Bearer {os.environ['OPERATOR_TOKEN']}"}
    requests.put(f"{url}/v1/products/{sku}", json=put, headers=token).raise_for_status()
    requests.patch(f"{url}/v1/stock/{sku}", json=adjust, headers=token).raise_for_status()
    return sku


def paid_order(sku):
    """An order to give money back of: operators have no part in how it came to be."""
    order, secret = uuid.uuid4(), {"Authorization": f"Bearer {os.environ['ORDER_SECRET']}"}
    url = f"{os.environ['SHOP_URL']}/v1/checkouts/{order}"
    cart = {"lines": [{"sku": sku, "quantity": 99}]}
    payment = {"attempt_id": str(uuid.uuid4()), "payment_method": "pm_card_visa"}
    requests.put(url, json=cart, headers=secret).raise_for_status()
    requests.post(f"{url}/payment", json=payment, headers=secret).raise_for_status()
    for _ in range(300):
        if requests.get(url, headers=secret).json()["state"] == "paid":
            return str(order)
        time.sleep(0.1)
    raise TimeoutError(f"{order} is not paid")


SKU = stocked_product()
PAID_ORDER = paid_order(SKU)
ORDERS = []
PAYMENT_METHODS = [
    "pm_card_visa",
    "pm_card_visa_chargeDeclined",
    "pm_card_authenticationRequired",
]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is not None and not case.meta.generation.mode.is_positive:
        return
    make_sense = MAKE_SENSE.get(operation_id(case))
    if make_sense is not None:
        make_sense(case)


@schemathesis.hook
def after_call(context, case, response):
    if operation_id(case) == "startCheckout" and response.status_code == 201:
        ORDERS.append(case.path_parameters["order_id"])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Clients make the secrets: to a wrong one, a checkout is as if it did not exist."""
    return not (isinstance(failure, IgnoredAuth) and "got `404 Not Found`" in failure.message)


def operation_id(case):
    return case.operation.definition.raw.get("operationId")


def cart(case):
    """Each SKU once, the first of them real; a total seen elsewhere is seldom the right one."""
    first = case.body["lines"][0]
    first["sku"] = SKU
    case.body["lines"] = list({line["sku"]: line for line in case.body["lines"]}.values())
    if first["quantity"] % 2:
        case.body.pop("expected_total", None)


def new_order(case):
    """One line can be had; the same id comes with the same body."""
    case.body["lines"] = case.body["lines"][:1]
    cart(case)
    body = json.dumps(case.body, sort_keys=True)
    case.path_parameters["order_id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, SKU + body))


def order(case):
    """One of this run, unless a link has led to one."""
    if ORDERS and case.path_parameters["order_id"] not in ORDERS:
        case.path_parameters["order_id"] = random.choice(ORDERS)


def payment(case):
    order(case)
    case.body["payment_method"] = random.choice([*PAYMENT_METHODS, case.body["payment_method"]])


def product(case):
    if case.query and "cursor" in case.query:
        case.query["cursor"] = cursor(SKU)


def operators_product(case):
    case.path_parameters["sku"] = SKU


def adjustment(case):
    operators_product(case)
    case.body["adjustment_id"] = str(uuid.uuid4())


def refund(case):
    """Of one order, as long as there is something left of it."""
    case.path_parameters["order_id"] = PAID_ORDER
    case.body["refund_id"] = str(uuid.uuid4())
    if "amount" in case.body:
        case.body["amount"] = {"amount": random.randint(1, 100), "currency": "EUR"}
    for line in case.body.get("lines", []):
        line.update(sku=SKU, quantity=1)
    if "lines" in case.body:
        case.body["lines"] = case.body["lines"][:1]


def change_of_order(case):
    """Each id is one change."""
    case.path_parameters["order_id"] = PAID_ORDER
    case.body["change_id"] = str(uuid.uuid4())


def put_product(case):
    operators_product(case)
    if case.body.get("change_id"):
        case.body["change_id"] = str(uuid.uuid4())


def first_page_of_product(case):
    operators_product(case)
    first_page(case)


def replay(case):
    stored_event(case)
    if isinstance(case.body, dict) and case.body.get("change_id"):
        case.body["change_id"] = str(uuid.uuid4())


def first_page(case):
    """A later page begins where the server said."""
    if case.query:
        case.query.pop("cursor", None)


def funnel(case):
    """Of a few days until tomorrow, of a product that there is, in a zone that there is."""
    day = lambda ago: time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago * 86_400))
    zone = random.choice(["UTC", "Europe/Berlin", "Asia/Kathmandu"])
    sensible = {"from": day(3), "to": day(-1), "time_zone": zone, "sku": SKU}
    for name in sensible.keys() & (case.query or {}).keys():
        case.query[name] = sensible[name]


def stored_event(case):
    """The newest that the provider has sent, unless a link has led to one."""
    url, token = os.environ["OPERATOR_URL"], os.environ["OPERATOR_TOKEN"]
    newest = requests.get(f"{url}/v1/webhooks", headers={"Authorization": f"Bearer {token}"})
    case.path_parameters["event_id"] = newest.json()["webhooks"][0]["event_id"]


def report(case):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if isinstance(case.body, str):
        event = {"kind": "product_viewed", "sku": SKU, "at": now}
        case.body = json.dumps({"session_id": "text", "events": [event]})
        return
    for event in case.body["events"]:
        event["at"] = now
        if event.get("sku") is not None:
            event["sku"] = SKU


def sign(case):
    """Stripe, "Verify webhook signatures manually"."""
    now = int(time.time())
    body = json.dumps(case.body, allow_nan=False).encode()
    digest = hmac.new(WEBHOOK_SECRET.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    case.headers["Stripe-Signature"] = f"t={now},v1={digest}"


def cursor(sku):
    return base64.urlsafe_b64encode(sku.encode()).decode().rstrip("=")


MAKE_SENSE = {
    "adjustStock": adjustment,
    "cancelCheckout": order,
    "cancelOrder": change_of_order,
    "checkStock": cart,
    "followCheckout": order,
    "listChanges": first_page,
    "listMovements": first_page_of_product,
    "listOrders": first_page,
    "listProducts": product,
    "listStock": product,
    "listWebhooks": first_page,
    "payCheckout": payment,
    "putProduct": put_product,
    "readCheckout": order,
    "readFunnel": funnel,
    "refundOrder": refund,
    "replayWebhook": replay,
    "retryOrder": change_of_order,
    "reportAnalytics": report,
    "startCheckout": new_order,
    "takeWebhook": sign,
}
