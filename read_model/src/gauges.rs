//! The shop in numbers, for metrics: one statement, whatever the number of products and orders.

use sqlx::{PgPool, types::Json};
use time::OffsetDateTime;

use crate::ReadError;

/// How the shop stands.
#[derive(Clone, Debug)]
pub struct ShopNumbers {
    /// Products with more than a few units.
    pub in_stock: i64,
    /// Products with a few.
    pub low_stock: i64,
    /// Products with none.
    pub out_of_stock: i64,
    /// Products of which more is held and sold than there is, or less than nothing.
    pub oversold: i64,
    /// Units that can be had.
    pub available: i64,
    /// Units set aside.
    pub held: i64,
    /// Units that are buyers'.
    pub sold: i64,
    /// Holds that are open.
    pub open_holds: i64,
    /// When the first of them ends, or should have ended.
    pub first_hold_ends_at: Option<OffsetDateTime>,
    /// Webhook events without an outcome.
    pub inbox: i64,
    /// When the oldest of them came.
    pub inbox_since: Option<OffsetDateTime>,
    /// Orders whose money is set aside and not taken.
    pub confirmed: i64,
    /// When the one of them that waits the longest last changed.
    pub confirmed_since: Option<OffsetDateTime>,
    /// Disputes that the shop has to answer.
    pub disputes: i64,
    /// When the last reconciliation ended.
    pub reconciled_at: Option<OffsetDateTime>,
    /// Whether Postgres takes writes.
    pub writable: bool,
    /// What it found.
    pub findings: Json<Vec<FindingCount>>,
}

/// So many findings of a kind.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct FindingCount {
    /// Of which kind.
    pub kind: String,
    /// Whether a workflow puts them right; else a person has to look.
    pub repaired: bool,
    /// How many.
    pub findings: u32,
}

/// Reads them. A product with up to `few` units is low on stock.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn read(pool: &PgPool, few: i64) -> Result<ShopNumbers, ReadError> {
    let numbers = sqlx::query_as!(
        ShopNumbers,
        r#"
        with shelf as (
            select
                count(*) filter (where available > $1) as in_stock,
                count(*) filter (where available between 1 and $1) as low_stock,
                count(*) filter (where available <= 0) as out_of_stock,
                count(*) filter (where least(available, held, sold) < 0) as oversold,
                coalesce(sum(available), 0)::bigint as available,
                coalesce(sum(held), 0)::bigint as held,
                coalesce(sum(sold), 0)::bigint as sold
            from (select on_hand - held - sold as available, held, sold from stock) as level
        ), hold as (
            select count(*) as open_holds, min(expires_at) as first_hold_ends_at
            from holds where state = 'open'
        ), inbox as (
            select count(*) as inbox, min(received_at) as inbox_since
            from webhook_deliveries join webhook_inbox using (event_id)
            where outcome is null
        ), confirmed as (
            select count(*) as confirmed, min(updated_at) as confirmed_since
            from orders where state = 'confirmed'
        ), dispute as (
            select count(*) as disputes from disputes
            where status in ('needs_response', 'warning_needs_response')
        ), run as (
            select run_id, finished_at from reconciliation_runs
            where finished_at is not null
            order by started_at desc limit 1
        ), finding as (
            select kind, repair is not null as repaired, count(*) as findings
            from reconciliation_findings join run using (run_id)
            group by kind, repair is not null
        )
        select
            in_stock as "in_stock!", low_stock as "low_stock!", out_of_stock as "out_of_stock!",
            oversold as "oversold!", available as "available!", held as "held!", sold as "sold!",
            open_holds as "open_holds!", first_hold_ends_at, inbox as "inbox!", inbox_since,
            confirmed as "confirmed!", confirmed_since, disputes as "disputes!",
            (select finished_at from run) as reconciled_at,
            current_setting('transaction_read_only') = 'off' as "writable!",
            coalesce((select jsonb_agg(to_jsonb(finding)) from finding), '[]')
                as "findings!: Json<Vec<FindingCount>>"
        from shelf, hold, inbox, confirmed, dispute
        "#,
        few,
    )
    .fetch_one(pool)
    .await?;
    Ok(numbers)
}
