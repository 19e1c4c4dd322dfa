//! Refunds that were made at the provider.

use domain::{OrderState, refund::admit};
use serde_json::json;
use sqlx::{PgConnection, types::Json};
use workflows::SeenRefund;

use super::lock_order;
use crate::{Changes, database::DatabaseError};

/// Whether a refund that was seen is written down.
pub(super) enum Seen {
    /// It is, as one that is under way.
    Written,
    /// It gives back nothing that the order's books have: it never was paid.
    OrderEndedUnpaid,
    /// Not yet, for this reason.
    NotYet(String),
}

/// Writes down a refund of `amount_minor` that was made at the provider.
pub(super) async fn write(
    connection: &mut PgConnection,
    seen: &SeenRefund,
    provider_refund: &str,
    amount_minor: i64,
) -> Result<(Seen, Changes), DatabaseError> {
    let order = seen.order_id;
    let Some(locked) = lock_order(connection, order).await? else {
        return Ok((Seen::NotYet(format!("there is no order {order}")), Changes::default()));
    };
    let is_paid = admit(locked.state).is_ok() || locked.state == OrderState::Disputed;
    if !is_paid {
        let answer = if locked.state.has_ended() {
            Seen::OrderEndedUnpaid
        } else {
            Seen::NotYet(format!("{order} is {}", locked.state))
        };
        return Ok((answer, Changes::default()));
    }
    // A refund of ours that the provider will not make may still stand in its way.
    let left = locked.captured_minor - locked.refunded_minor - locked.pending_minor;
    if amount_minor > left {
        let why = format!("{provider_refund} is of {amount_minor}, and {left} is left of {order}");
        return Ok((Seen::NotYet(why), Changes::default()));
    }
    let written = sqlx::query_scalar!(
        "with refund as (
            insert into refunds (refund_id, order_id, origin, state, amount_minor, actor, request,
                provider_refund)
            values ($1, $2, 'provider', 'pending', $3, 'provider', $4, $5)
            on conflict do nothing
            returning order_id
        ), changed as (
            update orders
            set refund_pending_minor = refund_pending_minor + $3,
                version = version + 1, updated_at = clock_timestamp()
            from refund
            where orders.order_id = refund.order_id
            returning orders.*
        )
        insert into order_events (order_id, version, kind, snapshot, at)
        select order_id, version, 'refund_begun', order_snapshot(row(changed.*)::orders), updated_at
        from changed
        returning order_id",
        seen.refund_id.0,
        order.0,
        amount_minor,
        Json(json!({"seen": provider_refund})) as _,
        provider_refund,
    )
    .fetch_optional(connection)
    .await?;
    let orders = written.map(|_| order).into_iter().collect();
    Ok((Seen::Written, Changes { orders, ..Changes::default() }))
}
