//! Deleting what browsers reported long ago; what it counted for stays.

use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::database::{Database, DatabaseError};

/// A report may come seven days late: a session must not be forgotten before.
pub const SHORTEST_RETENTION: Duration = Duration::from_secs(8 * 24 * 3_600);
/// How many sessions are forgotten in one transaction.
const A_BATCH: i64 = 500;

/// Deletes the events of sessions that did nothing within `retention`: whole sessions, so that each
/// counts as it did. Answers whether there may be more.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn forget_sessions(
    database: &Database,
    retention: Duration,
) -> Result<bool, DatabaseError> {
    let before = OffsetDateTime::now_utc() - retention.max(SHORTEST_RETENTION);
    database.transact(move |connection| Box::pin(forget_batch(connection, before))).await
}

async fn forget_batch(
    connection: &mut PgConnection,
    before: OffsetDateTime,
) -> Result<bool, DatabaseError> {
    let counted = sqlx::query_scalar!(
        r#"select upto::text as "upto!" from funnel_progress where source = 'sessions'
           for update skip locked"#
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(counted) = counted else { return Ok(false) };
    let silent = sqlx::query_scalar!(
        "select distinct session_id from (
            select session_id from analytics_events as event
            where occurred_at < $1 and not exists (
                select from analytics_events as other
                where other.session_id = event.session_id
                  and (other.occurred_at >= $1 or other.xid >= $2::text::xid8))
            order by occurred_at
            limit $3
         ) as silent",
        before,
        counted,
        A_BATCH,
    )
    .fetch_all(&mut *connection)
    .await?;
    if silent.is_empty() {
        return Ok(false);
    }
    sqlx::query!(
        "select funnel_add(array_agg(sku), array_agg(at), array_agg(measure), array_agg(detail),
            array_agg(side.sealed), array_agg(side.count))
         from (values (-1::bigint, false), (1, true)) as side (count, sealed)
         cross join funnel_session_steps($1, $2::text::xid8)",
        &silent,
        counted,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "delete from analytics_events where session_id = any($1) and xid < $2::text::xid8",
        &silent,
        counted,
    )
    .execute(connection)
    .await?;
    Ok(true)
}
