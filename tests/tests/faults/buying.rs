//! What shoppers of these tests do, and the operator before them, however long the shop is away.

use std::time::Duration;

use domain::{CartLines, Fingerprint, OrderId, OrderSecret};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use system_tests::{Reply, Shop, Shopper, eventually, http_client};
use uuid::Uuid;
use workflows::CheckoutInput;

/// What a unit of each product costs.
pub const PRICE: i64 = 1_200;
/// How long a client goes on trying.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long an order may take once everything is well again.
const MENDS_WITHIN: Duration = Duration::from_secs(90);

/// Sends the same request until it is answered with success, as a client does whose shop is away
/// for a while.
pub async fn until_taken(what: &str, request: impl Fn() -> RequestBuilder) -> Reply {
    eventually(what, PATIENCE, || async {
        let reply = Reply::of(request().send().await.ok()?).await;
        assert!(
            reply.status.is_success() || reply.status.is_server_error(),
            "{what}: {} {}",
            reply.status,
            reply.body
        );
        reply.status.is_success().then_some(reply)
    })
    .await
}

/// A product of a name of its own, with so many units, however busy the shop is.
pub async fn product(shop: &Shop, units: i64) -> String {
    let sku = format!("sku-{}", &Uuid::new_v4().simple().to_string()[..12]);
    let operator = shop.operator();
    let thing = json!({
        "name": format!("Thing {sku}"), "description": "A thing.",
        "price": {"amount": PRICE, "currency": "EUR"},
    });
    let path = format!("/v1/products/{sku}");
    until_taken(&path, || operator.request(Method::PUT, &path).json(&thing)).await;
    let stocked =
        json!({"adjustment_id": Uuid::new_v4(), "on_hand_delta": units, "reason": "a test"});
    let path = format!("/v1/stock/{sku}");
    until_taken(&path, || operator.request(Method::PATCH, &path).json(&stocked)).await;
    sku
}

/// Holds so many units of `sku`.
pub async fn hold(shopper: &Shopper, sku: &str, quantity: u32) -> Value {
    let cart = Shopper::cart(&[(sku, quantity)]);
    let what = format!("the PUT of {} is taken", shopper.order_id);
    until_taken(&what, || shopper.request(Method::PUT, "").json(&cart)).await;
    shopper.reaches("awaiting_payment").await
}

/// Tries to pay, and goes on until it is known that the attempt was taken.
pub async fn pay(shopper: &Shopper, payment_method: &str) -> Reply {
    let attempt = json!({"attempt_id": Uuid::new_v4(), "payment_method": payment_method});
    let what = format!("the payment of {} is taken", shopper.order_id);
    until_taken(&what, || shopper.request(Method::POST, "/payment").json(&attempt)).await
}

/// Waits until the attempt under way is declined.
pub async fn declined(shopper: &Shopper) {
    let what = format!("the attempt of {} is declined", shopper.order_id);
    eventually(&what, PATIENCE, || async {
        let response = shopper.request(Method::GET, "").send().await.ok()?;
        let body = Reply::of(response).await.body;
        (body["payment"]["state"] == "declined").then_some(())
    })
    .await;
}

/// Waits until the shopper has to do something; answers the address of the bank's page.
pub async fn bank_page(shopper: &Shopper) -> String {
    let what = format!("order {} needs the shopper", shopper.order_id);
    eventually(&what, PATIENCE, || async {
        let response = shopper.request(Method::GET, "").send().await.ok()?;
        let next = &Reply::of(response).await.body["payment"]["next_action"];
        next["redirect_url"].as_str().map(str::to_owned)
    })
    .await
}

/// Tells the bank yes.
pub async fn approve(bank_page: &str) {
    // Back in the shop, which may be away, nothing is to be seen.
    let stays = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().tls_certs_only([]).redirect(stays);
    let yes = http.build().unwrap().post(bank_page).form(&[("answer", "approve")]).send();
    assert!(yes.await.unwrap().status().is_redirection(), "the bank takes a yes");
}

