//! What a payment does to its order's row; what its attempts do is in [`crate::attempts`]. Each is
//! one statement that says from which states it may move the order: a call that comes late, twice,
//! or from a worker that was thought dead finds the order moved on, and changes nothing.

use domain::{Money, OrderId, OrderState};
use sqlx::PgPool;

use crate::database::DatabaseError;

/// How long the provider surely remembers a key, in seconds: an hour less than it says
/// (Stripe, "Idempotent requests"). What began before that is asked for, and never sent again.
pub(crate) const KEYS_LAST_SECONDS: f64 = 23.0 * 3600.0;

/// Keeps the id of the order's one intent, before anything is charged on it. False when the
/// order takes no payment any more: then nothing may be charged.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn keep_intent(
    pool: &PgPool,
    order: OrderId,
    payment_intent: &str,
) -> Result<bool, DatabaseError> {
    let kept = sqlx::query!(
        "update orders set payment_intent = $2
         where order_id = $1 and state = 'paying'
           and (payment_intent is null or payment_intent = $2)",
        order.0,
        payment_intent,
    )
    .execute(pool)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Keeps the id of the intent of an order that is being closed, so that whoever closes it later
/// finds it.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn keep_intent_of_closing(
    pool: &PgPool,
    order: OrderId,
    payment_intent: &str,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "update orders set payment_intent = $2
         where order_id = $1 and state = 'closing' and payment_intent is null",
        order.0,
        payment_intent,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Where an order and its payment stand.
#[derive(Debug)]
pub struct PaymentRow {
    /// The order's state.
    pub state: OrderState,
    /// What it costs.
    pub total: Money,
    /// Its intent, if it has one.
    pub payment_intent: Option<String>,
    /// How many attempts to pay it there were.
    pub attempts: i32,
    /// Whether its hold's time is up.
    pub hold_is_over: bool,
    /// Whether the key is over under which its intent was created, if it was.
    pub create_key_is_over: bool,
}

/// Reads where an order and its payment stand.
///
/// # Errors
/// When Postgres can't be asked, or the order was never held.
pub async fn payment_of(pool: &PgPool, order: OrderId) -> Result<PaymentRow, DatabaseError> {
    let row = find_payment(pool, order).await?;
    row.ok_or_else(|| DatabaseError::Stored(format!("there is no order {order}")))
}

/// Reads where an order and its payment stand, if there is such an order.
///
/// # Errors
/// When Postgres can't be asked, or the order was never held.
pub async fn find_payment(
    pool: &PgPool,
    order: OrderId,
) -> Result<Option<PaymentRow>, DatabaseError> {
    let row = sqlx::query!(
        "select state, total_minor, currency, payment_intent, payment_attempts,
            coalesce(expires_at <= clock_timestamp(), false) as \"hold_is_over!\",
            exists (
                select from payment_attempts as attempt
                where attempt.order_id = orders.order_id
                  and started_at <= clock_timestamp() - $2::float8 * interval '1 second'
            ) as \"create_key_is_over!\"
         from orders where order_id = $1",
        order.0,
        KEYS_LAST_SECONDS,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(PaymentRow {
        state: row.state.parse().map_err(|_| DatabaseError::Stored(row.state))?,
        total: total(row.total_minor, row.currency.as_deref())?,
        payment_intent: row.payment_intent,
        attempts: row.payment_attempts,
        hold_is_over: row.hold_is_over,
        create_key_is_over: row.create_key_is_over,
    }))
}

/// Lets no further attempt begin, and no further intent be kept. Answers whether the order
/// changed.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn begin_closing(pool: &PgPool, order: OrderId) -> Result<bool, DatabaseError> {
    let changed = sqlx::query!(
        "with closed as (
            update orders
            set state = 'closing', next_action_url = null,
                version = version + 1, updated_at = clock_timestamp()
            where order_id = $1 and state in ('awaiting_payment', 'paying')
            returning *
        )
        insert into order_events (order_id, version, kind, snapshot, at)
        select order_id, version, 'closing', order_snapshot(row(closed.*)::orders), updated_at from closed",
        order.0,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Writes down, before anybody is told, that `payment_intent` is being called off: from here
/// on the units of its order, if they are still held, do not become the buyer's. Whoever commits
/// holds the same row: one of both comes first. Answers whether there was such a hold.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn begin_calling_off(
    pool: &PgPool,
    order: OrderId,
    payment_intent: &str,
) -> Result<bool, DatabaseError> {
    let begun = sqlx::query!(
        "update holds set called_off = called_off + 1
         from orders
         where holds.order_id = $1 and holds.state = 'open'
           and orders.order_id = holds.order_id and orders.payment_intent = $2",
        order.0,
        payment_intent,
    )
    .execute(pool)
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// Takes back what `begin_calling_off` wrote, when the provider has refused: nothing comes of that
/// call any more. Those of others stay.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn calling_off_refused(pool: &PgPool, order: OrderId) -> Result<(), DatabaseError> {
    sqlx::query!(
        "update holds set called_off = called_off - 1 where order_id = $1 and state = 'open'",
        order.0,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Records that the provider has called the order's payment off: no money can move on it. Answers
/// whether the order changed.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn record_payment_cancelled(
    pool: &PgPool,
    order: OrderId,
) -> Result<bool, DatabaseError> {
    let changed = sqlx::query!(
        "with called_off as (
            update orders
            set payment_state = 'cancelled', version = version + 1, updated_at = clock_timestamp()
            where order_id = $1 and payment_state <> 'cancelled'
              and state in ('closing', 'expired', 'cancelled', 'payment_failed')
            returning *
        )
        insert into order_events (order_id, version, kind, snapshot, at)
        select order_id, version, 'payment_cancelled', order_snapshot(row(called_off.*)::orders),
            updated_at
        from called_off",
        order.0,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Records that the money has moved. Answers whether the order changed.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn record_captured(pool: &PgPool, order: OrderId) -> Result<bool, DatabaseError> {
    let changed = sqlx::query!(
        "with paid as (
            update orders
            set state = 'paid', payment_state = 'captured', captured_minor = total_minor,
                version = version + 1, updated_at = clock_timestamp()
            where order_id = $1 and state = 'confirmed'
            returning *
        )
        insert into order_events (order_id, version, kind, snapshot, at)
        select order_id, version, 'paid', order_snapshot(row(paid.*)::orders), updated_at from paid",
        order.0,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// The total of an order that was held.
///
/// # Errors
/// When it has none.
pub(crate) fn total(minor: Option<i64>, currency: Option<&str>) -> Result<Money, DatabaseError> {
    let currency = currency.and_then(|code| code.parse().ok());
    let money = minor.zip(currency).map(|(minor, currency)| Money::new(minor, currency));
    money.ok_or_else(|| DatabaseError::Stored("an order without a total".into()))
}
