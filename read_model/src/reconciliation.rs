//! What came of holding orders, workflows and the provider's books against each other.

use serde::Serialize;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunRow {
    /// Which.
    pub run_id: Uuid,
    /// Who wanted it; none when it was due.
    pub asked_by: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// How many open orders were looked at; none while it runs.
    pub orders_checked: Option<i64>,
    /// How many payments at the provider were.
    pub payments_checked: Option<i64>,
}

/// Something that did not agree.
#[derive(Clone, Debug, Serialize)]
pub struct FindingRow {
    /// What kind of thing it is.
    pub kind: String,
    /// The order, payment, refund, dispute or product that it is about.
    pub subject: String,
    /// What does not agree with what.
    pub detail: String,
    /// The workflow that puts it right; none where a person has to look.
    pub repair: Option<String>,
    /// When it was found.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// A run, if it has begun; or, if none is named, the last that has ended.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn run(pool: &PgPool, run_id: Option<Uuid>) -> Result<Option<RunRow>, ReadError> {
    let row = sqlx::query_as!(
        RunRow,
        "select run_id, asked_by, started_at, finished_at, orders_checked, payments_checked
         from reconciliation_runs
         where run_id = $1 or ($1::uuid is null and finished_at is not null)
         order by started_at desc
         limit 1",
        run_id,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}

/// What a run has found.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn findings(pool: &PgPool, run_id: Uuid) -> Result<Vec<FindingRow>, ReadError> {
    let rows = sqlx::query_as!(
        FindingRow,
        "select kind, subject, detail, repair, at from reconciliation_findings
         where run_id = $1 order by kind, subject",
        run_id,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
