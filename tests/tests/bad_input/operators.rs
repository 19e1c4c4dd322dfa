//! What operators and their dashboard send, as it should be.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Operator, Shop};
use uuid::Uuid;

use crate::request::Request;

/// Requests to the operators' listener, on things that exist.
pub async fn requests(shop: &Shop, sku: &str) -> Vec<Request> {
    let shopper = shop.shopper();
    shopper.hold(&[(sku, 3)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    let operator = shop.operator();
    let (order, event) = (shopper.order_id, stored_event(&operator).await);
    let page = operator.get("/v1/audit?limit=1").await;
    let cursor = page["next_cursor"].as_str().unwrap_or("MS9h").to_owned();

    let server = operator.url().replace("http://", "");
    let origin = operator.url().to_owned();
    let to =
        |method: &str, target: &str| Request::new(&server, method, target).bearer(operator.token());
    let id = Uuid::new_v4();
    let line = json!([{"sku": sku, "quantity": 1, "restock": true}]);
    let refund = json!({"refund_id": id, "lines": line, "reason": "broken"});
    let some = json!({"refund_id": id, "amount": {"amount": 1, "currency": "EUR"}});
    let count = json!({"adjustment_id": id, "on_hand_delta": 1, "reason": "counted"});
    let product = json!({
        "change_id": id, "reason": "a new name", "name": "Thing", "description": "A thing.",
        "image_url": "/images/a.svg", "price": {"amount": 1200, "currency": "EUR"},
    });
    let change = json!({"change_id": id, "reason": "asked by phone"});
    let form = format!("token={}&next=%2Forders", operator.token());
    let orders = format!(
        "/v1/orders?state=paid&q=0199&sku={sku}&from=2026-01-01T00:00:00Z\
         &to=2036-01-01T00:00:00%2B01:00&cursor={cursor}&limit=5"
    );
    let funnel = format!(
        "/v1/funnel?from=2026-11-01&to=2026-11-30T00:00:00Z&bucket=day\
         &time_zone=Europe%2FBerlin&sku={sku}"
    );
    let audit = format!("/v1/audit?kind=put_product&actor=a&subject={sku}&cursor={cursor}&limit=2");
    vec![
        to("GET", &orders),
        to("GET", &orders.replace("/v1/orders", "/orders")),
        to("GET", &format!("/v1/orders/{order}")),
        to("POST", &format!("/v1/orders/{order}/refunds")).json(&refund),
        to("POST", &format!("/v1/orders/{order}/refunds")).json(&some),
        to("POST", &format!("/v1/orders/{order}/cancel")).json(&change),
        to("POST", &format!("/v1/orders/{order}/retry")).json(&change),
        to("GET", "/v1/stock?limit=2&cursor=bXVnLWJsYWNr"),
        to("GET", &format!("/v1/stock/{sku}")),
        to("GET", &format!("/v1/stock/{sku}/movements?limit=2&cursor={cursor}")),
        to("PATCH", &format!("/v1/stock/{sku}")).json(&count),
        to("PUT", &format!("/v1/products/{sku}")).json(&product),
        to("GET", &format!("/v1/webhooks?outcome=known&limit=2&cursor={cursor}")),
        to("POST", &format!("/v1/webhooks/{event}/replay")).json(&change),
        to("GET", &funnel),
        to("GET", &funnel.replace("/v1/funnel", "/funnel")),
        to("GET", &audit),
        to("GET", &audit.replace("/v1/audit", "/audit")),
        to("GET", "/v1/reconciliation"),
        to("GET", "/v1/overview"),
        to("GET", "/metrics"),
        Request::new(&server, "POST", "/sign-in").header("origin", &origin).form(&form),
        Request::new(&server, "GET", "/sign-in?next=%2Forders")
            .header("cookie", "holdfast_operator=a.b"),
    ]
}

/// An event that the provider has sent.
async fn stored_event(operator: &Operator) -> String {
    let newest =
        system_tests::eventually("a webhook", std::time::Duration::from_mins(1), || async {
            let reply =
                system_tests::Shopper::send(operator.request(Method::GET, "/v1/webhooks")).await;
            reply.body["webhooks"].get(0).map(|event: &Value| event["event_id"].clone())
        });
    newest.await.as_str().unwrap().to_owned()
}
