//! How the shop is doing, in a few figures.

use serde::Serialize;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::ReadError;

/// How many orders are in a state.
#[derive(Clone, Debug)]
pub struct StateCount {
    /// Which state.
    pub state: String,
    /// All that are in it now, for the states of open orders; else none.
    pub open: Option<i64>,
    /// Those of the last hour's orders that are in it now.
    pub last_hour: i64,
}

/// Orders by state. Ended ones are counted for the last hour alone: to count all that there ever
/// were would take longer each day.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn orders(pool: &PgPool) -> Result<Vec<StateCount>, ReadError> {
    let rows = sqlx::query_as!(
        StateCount,
        r#"with open as (
            select state, count(*) as orders from orders
            where state in ('awaiting_payment', 'paying', 'confirmed', 'closing')
            group by state
        ), recent as (
            select state, count(*) as orders from orders
            where created_at > now() - interval '1 hour'
            group by state
        )
        select coalesce(open.state, recent.state) as "state!", open.orders as "open?",
            coalesce(recent.orders, 0) as "last_hour!"
        from open full join recent on recent.state = open.state"#,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// What has to be near nought, or a short while ago.
#[derive(Clone, Debug, Serialize)]
pub struct Vitals {
    /// The provider's events that wait.
    pub webhooks_waiting: i64,
    /// Those of them that were taken up and must be again.
    pub webhooks_failing: i64,
    /// When the oldest of them came.
    #[serde(with = "time::serde::rfc3339::option")]
    pub oldest_webhook_at: Option<OffsetDateTime>,
    /// Holds that have outlived their end by more than the usual grace.
    pub holds_overdue: i64,
    /// When a reconciliation last ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub reconciled_at: Option<OffsetDateTime>,
    /// What it found.
    pub findings: i64,
}

/// The shop's vital figures.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn vitals(pool: &PgPool) -> Result<Vitals, ReadError> {
    let vitals = sqlx::query_as!(
        Vitals,
        r#"with waiting as (
            select event_id, detail from webhook_deliveries where outcome is null
        ), last as (
            select run_id, finished_at from reconciliation_runs
            where finished_at is not null order by started_at desc limit 1
        )
        select (select count(*) from waiting) as "webhooks_waiting!",
            (select count(*) from waiting where detail is not null) as "webhooks_failing!",
            (select min(received_at) from webhook_inbox join waiting using (event_id))
                as oldest_webhook_at,
            (select count(*) from holds
             where state = 'open' and expires_at < now() - interval '150 seconds')
                as "holds_overdue!",
            (select finished_at from last) as reconciled_at,
            (select count(*) from reconciliation_findings join last using (run_id))
                as "findings!""#,
    )
    .fetch_one(pool)
    .await?;
    Ok(vitals)
}
