//! Adding to the counts what was not counted yet.

use sqlx::PgConnection;

use crate::database::{Database, DatabaseError};

/// How many events are counted in one transaction, unless more of them came in one.
const A_BATCH: i64 = 5_000;

/// Where raw events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What happened to orders.
    Orders,
    /// What browsers report.
    Sessions,
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Sessions => "sessions",
        }
    }
}

/// Counts events of `source` that are not in the counts. Answers whether there may be more; what
/// another worker is counting is left to it.
///
/// Sequence numbers and clocks say nothing of the order in which rows become visible. Transaction
/// ids do: all that are older than the oldest one still running have ended, so that no row of
/// theirs can come late. Counted is up to there, and whoever reads adds the rest.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn roll_up(database: &Database, source: Source) -> Result<bool, DatabaseError> {
    database.transact(move |connection| Box::pin(count_batch(connection, source))).await
}

async fn count_batch(connection: &mut PgConnection, source: Source) -> Result<bool, DatabaseError> {
    let since = sqlx::query_scalar!(
        r#"select upto::text as "upto!" from funnel_progress where source = $1
           for update skip locked"#,
        source.name(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(since) = since else { return Ok(false) };
    let batch = match source {
        Source::Orders => orders_batch(connection, &since).await?,
        Source::Sessions => sessions_batch(connection, &since).await?,
    };
    let Some(batch) = batch else { return Ok(false) };
    match source {
        Source::Orders => count_orders(connection, &since, &batch.upto).await?,
        Source::Sessions => count_sessions(connection, &since, &batch.upto).await?,
    }
    sqlx::query!(
        "update funnel_progress set upto = $2::text::xid8 where source = $1",
        source.name(),
        batch.upto,
    )
    .execute(connection)
    .await?;
    Ok(batch.is_full)
}

/// The events from where the counts end to before transaction `upto`.
struct Batch {
    upto: String,
    is_full: bool,
}

impl Batch {
    /// `last` is the newest transaction among the events looked at, all of whose events belong to
    /// the batch; `settled` is the oldest transaction that still runs.
    fn of(seen: i64, last: Option<String>, settled: String) -> Result<Option<Self>, DatabaseError> {
        let Some(last) = last else { return Ok(None) };
        if seen < A_BATCH {
            return Ok(Some(Self { upto: settled, is_full: false }));
        }
        let last: u64 = last.parse().map_err(|_| DatabaseError::Stored(last))?;
        Ok(Some(Self { upto: (last + 1).to_string(), is_full: true }))
    }
}

async fn orders_batch(
    connection: &mut PgConnection,
    since: &str,
) -> Result<Option<Batch>, DatabaseError> {
    let row = sqlx::query!(
        r#"with batch as (
            select xid from order_events
            where xid >= $1::text::xid8 and xid < pg_snapshot_xmin(pg_current_snapshot())
            order by xid limit $2
        )
        select (select count(*) from batch) as "seen!",
            (select xid::text from batch order by xid desc limit 1) as last,
            pg_snapshot_xmin(pg_current_snapshot())::text as "settled!""#,
        since,
        A_BATCH,
    )
    .fetch_one(connection)
    .await?;
    Batch::of(row.seen, row.last, row.settled)
}

async fn sessions_batch(
    connection: &mut PgConnection,
    since: &str,
) -> Result<Option<Batch>, DatabaseError> {
    let row = sqlx::query!(
        r#"with batch as (
            select xid from analytics_events
            where xid >= $1::text::xid8 and xid < pg_snapshot_xmin(pg_current_snapshot())
            order by xid limit $2
        )
        select (select count(*) from batch) as "seen!",
            (select xid::text from batch order by xid desc limit 1) as last,
            pg_snapshot_xmin(pg_current_snapshot())::text as "settled!""#,
        since,
        A_BATCH,
    )
    .fetch_one(connection)
    .await?;
    Batch::of(row.seen, row.last, row.settled)
}

/// An event of an order counts by itself.
async fn count_orders(
    connection: &mut PgConnection,
    since: &str,
    upto: &str,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "select funnel_add(array_agg(sku), array_agg(at), array_agg(measure), array_agg(detail),
            array_agg(false), array_agg(count))
         from funnel_order_steps
         where seq = any(array(
            select seq from order_events
            where xid >= $1::text::xid8 and xid < $2::text::xid8))",
        since,
        upto,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A session counts by all that it did: what it counted for before goes, what it counts for now
/// comes. An event that was late moves what it has to move.
async fn count_sessions(
    connection: &mut PgConnection,
    since: &str,
    upto: &str,
) -> Result<(), DatabaseError> {
    let changed = sqlx::query_scalar!(
        "select distinct session_id from analytics_events
         where xid >= $1::text::xid8 and xid < $2::text::xid8",
        since,
        upto,
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!(
        "select funnel_add(array_agg(sku), array_agg(at), array_agg(measure), array_agg(detail),
            array_agg(false), array_agg(side.count))
         from (values (-1::bigint, $2::text::xid8), (1, $3::text::xid8)) as side (count, upto)
         cross join lateral funnel_session_steps($1, side.upto)",
        &changed,
        since,
        upto,
    )
    .execute(&mut *connection)
    .await?;
    keep_open_carts(connection, &changed, upto).await
}

/// Remembers which carts of `sessions` may still lead to a checkout.
pub(super) async fn keep_open_carts(
    connection: &mut PgConnection,
    sessions: &[String],
    upto: &str,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "delete from funnel_open_carts where session_id = any($1) or open_until <= now()",
        sessions,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into funnel_open_carts (session_id, sku, at, open_until)
         select session_id, sku, at, open_until
         from funnel_session_steps($1, $2::text::xid8)
         where open_until > now()",
        sessions,
        upto,
    )
    .execute(connection)
    .await?;
    Ok(())
}
