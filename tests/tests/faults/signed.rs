//! The provider's webhooks, signed by hand.

use hmac::{Hmac, Mac};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sha2::Sha256;
use system_tests::{Shop, Shopper};
use time::OffsetDateTime;
use uuid::Uuid;

/// The secret that the shop and its provider share.
pub const SECRET: &str = "whsec_sandbox";

/// An event that needs nothing done: its id, and the request that brings it.
pub fn webhook(shop: &Shop) -> (String, RequestBuilder) {
    let id = format!("evt_{}", Uuid::new_v4().simple());
    let body = event(&id);
    let signature = signature(SECRET, &body, 0);
    (id, post(&shop.shopper(), body, &signature))
}

/// The body of an event of this id.
pub fn event(id: &str) -> String {
    json!({"id": id, "type": "customer.created", "data": {"object": {}}}).to_string()
}

/// The `Stripe-Signature` of `body`, made `seconds_ago` with `secret`.
pub fn signature(secret: &str, body: &str, seconds_ago: i64) -> String {
    let timestamp = OffsetDateTime::now_utc().unix_timestamp() - seconds_ago;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{timestamp}.{body}").as_bytes());
    format!("t={timestamp},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// The request that brings `body` under `signature` to the shop of `visitor`.
pub fn post(visitor: &Shopper, body: String, signature: &str) -> RequestBuilder {
    visitor
        .anonymous(Method::POST, "/v1/webhooks/stripe")
        .header("content-type", "application/json")
        .header("stripe-signature", signature)
        .body(body)
}
