//! What operators read of a run, and the audit of what it had done.

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;
use workflows::{ReconcileInput, activities::RecordFinding};

use crate::database::DatabaseError;

/// Writes down that a run has begun, once.
pub(super) async fn begin(
    pool: &PgPool,
    run: Uuid,
    input: &ReconcileInput,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "with run as (
            insert into reconciliation_runs (run_id, asked_by) values ($1, $2)
            on conflict do nothing
            returning run_id
        )
        insert into operator_changes (change_id, kind, actor, reason, request, outcome)
        select run_id, 'reconcile', $2, 'reconciliation asked for', '{}', '{}'
        from run where $2::text is not null",
        run,
        input.asked_by.as_deref(),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Writes down a finding, once; a repair that was begun has its audit row.
pub(super) async fn finding(
    pool: &PgPool,
    run: Uuid,
    record: &RecordFinding,
) -> Result<(), DatabaseError> {
    let RecordFinding { finding, begun } = record;
    let kind = finding.kind.as_str();
    let audit = Uuid::new_v5(&run, format!("{kind}/{}", finding.subject).as_bytes());
    sqlx::query!(
        "with found as (
            insert into reconciliation_findings (run_id, kind, subject, detail, repair)
            values ($1, $2, $3, $4, $5)
            on conflict do nothing
            returning detail
        )
        insert into operator_changes (change_id, kind, actor, reason, subject, request, outcome)
        select $6, 'repair', 'reconcile', detail, $3, $7, $8 from found where $9",
        run,
        kind,
        finding.subject,
        finding.detail,
        finding.repair.as_ref().map(workflows::Repair::workflow_id),
        audit,
        json!(finding),
        json!({"run_id": run}),
        begun,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Writes down that a run has ended.
pub(super) async fn finish(
    pool: &PgPool,
    run: Uuid,
    orders: u64,
    payments: u64,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "update reconciliation_runs
         set finished_at = clock_timestamp(), orders_checked = $2, payments_checked = $3
         where run_id = $1 and finished_at is null",
        run,
        i64::try_from(orders).unwrap_or(i64::MAX),
        i64::try_from(payments).unwrap_or(i64::MAX),
    )
    .execute(pool)
    .await?;
    Ok(())
}
