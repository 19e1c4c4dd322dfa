//! Writing down how a refund ended.

use domain::{
    RefundId, RefundState,
    refund::{ProviderWord, conclude, paid_state},
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;
use workflows::activities::RefundStanding;

use super::lock_order;
use crate::{
    Changes,
    database::DatabaseError,
    disputes::is_frozen,
    inventory::{Moved, lock_stock_of},
};

/// Moves a refund, and the money of its order, to where the provider says that they are. Units that
/// are to be restocked go back when the money does, and no unit goes back twice.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn finish(
    connection: &mut PgConnection,
    refund: RefundId,
    standing: &RefundStanding,
) -> Result<(RefundState, Changes), DatabaseError> {
    let order = sqlx::query_scalar!("select order_id from refunds where refund_id = $1", refund.0)
        .fetch_one(&mut *connection)
        .await?;
    lock_stock_of(connection, &[order]).await?;
    let order = domain::OrderId(order);
    let Some(locked) = lock_order(connection, order).await? else {
        return Err(DatabaseError::Stored(format!("refund {refund} has no order")));
    };
    let row =
        sqlx::query!("select state, amount_minor from refunds where refund_id = $1", refund.0)
            .fetch_one(&mut *connection)
            .await?;
    let stands: RefundState = row.state.parse().map_err(|_| DatabaseError::Stored(row.state))?;
    let (word, failure) = match standing {
        RefundStanding::Succeeded => (ProviderWord::Done, None),
        RefundStanding::Failed { why } => (ProviderWord::Undone, Some(why.as_str())),
        RefundStanding::Pending | RefundStanding::NotCounted => (ProviderWord::UnderWay, None),
    };
    let Some(moved) = conclude(stands, word, row.amount_minor.unwrap_or_default()) else {
        return Ok((stands, Changes::default()));
    };
    let refunded = locked.refunded_minor + moved.refunded;
    let frozen = is_frozen(connection, order).await?;
    let order_state = paid_state(locked.captured_minor, refunded, frozen);
    let changed = sqlx::query_as!(
        Moved,
        r#"
        with ended as (
            update refunds set state = $2, failure = $3, updated_at = clock_timestamp()
            where refund_id = $1
            returning refund_id, order_id
        ), back as (
            select line.sku, least(line.quantity, order_lines.quantity - coalesce((
                select sum(other.restocked) from refund_lines as other
                join refunds using (refund_id)
                where refunds.order_id = ended.order_id and other.sku = line.sku
            ), 0))::integer as units
            from ended
            join refund_lines as line using (refund_id)
            join order_lines on order_lines.order_id = ended.order_id
                and order_lines.sku = line.sku
            where line.restock and $2 = 'succeeded'
        ), put_back as (
            update refund_lines set restocked = back.units
            from back
            where refund_id = $1 and refund_lines.sku = back.sku
        ), level as (
            update stock set sold = sold - back.units, version = version + 1
            from back
            where stock.sku = back.sku and back.units > 0
            returning stock.sku, on_hand, held, sold, version
        ), changed as (
            update orders
            set refunded_minor = refunded_minor + $4,
                refund_pending_minor = refund_pending_minor + $5, state = $6,
                version = version + 1, updated_at = clock_timestamp()
            from ended
            where orders.order_id = ended.order_id
            returning orders.*
        ), event as (
            insert into order_events (order_id, version, kind, snapshot, at)
            select order_id, version, 'refund_' || $2, order_snapshot(row(changed.*)::orders),
                updated_at
            from changed
        )
        select
            (select jsonb_agg(order_id) from changed) as "orders: Json<Vec<Uuid>>",
            (select jsonb_agg(to_jsonb(level)) from level)
                as "levels: Json<Vec<workflows::StockLevel>>",
            null::jsonb as "turns: Json<Vec<crate::Turn>>"
        "#,
        refund.0,
        moved.state.as_str(),
        failure,
        moved.refunded,
        moved.pending,
        order_state.as_str(),
    )
    .fetch_one(connection)
    .await?;
    Ok((moved.state, changed.changes()))
}
