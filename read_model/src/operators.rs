//! What operators read.

use domain::{OrderId, Sku};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// An order in a list.
#[derive(Clone, Debug, Serialize)]
pub struct OrderRow {
    /// Which.
    pub order_id: Uuid,
    /// Where it stands.
    pub state: String,
    /// Where its payment stands.
    pub payment_state: String,
    /// What it costs.
    pub total_minor: Option<i64>,
    /// In which currency.
    pub currency: Option<String>,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// Orders, newest first, those older than `before`.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn orders(
    pool: &PgPool,
    state: Option<&str>,
    before: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<OrderRow>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        OrderRow,
        "select order_id, state, payment_state, total_minor, currency, created_at, updated_at
         from orders
         where ($1::text is null or state = $1)
           and ($2::timestamptz is null or (created_at, order_id) < ($2, $3))
         order by created_at desc, order_id desc
         limit $4",
        state,
        at,
        id,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// A try to pay.
#[derive(Clone, Debug, Serialize)]
pub struct AttemptRow {
    /// Which.
    pub attempt_id: Uuid,
    /// The how-manieth, from 1.
    pub number: i32,
    /// The provider's id of what was charged.
    pub payment_method: String,
    /// How it came out; none while it is under way.
    pub outcome: Option<String>,
    /// Why it was declined.
    pub decline_code: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
}

/// The tries to pay an order, oldest first.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn attempts(pool: &PgPool, order: OrderId) -> Result<Vec<AttemptRow>, ReadError> {
    let rows = sqlx::query_as!(
        AttemptRow,
        "select attempt_id, number, payment_method, outcome, decline_code, started_at
         from payment_attempts where order_id = $1 order by number",
        order.0,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// What there is of a product: `on_hand = available + held + sold`.
#[derive(Clone, Debug, Serialize)]
pub struct StockRow {
    /// Which product.
    pub sku: String,
    /// Every unit stocked and not written off.
    pub on_hand: i64,
    /// Units that nobody holds or has bought.
    pub available: i64,
    /// Units of open holds.
    pub held: i64,
    /// Units of confirmed orders.
    pub sold: i64,
    /// Goes up with every change.
    pub version: i64,
}

/// Stock in SKU order, that after `after`; or that of one SKU.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn stock(
    pool: &PgPool,
    only: Option<&Sku>,
    after: Option<&Sku>,
    limit: i64,
) -> Result<Vec<StockRow>, ReadError> {
    let rows = sqlx::query_as!(
        StockRow,
        r#"select sku, on_hand, on_hand - held - sold as "available!", held, sold, version
           from stock
           where ($1::text is null or sku = $1) and ($2::text is null or sku > $2)
           order by sku
           limit $3"#,
        only.map(Sku::as_str),
        after.map(Sku::as_str),
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// An operator's change.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRow {
    /// The operator's id of it.
    pub change_id: Uuid,
    /// What was changed.
    pub kind: String,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// What was asked for.
    pub request: Value,
    /// What came of it.
    pub outcome: Value,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Operators' changes, newest first.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn audit(pool: &PgPool, limit: i64) -> Result<Vec<AuditRow>, ReadError> {
    let rows = sqlx::query_as!(
        AuditRow,
        "select change_id, kind, actor, reason, request, outcome, at
         from operator_changes order by at desc limit $1",
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
