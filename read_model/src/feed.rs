//! Following what other processes change: a notification is a hint to look, and looking is done
//! anyway a few times a second, so that a lost one costs little.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use domain::OrderId;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use crate::{ReadError, ReadModel};

/// How often is looked without a hint.
const LOOK: Duration = Duration::from_millis(200);

/// How long one look may take: Postgres ends statements sooner, this is for a silent connection.
const PATIENCE: Duration = Duration::from_secs(8);

/// How far the tables were read. Rows become visible when their transaction commits, not in the
/// order of their numbers: everything from the oldest transaction that was still running is read
/// again, and what was seen is skipped.
#[derive(Default)]
struct Position {
    /// As text: sqlx has no type for `xid8`.
    oldest_running: Option<String>,
    seen_orders: HashSet<i64>,
    seen_changes: HashSet<i64>,
}

/// Keeps `model` fresh until `stop`.
pub async fn follow(model: ReadModel, url: String, stop: CancellationToken) {
    let mut listener = None;
    let mut position = Position::default();
    while !stop.is_cancelled() {
        let looked = tokio::time::timeout(PATIENCE, look(&model, &mut position));
        match looked.await.unwrap_or(Err(ReadError::Silent)) {
            Ok(()) => model.catalogue.is_fresh(),
            Err(error) => {
                tracing::warn!(%error, "the catalogue may be stale");
                // Postgres may come back as it was a moment ago, and give numbers out again; or it
                // is the way from the position that takes too long. All of it is read anew.
                position = Position::default();
                tokio::time::sleep(LOOK).await;
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            hint = hint(&mut listener, &url) => if matches!(hint, Hint::ConnectionLost) {
                position = Position::default();
            },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

enum Hint {
    /// Something may have changed.
    News,
    /// Postgres went away, and may have lost what it had not written to the disk: notes, and with
    /// them the numbers of their transactions.
    ConnectionLost,
}

async fn hint(listener: &mut Option<PgListener>, url: &str) -> Hint {
    if listener.is_none() {
        *listener = listen(url).await.ok();
    }
    let Some(open) = listener.as_mut() else { return std::future::pending().await };
    if let Ok(Some(_)) = open.try_recv().await {
        return Hint::News;
    }
    *listener = None;
    Hint::ConnectionLost
}

async fn listen(url: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen("holdfast").await?;
    Ok(listener)
}

async fn look(model: &ReadModel, position: &mut Position) -> Result<(), ReadError> {
    let Some(from) = position.oldest_running.clone() else {
        // What has changed since the catalogue was loaded is in a second load; what changes from
        // here on is read by position.
        let from = oldest_running(model).await?;
        model.catalogue.reload(&model.pool).await?;
        model.hub.all_may_have_changed();
        position.oldest_running = Some(from);
        return Ok(());
    };
    let rows = sqlx::query!(
        r#"
        select pg_snapshot_xmin(pg_current_snapshot())::text as "oldest_running!",
            seq as "seq?", order_id as "order_id?", sku as "sku?"
        from (select) as one
        left join (
            select seq, order_id, null::text as sku from order_events where xid >= $1::text::xid8
            union all
            select seq, null, sku from catalogue_changes where xid >= $1::text::xid8
        ) as news on true
        "#,
        from,
    )
    .fetch_all(&model.pool)
    .await?;
    let mut next = Position::default();
    let (mut orders, mut skus) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        next.oldest_running = Some(row.oldest_running);
        match (row.seq, row.order_id, row.sku) {
            (Some(seq), Some(order), _) => {
                next.seen_orders.insert(seq);
                if !position.seen_orders.contains(&seq) {
                    orders.insert(order);
                }
            }
            (Some(seq), None, Some(sku)) => {
                next.seen_changes.insert(seq);
                if !position.seen_changes.contains(&seq) {
                    skus.insert(sku);
                }
            }
            _ => {}
        }
    }
    let orders: Vec<_> = orders.into_iter().collect();
    // First those who wait for an answer.
    for order in &orders {
        model.hub.order_changed(OrderId(*order));
    }
    if !orders.is_empty() {
        skus.extend(skus_of(model, &orders).await?);
    }
    if !skus.is_empty() {
        let skus: Vec<_> = skus.into_iter().collect();
        model.catalogue.refresh(&model.pool, &skus).await?;
    }
    for order in orders {
        model.hub.order_shown(OrderId(order));
    }
    *position = next;
    Ok(())
}

async fn oldest_running(model: &ReadModel) -> Result<String, ReadError> {
    let xmin =
        sqlx::query_scalar!(r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "xmin!""#)
            .fetch_one(&model.pool)
            .await?;
    Ok(xmin)
}

async fn skus_of(model: &ReadModel, orders: &[uuid::Uuid]) -> Result<Vec<String>, ReadError> {
    let skus = sqlx::query_scalar!(
        "select distinct sku from order_lines where order_id = any($1)",
        orders,
    )
    .fetch_all(&model.pool)
    .await?;
    Ok(skus)
}
