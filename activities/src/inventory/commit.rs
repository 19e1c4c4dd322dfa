//! Making held stock the buyer's, for good.

use std::collections::BTreeSet;

use domain::OrderId;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;
use workflows::activities::Commit;

use super::{Moved, lock_stock_of, uuids};
use crate::{Changes, database::DatabaseError};

/// Makes the units held for each of `orders` the buyer's, and confirms the order. Units whose payment
/// is called off, or may be, stay held.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn commit(
    connection: &mut PgConnection,
    orders: &[OrderId],
) -> Result<(Vec<Commit>, Changes), DatabaseError> {
    let ids = uuids(orders.iter().copied());
    lock_stock_of(connection, &ids).await?;
    let moved = sqlx::query_as!(
        Moved,
        r#"
        with claimed as (
            update holds set state = 'committed'
            where order_id = any($1) and state = 'open' and called_off = 0
            returning order_id
        ), level as (
            update stock
            set held = held - moved.units, sold = sold + moved.units, version = version + 1
            from (
                select sku, sum(quantity)::bigint as units
                from order_lines join claimed using (order_id)
                group by sku
            ) as moved
            where stock.sku = moved.sku
            returning stock.sku, on_hand, held, sold, version
        ), attempt as (
            update payment_attempts
            set outcome = 'authorized', ended_at = clock_timestamp()
            from claimed
            where payment_attempts.order_id = claimed.order_id and outcome is null
        ), confirmed as (
            update orders
            set state = 'confirmed', payment_state = 'authorized', decline_code = null,
                next_action_url = null, version = version + 1, updated_at = clock_timestamp()
            from claimed
            where orders.order_id = claimed.order_id
            returning orders.*
        ), event as (
            insert into order_events (order_id, version, kind, snapshot, at)
            select order_id, version, 'confirmed', order_snapshot(row(confirmed.*)::orders), updated_at
            from confirmed
        )
        select
            (select jsonb_agg(order_id) from confirmed) as "orders: Json<Vec<Uuid>>",
            (select jsonb_agg(to_jsonb(level)) from level)
                as "levels: Json<Vec<workflows::StockLevel>>",
            (select jsonb_agg(jsonb_build_object(
                'state', state, 'held_for_seconds', extract(epoch from updated_at - created_at)
            )) from confirmed) as "turns: Json<Vec<crate::Turn>>"
        "#,
        &ids,
    )
    .fetch_one(&mut *connection)
    .await?;
    let committed = committed_among(connection, &ids).await?;
    let answer = |order: &OrderId| {
        if committed.contains(&order.0) { Commit::Committed } else { Commit::HoldGone }
    };
    Ok((orders.iter().map(answer).collect(), moved.changes()))
}

/// Those whose units are the buyer's now, by this call or an earlier one.
async fn committed_among(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<BTreeSet<Uuid>, DatabaseError> {
    let committed = sqlx::query_scalar!(
        "select order_id from holds where order_id = any($1) and state = 'committed'",
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(committed.into_iter().collect())
}
