//! What shoppers, their browsers and the provider send, as it should be.

use serde_json::json;
use system_tests::{Shop, Shopper};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::request::{FRESH, Request};

/// Requests to the shop's listener, on things that exist.
pub async fn requests(shop: &Shop, sku: &str) -> Vec<Request> {
    let shopper = shop.shopper();
    let cart = Shopper::cart(&[(sku, 1)]);
    shopper.hold(&[(sku, 1)]).await;
    let cancelled = shopper.another_order();
    cancelled.hold(&[(sku, 1)]).await;
    cancelled.cancel().await;
    cancelled.reaches("cancelled").await;

    let server = shop.url().replace("http://", "");
    let to = |method: &str, target: &str| Request::new(&server, method, target);
    let of = |shopper: &Shopper, method: &str, below: &str| {
        let target = format!("/v1/checkouts/{}{below}", shopper.order_id);
        to(method, &target).bearer(&shopper.secret)
    };
    let full = json!({
        "lines": [{"sku": sku, "quantity": 1}],
        "expected_total": {"amount": 1200, "currency": "EUR"}, "email": "ada@shop.example",
    });
    let payment = json!({"attempt_id": Uuid::new_v4(), "payment_method": "pm_card_visa"});
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    let viewed = json!({"kind": "product_viewed", "sku": sku, "at": now});
    let report = json!({"session_id": "a-session", "events": [viewed]});
    let cookie = format!("other=1; holdfast_order={}", shopper.secret);
    let origin = shop.url();
    vec![
        to("PUT", &format!("/v1/checkouts/{FRESH}")).bearer(&shopper.secret).json(&full),
        of(&shopper, "PUT", "").json(&cart),
        of(&shopper, "GET", "").header("if-none-match", "\"1\""),
        of(&cancelled, "GET", "/events").header("last-event-id", "1"),
        of(&cancelled, "DELETE", ""),
        of(&cancelled, "POST", "/payment").json(&payment),
        to("POST", &format!("/v1/checkouts/{}/payment", cancelled.order_id))
            .header("cookie", &cookie)
            .header("origin", &origin)
            .json(&payment),
        to("GET", "/v1/products?limit=20&cursor=bXVnLWJsYWNr").header("accept-encoding", "gzip"),
        to("GET", &format!("/v1/products/{sku}")).header("if-none-match", "W/\"a\", \"b\""),
        to("POST", "/v1/stock-check").json(&cart),
        to("POST", "/v1/analytics").header("user-agent", "Mozilla/5.0").json(&report),
        to("POST", "/v1/analytics").content("text/plain", &report.to_string()),
        webhook(&server, &shopper),
        to("GET", &format!("/products/{sku}")),
        to("GET", &format!("/orders/{}", shopper.order_id)),
        to("GET", "/cart?a=b"),
        to("GET", "/problems/out-of-stock"),
        to("GET", "/readyz").header("traceparent", TRACE).header("tracestate", "a=1"),
    ]
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Of a payment that is nobody's: what is told of it leads nowhere.
fn webhook(server: &str, shopper: &Shopper) -> Request {
    let metadata = json!({"order_id": shopper.order_id});
    let event = json!({
        "id": "evt_1", "object": "event", "type": "payment_intent.processing", "created": 1,
        "data": {"object": {"object": "payment_intent", "id": "pi_1", "metadata": metadata}},
    });
    Request::new(server, "POST", "/v1/webhooks/stripe").json(&event).signed()
}
