//! Building the counts from scratch.

use sqlx::{Executor, PgConnection};
use time::{Duration, OffsetDateTime};

use super::rollup::keep_open_carts;
use crate::database::{Database, DatabaseError};

/// What one step of a rebuild covers.
const A_DAY: Duration = Duration::DAY;

/// Throws the counts away and makes them anew from every event that there is; what sessions have
/// counted for whose events were deleted stays. One transaction: whoever reads meanwhile finds the
/// counts as they were.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn rebuild(database: &Database) -> Result<(), DatabaseError> {
    database.transact(|connection| Box::pin(build(connection))).await
}

/// Whether the counts go further than this server has counted its transactions: the database was
/// restored from a dump of another one, and only a rebuild makes them follow again.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn was_restored_elsewhere(database: &Database) -> Result<bool, DatabaseError> {
    let ahead = sqlx::query_scalar!(
        r#"select exists (
            select from funnel_progress where upto > pg_snapshot_xmax(pg_current_snapshot())
        ) as "ahead!""#
    )
    .fetch_one(database.pool())
    .await?;
    Ok(ahead)
}

async fn build(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    connection.execute("set local statement_timeout = 0; set local lock_timeout = '5min'").await?;
    // Whoever rolls up has finished, and waits.
    connection.execute("select from funnel_progress order by source for update").await?;
    forget_foreign_transactions(connection).await?;
    let upto =
        sqlx::query_scalar!(r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "upto!""#)
            .fetch_one(&mut *connection)
            .await?;
    connection.execute("delete from funnel_quarters where not sealed").await?;
    connection.execute("delete from funnel_days where not sealed").await?;
    connection.execute("delete from funnel_open_carts").await?;
    count_orders(connection, &upto).await?;
    count_sessions(connection, &upto).await?;
    sqlx::query!("update funnel_progress set upto = $1::text::xid8", upto)
        .execute(connection)
        .await?;
    Ok(())
}

/// Rows that came with a dump bear numbers of the server that it was made on, which this one may
/// not have reached: they are older than all of its own.
async fn forget_foreign_transactions(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query!(
        "update order_events set xid = '3' where xid > pg_snapshot_xmax(pg_current_snapshot())"
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update analytics_events set xid = '3' where xid > pg_snapshot_xmax(pg_current_snapshot())"
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn count_orders(connection: &mut PgConnection, upto: &str) -> Result<(), DatabaseError> {
    let span = sqlx::query!("select min(created_at) as first, max(created_at) as last from orders")
        .fetch_one(&mut *connection)
        .await?;
    for (from, to) in days(span.first, span.last) {
        sqlx::query!(
            "select funnel_add(array_agg(sku), array_agg(at), array_agg(measure),
                array_agg(detail), array_agg(false), array_agg(count))
             from funnel_order_steps
             where order_id = any(array(
                select order_id from orders where created_at >= $1 and created_at < $2))
               and xid < $3::text::xid8",
            from,
            to,
            upto,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Sessions by the day of their first event, whose counts lie close together.
async fn count_sessions(connection: &mut PgConnection, upto: &str) -> Result<(), DatabaseError> {
    let span = sqlx::query!(
        "select min(occurred_at) as first, max(occurred_at) as last from analytics_events"
    )
    .fetch_one(&mut *connection)
    .await?;
    for (from, to) in days(span.first, span.last) {
        let sessions = sqlx::query_scalar!(
            "select distinct session_id from analytics_events as event
             where occurred_at >= $1 and occurred_at < $2 and not exists (
                select from analytics_events as earlier
                where earlier.session_id = event.session_id and earlier.occurred_at < $1)",
            from,
            to,
        )
        .fetch_all(&mut *connection)
        .await?;
        sqlx::query!(
            "select funnel_add(array_agg(sku), array_agg(at), array_agg(measure),
                array_agg(detail), array_agg(false), array_agg(1::bigint))
             from funnel_session_steps($1, $2::text::xid8)",
            &sessions,
            upto,
        )
        .execute(&mut *connection)
        .await?;
    }
    let maybe_open = sqlx::query_scalar!(
        "select distinct session_id from analytics_events
         where kind = 'added_to_cart' and occurred_at > now() - cart_patience()"
    )
    .fetch_all(&mut *connection)
    .await?;
    keep_open_carts(connection, &maybe_open, upto).await
}

fn days(
    first: Option<OffsetDateTime>,
    last: Option<OffsetDateTime>,
) -> impl Iterator<Item = (OffsetDateTime, OffsetDateTime)> {
    let day_after = |at: &OffsetDateTime| at.checked_add(A_DAY);
    std::iter::successors(first, day_after)
        .take_while(move |from| last.is_some_and(|last| *from <= last))
        .map(|from| (from, from.saturating_add(A_DAY)))
}
