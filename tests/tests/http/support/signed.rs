//! The provider's webhooks, signed by hand.

use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::json;
use sha2::Sha256;
use system_tests::{Reply, Shop, Shopper};
use time::OffsetDateTime;
use uuid::Uuid;

/// The `Stripe-Signature` of `body`, made `seconds_ago` with `secret`.
pub fn signature(secret: &str, body: &str, seconds_ago: i64) -> String {
    let timestamp = OffsetDateTime::now_utc().unix_timestamp() - seconds_ago;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{timestamp}.{body}").as_bytes());
    format!("t={timestamp},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// An event of this kind about `payment_intent`, with an id of its own: (id, body).
pub fn event(kind: &str, payment_intent: &str) -> (String, String) {
    let id = format!("evt_{}", Uuid::new_v4().simple());
    let body = json!({
        "id": id, "object": "event", "type": kind, "livemode": false,
        "data": {"object": {"id": payment_intent, "object": "payment_intent", "metadata": {}}},
    });
    (id, body.to_string())
}

/// Posts `body` under `signature`.
pub async fn post_event(shop: &Shop, body: &str, signature: &str) -> Reply {
    let post = shop.shopper().anonymous(Method::POST, "/v1/webhooks/stripe");
    let post = post.header("content-type", "application/json; charset=utf-8");
    Shopper::send(post.header("stripe-signature", signature).body(body.to_owned())).await
}
