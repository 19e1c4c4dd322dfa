//! What has to be true of a shop, whatever happened to it, seen from outside.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::Value;
use sqlx::{PgPool, Row, postgres::PgRow};

use crate::{Shop, http_client};

/// Checks stock against holds, and orders against the provider's ledger. Orders that are still
/// open are held to what is true of them at every instant; ended ones to all of it.
///
/// # Panics
/// When something is not as it has to be.
pub async fn assert_invariants(shop: &Shop) {
    assert_invariants_of(&shop.database().await, &shop.sandbox_url()).await;
}

/// The same for a shop that somebody else has opened: its database, as the owner, and the address
/// of its sandbox.
///
/// # Panics
/// When something is not as it has to be.
pub async fn assert_invariants_of(database: &PgPool, sandbox_url: &str) {
    assert_stock_adds_up(database).await;
    assert_every_event_has_its_version(database).await;
    let ledger: Value = http_client()
        .get(format!("{sandbox_url}/sandbox/ledger"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_money_agrees(database, &ledger).await;
}

/// The same, for somebody who goes on: what is not as it has to be, if anything is.
pub async fn broken_invariants(database_url: &str, sandbox_url: &str) -> Option<String> {
    let (database_url, sandbox_url) = (database_url.to_owned(), sandbox_url.to_owned());
    let asserted = tokio::spawn(async move {
        let database = PgPool::connect(&database_url).await.expect("Postgres is well");
        assert_invariants_of(&database, &sandbox_url).await;
    });
    let panic = asserted.await.err()?.try_into_panic().ok();
    let said = panic.as_ref().and_then(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| panic.downcast_ref::<String>().cloned())
    });
    Some(said.unwrap_or_default())
}

/// `held` is the sum of open holds, `sold` of committed ones, nothing is negative or oversold.
async fn assert_stock_adds_up(database: &PgPool) {
    let rows = sqlx::query(
        "select sku, on_hand, held, sold,
            coalesce(sum(quantity) filter (where holds.state = 'open'), 0)::bigint as open_units,
            (coalesce(sum(quantity) filter (where holds.state = 'committed'), 0) - coalesce((
                select sum(restocked) from refund_lines where refund_lines.sku = stock.sku
            ), 0))::bigint as sold_units
         from stock
         left join order_lines using (sku)
         left join holds using (order_id)
         group by sku, on_hand, held, sold",
    )
    .fetch_all(database)
    .await
    .unwrap();
    for row in rows {
        let number = |name: &str| row.get::<i64, _>(name);
        let sku: String = row.get("sku");
        assert_eq!(number("held"), number("open_units"), "units held of {sku}");
        assert_eq!(number("sold"), number("sold_units"), "units sold of {sku}");
        assert!(number("on_hand") - number("held") - number("sold") >= 0, "{sku} is oversold");
    }
}

/// Each change of an order is one event, numbered without a gap, the last as the row says.
async fn assert_every_event_has_its_version(database: &PgPool) {
    let broken: Vec<String> = sqlx::query_scalar(
        "select order_id::text from orders
         left join lateral (
            select count(*) as events, max(version) as last
            from order_events where order_events.order_id = orders.order_id
         ) as told on true
         where events <> version or last <> version",
    )
    .fetch_all(database)
    .await
    .unwrap();
    assert!(broken.is_empty(), "events and versions of {broken:?}");
}

/// An order's state, its total, and what the shop has of that by its books.
type Standing = (String, Option<i64>, RangeInclusive<Option<i64>>);

/// At most one capture an order, and none without an order that is paid, less what was given back;
/// an ended unpaid order has nothing set aside and nothing taken.
async fn assert_money_agrees(database: &PgPool, ledger: &Value) {
    let rows = sqlx::query(
        "select order_id::text as id, state, total_minor - refunded_minor as owned, total_minor,
            total_minor - refunded_minor - refund_pending_minor as owned_at_least
         from orders",
    )
    .fetch_all(database)
    .await
    .unwrap();
    // What is on its way back may have gone already.
    let owned = |row: &PgRow| row.get("owned_at_least")..=row.get("owned");
    let order = |row: &PgRow| (row.get("state"), row.get("total_minor"), owned(row));
    let orders: BTreeMap<String, Standing> =
        rows.iter().map(|row| (row.get("id"), order(row))).collect();
    let mut paid_on: BTreeMap<&str, i64> = BTreeMap::new();
    for intent in ledger["intents"].as_array().unwrap() {
        let number = |name: &str| intent[name].as_i64().unwrap();
        let order = intent["order_id"].as_str().unwrap_or_default();
        let kept = number("captured") - number("refunded");
        *paid_on.entry(order).or_default() += kept;
        let Some((state, total, owned)) = orders.get(order) else {
            assert_eq!((kept, number("amount_capturable")), (0, 0), "no order has {intent}");
            continue;
        };
        match state.as_str() {
            "paid" | "partially_refunded" | "refunded" => assert!(
                kept == 0 || owned.contains(&Some(kept)),
                "{order} is {state}, and the provider says {intent}"
            ),
            "refused" | "expired" | "cancelled" | "payment_failed" => assert_eq!(
                (kept, number("amount_capturable")),
                (0, 0),
                "{order} is {state}, and the provider says {intent}"
            ),
            _ => assert!(kept <= total.unwrap_or(0), "{order} is {state}: {intent}"),
        }
    }
    for (order, (state, _, owned)) in &orders {
        if ["paid", "partially_refunded", "refunded", "disputed"].contains(&state.as_str()) {
            let kept = paid_on.get(order.as_str()).copied();
            assert!(owned.contains(&kept), "{order} is {state}: {kept:?} is not in {owned:?}");
        }
    }
}
