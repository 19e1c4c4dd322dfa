//! `POST /v1/webhooks/stripe`: takes the provider's word, exactly as it comes.

use axum::{
    Json, Router,
    extract::{Request, State},
    http::HeaderMap,
    routing::post,
};
use hmac::{Hmac, Mac};
use read_model::appends::{self, WebhookEvent};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use startup::traces::belongs_to_order;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use tracing::Instrument;

use crate::{
    app::App,
    body::{LARGEST_BODY, read_up_to},
    problem::{Answer, Kind, Problem},
};

/// How old a signature may be, in seconds
/// (Stripe, "Verify webhook signatures", the tolerance of its own libraries).
const TOLERANCE: i64 = 300;

/// The path of the provider's webhooks.
pub fn router() -> Router<App> {
    Router::new().route("/v1/webhooks/stripe", post(take))
}

async fn take(State(app): State<App>, headers: HeaderMap, request: Request) -> Answer<Json<Value>> {
    let body = read_up_to(request, LARGEST_BODY).await?;
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let now = OffsetDateTime::now_utc().unix_timestamp();
    verify(signature.unwrap_or_default(), &body, &app.webhook_secrets, now)?;
    let stored = read(&headers, &body)?;
    let span = tracing::info_span!(
        "store a webhook",
        event_id = stored.event_id,
        event_type = stored.event_type
    );
    if let Some(order) = stored.order_id {
        belongs_to_order(&span, order);
    }
    failpoints::reached(["api", "webhook", "before"], &[&stored.event_id]).await;
    let is_new = appends::store_webhook(&app.model.pool, stored).instrument(span).await?;
    failpoints::reached(["api", "webhook", "after"], &[]).await;
    if is_new {
        app.model.inbox_news.notify_one();
    }
    Ok(Json(json!({"received": true})))
}

/// An event as it is stored. Its body was signed by one of ours, and may be of any kind all the same.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Answer<WebhookEvent> {
    let event: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(Kind::MalformedJson).because(error.to_string()))?;
    let Some(id) = name(&event["id"]) else {
        let detail = "the event has no id of 1 to 255 visible ASCII characters";
        return Err(Problem::new(Kind::MalformedJson).because(detail));
    };
    let object = &event["data"]["object"];
    Ok(WebhookEvent {
        event_id: id.to_owned(),
        event_type: name(&event["type"]).unwrap_or("unknown").to_owned(),
        payment_intent: payment_intent(object),
        order_id: object["metadata"]["order_id"].as_str().and_then(|id| id.parse().ok()),
        body: body.to_vec(),
        headers: without_signature(headers),
    })
}

fn payment_intent(object: &Value) -> Option<String> {
    let id = match object["object"].as_str() {
        Some("payment_intent") => &object["id"],
        _ => &object["payment_intent"],
    };
    name(id).map(str::to_owned)
}

/// An id or a type, as the provider makes them: others can't be stored, or found again.
fn name(value: &Value) -> Option<&str> {
    let visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    value.as_str().filter(|text| (1..=255).contains(&text.len())).filter(visible)
}

fn without_signature(headers: &HeaderMap) -> Value {
    let kept = headers.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "stripe-signature" | "authorization" | "cookie")
    });
    let text =
        |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let kept: Map<_, _> =
        kept.map(|(name, value)| (name.to_string(), Value::String(text(value)))).collect();
    Value::Object(kept)
}

/// Checks a `Stripe-Signature` over the raw body, with any of `secrets`, in constant time
/// (Stripe, "Verify webhook signatures manually").
pub fn verify(signature: &str, body: &[u8], secrets: &[String], now: i64) -> Answer<()> {
    let bad = |why: &str| Problem::new(Kind::BadSignature).because(why);
    let mut timestamp = None;
    let mut given = Vec::new();
    for part in signature.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => timestamp = value.parse::<i64>().ok(),
            Some(("v1", value)) => given.extend(hex::decode(value)),
            _ => {}
        }
    }
    let Some(timestamp) = timestamp.filter(|_| !given.is_empty()) else {
        return Err(bad("the header 'Stripe-Signature' has to have t=… and v1=…"));
    };
    if now.saturating_sub(timestamp).saturating_abs() > TOLERANCE {
        return Err(bad("the signature is more than 300 seconds old, or from the future"));
    }
    let fits = secrets.iter().any(|secret| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            return false;
        };
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        let ours = mac.finalize().into_bytes();
        given.iter().fold(false, |fits, theirs| fits | bool::from(ours.ct_eq(theirs.as_slice())))
    });
    if fits { Ok(()) } else { Err(bad("no configured secret gives this signature")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn signed(secret: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{timestamp}.{body}").as_bytes());
        format!("t={timestamp},v1={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn fits(signature: &str, body: &str) -> bool {
        verify(signature, body.as_bytes(), &["old".into(), "new".into()], NOW).is_ok()
    }

    #[test]
    fn any_configured_secret_signs() {
        assert!(fits(&signed("old", NOW, "{}"), "{}"));
        assert!(fits(&signed("new", NOW - 300, "{}"), "{}"));
        assert!(fits(&format!("{},v1=00,v0=zz", signed("new", NOW, "{}")), "{}"));
    }

    #[test]
    fn what_no_provider_would_call_an_event_is_no_name() {
        assert_eq!(name(&json!("evt_1")), Some("evt_1"));
        for bad in [json!(null), json!(1), json!(""), json!("evt_\0"), json!("e".repeat(256))] {
            assert_eq!(name(&bad), None, "{bad:.20}");
        }
    }

    #[test]
    fn another_body_time_or_secret_does_not() {
        assert!(!fits(&signed("new", NOW, "{}"), "{ }"));
        assert!(!fits(&signed("other", NOW, "{}"), "{}"));
        assert!(!fits(&signed("new", NOW - 301, "{}"), "{}"));
        assert!(!fits(&signed("new", NOW + 301, "{}"), "{}"));
        for nonsense in ["", "t=1", "v1=00", "t=x,v1=00", "t=1700000000,v1=zz"] {
            assert!(!fits(nonsense, "{}"), "{nonsense}");
        }
    }
}
