//! Putting units back on the shelf: held ones, and sold ones whose payment failed.

use std::collections::BTreeSet;

use domain::OrderId;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;
use workflows::activities::{Release, ReturnUnits};

use super::{Moved, lock_stock_of, uuids};
use crate::{Changes, database::DatabaseError};

/// Puts the units held for each of `releases` back and ends the order. An order whose units are
/// not held any more is left as it is.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn release(
    connection: &mut PgConnection,
    releases: &[Release],
) -> Result<Changes, DatabaseError> {
    let ids = uuids(releases.iter().map(|release| release.order_id));
    let ends: Vec<_> = releases.iter().map(|release| release.end_state.to_string()).collect();
    lock_stock_of(connection, &ids).await?;
    let moved = sqlx::query_as!(
        Moved,
        r#"
        with asked as (
            select * from unnest($1::uuid[], $2::text[]) as asked (order_id, end_state)
        ), claimed as (
            update holds set state = 'released'
            from asked
            where holds.order_id = asked.order_id and state = 'open'
            returning holds.order_id, asked.end_state
        ), level as (
            update stock
            set held = held - moved.units, version = version + 1
            from (
                select sku, sum(quantity)::bigint as units
                from order_lines join claimed using (order_id)
                group by sku
            ) as moved
            where stock.sku = moved.sku
            returning stock.sku, on_hand, held, sold, version
        ), ended as (
            update orders
            set state = claimed.end_state, next_action_url = null,
                version = version + 1, updated_at = clock_timestamp()
            from claimed
            where orders.order_id = claimed.order_id
            returning orders.*
        ), event as (
            insert into order_events (order_id, version, kind, snapshot, at)
            select order_id, version, state, order_snapshot(row(ended.*)::orders), updated_at
            from ended
        )
        select
            (select jsonb_agg(order_id) from ended) as "orders: Json<Vec<Uuid>>",
            (select jsonb_agg(to_jsonb(level)) from level)
                as "levels: Json<Vec<workflows::StockLevel>>",
            (select jsonb_agg(jsonb_build_object(
                'state', state, 'held_for_seconds', extract(epoch from updated_at - created_at)
            )) from ended) as "turns: Json<Vec<crate::Turn>>"
        "#,
        &ids,
        &ends,
    )
    .fetch_one(connection)
    .await?;
    Ok(moved.changes())
}

/// Puts the units sold to each of `orders` back, because their money can't be had, and ends the
/// order as `payment_failed`. An order whose units are back already is left as it is, and so is one
/// whose money has moved after all.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn return_units(
    connection: &mut PgConnection,
    orders: &[OrderId],
) -> Result<(Vec<ReturnUnits>, Changes), DatabaseError> {
    let ids = uuids(orders.iter().copied());
    lock_stock_of(connection, &ids).await?;
    let moved = sqlx::query_as!(
        Moved,
        r#"
        with ended as (
            update orders
            set state = 'payment_failed', payment_state = 'cancelled',
                version = version + 1, updated_at = clock_timestamp()
            where order_id = any($1) and state = 'confirmed'
            returning *
        ), claimed as (
            update holds set state = 'released'
            from ended
            where holds.order_id = ended.order_id and holds.state = 'committed'
            returning holds.order_id
        ), level as (
            update stock
            set sold = sold - moved.units, version = version + 1
            from (
                select sku, sum(quantity)::bigint as units
                from order_lines join claimed using (order_id)
                group by sku
            ) as moved
            where stock.sku = moved.sku
            returning stock.sku, on_hand, held, sold, version
        ), event as (
            insert into order_events (order_id, version, kind, snapshot, at)
            select order_id, version, state, order_snapshot(row(ended.*)::orders), updated_at
            from ended
        )
        select
            (select jsonb_agg(order_id) from ended) as "orders: Json<Vec<Uuid>>",
            (select jsonb_agg(to_jsonb(level)) from level)
                as "levels: Json<Vec<workflows::StockLevel>>",
            (select jsonb_agg(jsonb_build_object(
                'state', state, 'held_for_seconds', null
            )) from ended) as "turns: Json<Vec<crate::Turn>>"
        "#,
        &ids,
    )
    .fetch_one(&mut *connection)
    .await?;
    let paid = paid_among(connection, &ids).await?;
    let answer = |order: &OrderId| {
        if paid.contains(&order.0) { ReturnUnits::PaidAfterAll } else { ReturnUnits::Returned }
    };
    Ok((orders.iter().map(answer).collect(), moved.changes()))
}

/// Those whose money has moved.
async fn paid_among(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<BTreeSet<Uuid>, DatabaseError> {
    let paid = sqlx::query_scalar!(
        "select order_id from orders where order_id = any($1) and captured_minor > 0",
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(paid.into_iter().collect())
}