/// Waits until the provider has the one payment of an order in `status`; answers its id.
pub async fn intent_in(shop: &Shop, order: Uuid, status: &str) -> String {
    eventually(&format!("the payment of {order} is {status}"), PATIENCE, || async {
        let payments = shop.payments_of(order).await;
        assert!(payments.len() <= 1, "{order} has one payment: {payments:?}");
        let found = payments.into_iter().find(|payment| payment["status"] == status)?;
        found["payment_intent"].as_str().map(str::to_owned)
    })
    .await
}

/// Waits until an order is paid: one payment, captured once, in full.
pub async fn is_paid_once(shop: &Shop, shopper: &Shopper) {
    let paid = shopper.reaches_within("paid", MENDS_WITHIN).await;
    let payments = shop.payments_of(shopper.order_id).await;
    assert_eq!(payments.len(), 1, "{payments:?}");
    assert_eq!(payments[0]["captured"], paid["total"]["amount"], "{payments:?}");
    assert_eq!(payments[0]["refunded"], 0, "{payments:?}");
}

/// Waits until it is known what became of everything that the provider has said.
pub async fn every_webhook_has_an_outcome(shop: &Shop) {
    let database = shop.database().await;
    eventually("every webhook has an outcome", MENDS_WITHIN, || async {
        let query = "select count(*) from webhook_deliveries where outcome is null";
        let left: i64 = sqlx::query_scalar(query).fetch_one(&database).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
}

/// Does something with a payment that the shop did not ask for.
pub async fn at_provider(shop: &Shop, intent: &str, what: &str) {
    let url = format!("{}/v1/payment_intents/{intent}/{what}", shop.sandbox_url());
    let done = http_client().post(url).bearer_auth("sk_test_sandbox").send().await;
    assert_eq!(done.unwrap().status(), 200, "{what} {intent}");
}

/// Gives all of an order's money back at the provider, past the shop; answers the refund's id there.
pub async fn refund_at_provider(shop: &Shop, order: Uuid) -> String {
    let intent = intent_in(shop, order, "succeeded").await;
    let form = [("payment_intent", &*intent)];
    let made = provider(shop, Method::POST, "refunds", &form).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Has the cardholder dispute an order's payment; answers the dispute's id.
pub async fn dispute(shop: &Shop, order: Uuid) -> String {
    let intent = intent_in(shop, order, "succeeded").await;
    let button = format!("{}/console/dispute/{intent}", shop.sandbox_url());
    http_client().post(button).send().await.unwrap();
    let disputes = provider(shop, Method::GET, "disputes?limit=100", &[]).await;
    let of_order = |dispute: &&Value| dispute["payment_intent"] == *intent;
    let dispute = disputes["data"].as_array().unwrap().iter().find(of_order).cloned();
    dispute.expect("the payment is disputed")["id"].as_str().unwrap().to_owned()
}

/// Leaves a dispute to the cardholder.
pub async fn concede(shop: &Shop, dispute: &str) {
    provider(shop, Method::POST, &format!("disputes/{dispute}/close"), &[]).await;
}

/// A call of the provider's API by somebody else than the shop.
pub async fn provider(shop: &Shop, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
    let url = format!("{}/v1/{path}", shop.sandbox_url());
    let request = http_client().request(method.clone(), url).bearer_auth("sk_test_sandbox");
    let request = if method == Method::POST { request.form(form) } else { request };
    let reply = Shopper::send(request).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body
}

/// What a checkout of so many units of `sku` is started with past the API, for a hold of a length
/// of its own. `shopper` reaches the order over HTTP like any other.
pub fn input(shopper: &Shopper, sku: &str, quantity: u32, hold_ttl: Duration) -> CheckoutInput {
    let lines = json!([{"sku": sku, "quantity": quantity}]);
    let lines: CartLines = serde_json::from_value(lines).unwrap();
    let secret: OrderSecret = shopper.secret.parse().unwrap();
    CheckoutInput {
        order_id: OrderId(shopper.order_id),
        fingerprint: Fingerprint::of(&secret, &lines, None, None),
        lines,
        expected_total: None,
        secret_hash: secret.hash(),
        hold_ttl_ms: u64::try_from(hold_ttl.as_millis()).unwrap(),
        expiry_grace_ms: 0,
        client_key: None,
    }
}
