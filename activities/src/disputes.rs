//! Disputes of orders' payments, as the provider tells of them.

use domain::{DisputeStanding, OrderId, OrderState, refund::paid_state};
use sqlx::PgConnection;
use workflows::SeenDispute;

use crate::{
    Changes, database::DatabaseError, provider::refunds::ProviderDispute, refunds::lock_order,
};

/// Records where a dispute stands, and brings its order in step with it. False when the order is
/// not paid yet: then nothing has changed.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn record(
    connection: &mut PgConnection,
    seen: &SeenDispute,
    now: &ProviderDispute,
) -> Result<(bool, Changes), DatabaseError> {
    let order = seen.order_id;
    let Some(locked) = lock_order(connection, order).await? else {
        return Ok((false, Changes::default()));
    };
    match locked.state {
        OrderState::Paid
        | OrderState::PartiallyRefunded
        | OrderState::Refunded
        | OrderState::Disputed => {}
        OrderState::Reserving
        | OrderState::AwaitingPayment
        | OrderState::Paying
        | OrderState::Confirmed
        | OrderState::Closing => return Ok((false, Changes::default())),
        // A late payment: it is settled, and no order's money is disputed.
        OrderState::Refused
        | OrderState::Expired
        | OrderState::Cancelled
        | OrderState::PaymentFailed => return Ok((true, Changes::default())),
    }
    let stood = keep(connection, seen, now).await?;
    let frozen = is_frozen(connection, order).await?;
    let state = paid_state(locked.captured_minor, locked.refunded_minor, frozen);
    let kind = match now.standing() {
        standing if Some(standing) == stood && state == locked.state => {
            return Ok((true, Changes::default()));
        }
        DisputeStanding::Open => "disputed",
        DisputeStanding::Won => "dispute_won",
        DisputeStanding::Lost => "dispute_lost",
        DisputeStanding::Inquiry => "inquiry",
        DisputeStanding::Settled => "inquiry_settled",
    };
    sqlx::query!(
        "with changed as (
            update orders
            set state = $2, version = version + 1, updated_at = clock_timestamp()
            where order_id = $1
            returning *
        )
        insert into order_events (order_id, version, kind, snapshot, at)
        select order_id, version, $3, order_snapshot(row(changed.*)::orders), updated_at
        from changed",
        order.0,
        state.as_str(),
        kind,
    )
    .execute(connection)
    .await?;
    Ok((true, Changes { orders: vec![order], ..Changes::default() }))
}

/// Keeps what the provider says; answers how the dispute stood before, if it was known.
async fn keep(
    connection: &mut PgConnection,
    seen: &SeenDispute,
    now: &ProviderDispute,
) -> Result<Option<DisputeStanding>, DatabaseError> {
    let before =
        sqlx::query_scalar!("select status from disputes where dispute_id = $1", seen.dispute_id)
            .fetch_optional(&mut *connection)
            .await?;
    sqlx::query!(
        "insert into disputes (dispute_id, order_id, status, freezes, amount_minor)
         values ($1, $2, $3, $4, $5)
         on conflict (dispute_id) do update
         set status = excluded.status, freezes = excluded.freezes,
             amount_minor = excluded.amount_minor, updated_at = clock_timestamp()",
        seen.dispute_id,
        seen.order_id.0,
        now.status,
        now.standing().freezes(),
        now.amount,
    )
    .execute(connection)
    .await?;
    Ok(before.map(|status| DisputeStanding::read(&status)))
}

/// Whether a dispute keeps the order's money out of the shop's hands.
pub(crate) async fn is_frozen(
    connection: &mut PgConnection,
    order: OrderId,
) -> Result<bool, DatabaseError> {
    let frozen = sqlx::query_scalar!(
        r#"select exists (select from disputes where order_id = $1 and freezes) as "frozen!""#,
        order.0,
    )
    .fetch_one(connection)
    .await?;
    Ok(frozen)
}
