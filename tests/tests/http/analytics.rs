//! What browsers report.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Reply, Shop, Shopper};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::support::{is_problem, json_text, pointers, raw};

fn ago(ago: Duration) -> String {
    (OffsetDateTime::now_utc() - ago).format(&Rfc3339).unwrap()
}

fn now() -> String {
    ago(Duration::ZERO)
}

async fn report(shop: &Shop, body: &Value) -> Reply {
    json_text(shop.shopper().anonymous(Method::POST, "/v1/analytics"), body.to_string()).await
}

/// How many events of this session are kept.
async fn kept(shop: &Shop, session: &str) -> i64 {
    let count = "select count(*) from analytics_events where session_id = $1";
    sqlx::query_scalar(count).bind(session).fetch_one(&shop.database().await).await.unwrap()
}

#[tokio::test]
async fn what_a_browser_reports_is_kept() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let session = Uuid::new_v4().to_string();
    let body = json!({"session_id": session, "events": [
        {"kind": "product_viewed", "sku": sku, "at": now()},
        {"kind": "added_to_cart", "sku": sku, "at": now()},
        {"kind": "removed_from_cart", "sku": sku, "at": now()},
        {"kind": "checkout_opened", "at": now()},
    ]});
    let reply = report(&shop, &body).await;
    assert_eq!((reply.status.as_u16(), reply.body), (204, Value::Null));
    assert_eq!(kept(&shop, &session).await, 4);
}

#[tokio::test]
async fn a_beacon_sends_text_and_may_repeat_itself() {
    let shop = Shop::shared().await;
    let session = Uuid::new_v4().to_string();
    let event = json!({"kind": "checkout_opened", "at": now()});
    let body = json!({"session_id": session, "events": [event, event]}).to_string();
    for media_type in ["text/plain;charset=UTF-8", "text/plain", "application/json"] {
        let post = shop.shopper().anonymous(Method::POST, "/v1/analytics");
        assert_eq!(raw(post, media_type, body.clone()).await.status, 204, "{media_type}");
    }
    assert_eq!(kept(&shop, &session).await, 1);
}

#[tokio::test]
async fn no_events_are_fine() {
    let shop = Shop::shared().await;
    assert_eq!(report(&shop, &json!({"session_id": "s", "events": []})).await.status, 204);
}

#[tokio::test]
async fn nonsense_is_pointed_to_and_not_kept() {
    let shop = Shop::shared().await;
    let session = Uuid::new_v4().to_string();
    let with = |event: Value| json!({"session_id": session, "events": [event]});
    let fine = json!({"kind": "checkout_opened", "at": now()});
    for (body, pointer) in [
        (with(json!({"kind": "paid", "at": now()})), "/events/0/kind"),
        (with(json!({"at": now()})), "/events/0/kind"),
        (with(json!({"kind": "product_viewed", "sku": "no-such", "at": now()})), "/events/0/sku"),
        (with(json!({"kind": "product_viewed", "sku": "a b", "at": now()})), "/events/0/sku"),
        (with(json!({"kind": "checkout_opened", "at": "yesterday"})), "/events/0/at"),
        (with(json!({"kind": "checkout_opened", "at": ago(Duration::days(30))})), "/events/0/at"),
        (with(json!({"kind": "checkout_opened", "at": ago(-Duration::DAY)})), "/events/0/at"),
        (with(json!({"kind": "checkout_opened"})), "/events/0/at"),
        (with(json!({"kind": "checkout_opened", "at": now(), "x": 1})), "/events/0/x"),
        (with(json!("checkout_opened")), "/events/0"),
        (json!({"session_id": session, "events": {}}), "/events"),
        (json!({"session_id": session}), "/events"),
        (json!({"session_id": session, "events": vec![&fine; 5_000 / 100 + 1]}), "/events"),
        (json!({"session_id": "", "events": [fine]}), "/session_id"),
        (json!({"session_id": "a\u{0}b", "events": [fine]}), "/session_id"),
        (json!({"session_id": 7, "events": []}), "/session_id"),
        (json!({"events": []}), "/session_id"),
        (json!({"session_id": session, "events": [], "user": "x"}), "/user"),
    ] {
        let reply = report(&shop, &body).await;
        assert!(pointers(&reply).contains(&pointer), "{body}: {}", reply.body);
    }
    assert_eq!(kept(&shop, &session).await, 0);
}

#[tokio::test]
async fn one_bad_event_does_not_hurt_the_rest_of_the_report() {
    let shop = Shop::shared().await;
    let session = Uuid::new_v4().to_string();
    let body = json!({"session_id": session, "events": [
        {"kind": "checkout_opened", "at": now()}, {"kind": "nonsense", "at": now()},
    ]});
    assert_eq!(pointers(&report(&shop, &body).await), ["/events/1/kind"]);
    assert_eq!(kept(&shop, &session).await, 1);
}

#[tokio::test]
async fn a_form_is_415() {
    let shop = Shop::shared().await;
    let post = shop.shopper().anonymous(Method::POST, "/v1/analytics");
    let reply = Shopper::send(post.form(&[("session_id", "s")])).await;
    is_problem(&reply, "unsupported-media-type");
}
