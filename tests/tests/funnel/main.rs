//! The funnel: counted from outside against what was done.
#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails the test")]

mod asked;
mod counts;
mod orders;
mod page;
mod sessions;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use system_tests::{Reply, Shop, Shopper, eventually};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// How long counting may take with everything up.
const SOON: Duration = Duration::from_mins(1);

/// The funnel that `query` asks for.
async fn funnel(shop: &Shop, query: &[(&str, &str)]) -> Value {
    let reply = ask(shop, query).await;
    assert_eq!(reply.status, 200, "{query:?}: {}", reply.body);
    adds_up(&reply.body);
    reply.body
}

async fn ask(shop: &Shop, query: &[(&str, &str)]) -> Reply {
    Shopper::send(shop.operator().request(Method::GET, "/v1/funnel").query(query)).await
}

/// The stages of a product in the last seven days.
async fn stages_of(shop: &Shop, sku: &str) -> Value {
    funnel(shop, &[("sku", sku)]).await["totals"]["stages"].clone()
}

/// Stages in their order.
fn stages(counts: [i64; 6]) -> Value {
    let [viewed, added, opened, held, submitted, paid] = counts;
    json!({
        "product_viewed": viewed, "added_to_cart": added, "checkout_opened": opened,
        "stock_held": held, "payment_submitted": submitted, "paid": paid,
    })
}

/// Whatever was counted: held orders are paid, open or abandoned, carts likewise, and the parts of
/// the time make up all of it.
fn adds_up(funnel: &Value) {
    let number = |value: &Value| value.as_i64().unwrap();
    let rest = |whole: &Value, parts: [&str; 3]| -> i64 {
        parts.iter().map(|part| number(&whole[part])).sum()
    };
    for counts in funnel["buckets"].as_array().unwrap().iter().chain([&funnel["totals"]]) {
        let (orders, carts) = (&counts["checkout_abandonment"], &counts["cart_abandonment"]);
        assert_eq!(
            number(&orders["held"]),
            rest(orders, ["paid", "open", "abandoned"]),
            "{orders}"
        );
        assert_eq!(number(&carts["carts"]), rest(carts, ["checked_out", "open", "abandoned"]));
    }
    for (stage, total) in funnel["totals"]["stages"].as_object().unwrap() {
        let buckets = funnel["buckets"].as_array().unwrap();
        let sum: i64 = buckets.iter().map(|bucket| number(&bucket["stages"][stage])).sum();
        assert_eq!(sum, number(total), "{stage}");
    }
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap()
}

/// Reports what a session did: kind, product, and how long ago.
async fn report(shop: &Shop, session: &str, did: &[(&str, Option<&str>, time::Duration)]) -> Reply {
    let now = OffsetDateTime::now_utc();
    let event = |(kind, sku, ago): &(&str, Option<&str>, time::Duration)| json!({"kind": kind, "sku": sku, "at": rfc3339(now - *ago)});
    let events: Vec<_> = did.iter().map(event).collect();
    let body = json!({"session_id": session, "events": events});
    Shopper::send(shop.shopper().anonymous(Method::POST, "/v1/analytics").json(&body)).await
}

/// A session of its own.
fn session() -> String {
    Uuid::new_v4().to_string()
}

/// Writes down what a session did at some time, as if it had been reported then.
async fn past_event<'e>(
    database: impl sqlx::PgExecutor<'e>,
    session: &str,
    kind: &str,
    sku: &str,
    at: OffsetDateTime,
) {
    sqlx::query(
        "insert into analytics_events (event_hash, session_id, kind, sku, occurred_at)
         values (sha256($1), $2, $3, $4, $5)",
    )
    .bind(Uuid::new_v4().as_bytes().as_slice())
    .bind(session)
    .bind(kind)
    .bind(sku)
    .bind(at)
    .execute(database)
    .await
    .unwrap();
}

/// Waits until the worker has counted everything.
async fn all_is_rolled_up(database: &PgPool) {
    let rest = "select (select count(*) from order_events
            where xid >= (select upto from funnel_progress where source = 'orders'))
        + (select count(*) from analytics_events
            where xid >= (select upto from funnel_progress where source = 'sessions'))";
    eventually("everything is rolled up", SOON, || async {
        let rest: i64 = sqlx::query_scalar(rest).fetch_one(database).await.unwrap();
        (rest == 0).then_some(())
    })
    .await;
}
