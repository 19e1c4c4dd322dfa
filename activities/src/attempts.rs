//! What an attempt to pay does to its order's row, under the rules of [`crate::orders`].

use domain::{AttemptId, Money, OrderId};
use sqlx::PgPool;
use workflows::activities::Payment;

use crate::{
    database::DatabaseError,
    orders::{KEYS_LAST_SECONDS, total},
};

/// What an attempt finds.
#[derive(Debug)]
pub enum Begun {
    /// Go on: charge this much, on this intent if there is one already.
    Go {
        total: Money,
        payment_intent: Option<String>,
        /// Nothing may be charged any more, what was charged still counts: the hold is over, or
        /// the key of this attempt.
        only_ask: bool,
        /// The key is over under which the order's intent was created, if it was.
        create_key_is_over: bool,
    },
    /// An earlier run of this very attempt was answered.
    AlreadyDecided(Payment),
    /// The order takes no payment any more.
    OrderHasMovedOn,
}

/// Begins attempt `number`: from here until it is decided the order is `paying`.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn begin_attempt(
    pool: &PgPool,
    order: OrderId,
    attempt: AttemptId,
    number: u32,
    payment_method: &str,
) -> Result<(Begun, bool), DatabaseError> {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let begun = sqlx::query!(
        "with begun as (
            update orders
            set state = 'paying', payment_state = 'processing', payment_attempts = $2,
                decline_code = null, next_action_url = null,
                version = version + 1, updated_at = clock_timestamp()
            where order_id = $1 and state = 'awaiting_payment' and payment_attempts < $2
            returning *
        ), attempt as (
            insert into payment_attempts (order_id, attempt_id, number, payment_method)
            select order_id, $3, $2, $4 from begun
        ), event as (
            insert into order_events (order_id, version, kind, snapshot, at)
            select order_id, version, 'attempt_begun', order_snapshot(row(begun.*)::orders), updated_at
            from begun
        )
        select total_minor, currency, payment_intent,
            coalesce(expires_at <= clock_timestamp(), false) as \"only_ask!\",
            exists (
                select from payment_attempts as earlier
                where earlier.order_id = begun.order_id
                  and started_at <= clock_timestamp() - $5::float8 * interval '1 second'
            ) as \"create_key_is_over!\"
        from begun",
        order.0,
        number,
        attempt.0,
        payment_method,
        KEYS_LAST_SECONDS,
    )
    .fetch_optional(pool)
    .await?;
    match begun {
        Some(row) => {
            let total = total(row.total_minor, row.currency.as_deref())?;
            let payment_intent = row.payment_intent;
            let (only_ask, create_key_is_over) = (row.only_ask, row.create_key_is_over);
            Ok((Begun::Go { total, payment_intent, only_ask, create_key_is_over }, true))
        }
        None => Ok((resume_attempt(pool, order, attempt).await?, false)),
    }
}

/// What an attempt finds that was begun before, by another run of it.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn resume_attempt(
    pool: &PgPool,
    order: OrderId,
    attempt: AttemptId,
) -> Result<Begun, DatabaseError> {
    let row = sqlx::query!(
        "select state, payment_state, total_minor, currency, payment_intent, attempt.outcome,
            attempt.decline_code,
            coalesce(expires_at <= clock_timestamp(), false)
                or started_at <= clock_timestamp() - $3::float8 * interval '1 second'
                as \"only_ask!\",
            exists (
                select from payment_attempts as earlier
                where earlier.order_id = orders.order_id
                  and earlier.started_at <= clock_timestamp() - $3::float8 * interval '1 second'
            ) as \"create_key_is_over!\"
         from orders
         join payment_attempts as attempt using (order_id)
         where order_id = $1 and attempt_id = $2 and attempt.number = payment_attempts",
        order.0,
        attempt.0,
        KEYS_LAST_SECONDS,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else {
        return Ok(Begun::OrderHasMovedOn);
    };
    match (row.outcome.as_deref(), row.state.as_str()) {
        (Some("declined"), _) => {
            let code = row.decline_code.unwrap_or_default();
            Ok(Begun::AlreadyDecided(Payment::Declined { code }))
        }
        (_, "paying") if row.payment_state == "requires_action" => {
            Ok(Begun::AlreadyDecided(Payment::RequiresAction))
        }
        (_, "paying") => {
            let total = total(row.total_minor, row.currency.as_deref())?;
            let payment_intent = row.payment_intent;
            let (only_ask, create_key_is_over) = (row.only_ask, row.create_key_is_over);
            Ok(Begun::Go { total, payment_intent, only_ask, create_key_is_over })
        }
        _ => Ok(Begun::OrderHasMovedOn),
    }
}

/// Records what the provider said of attempt `number`, if that is the one under way: a run that was
/// thought dead must not speak for the next attempt. Money that is set aside is recorded by the
/// commit. Answers whether the order changed.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn record_payment(
    pool: &PgPool,
    order: OrderId,
    number: i32,
    payment: &Payment,
    next_action_url: Option<&str>,
) -> Result<bool, DatabaseError> {
    let (state, payment_state, code) = match payment {
        Payment::Declined { code } => ("awaiting_payment", "declined", Some(code.as_str())),
        // The attempt never got as far as the card.
        Payment::None => ("awaiting_payment", "none", None),
        Payment::RequiresAction => ("paying", "requires_action", None),
        Payment::Processing => ("paying", "processing", None),
        Payment::Authorized | Payment::Canceled | Payment::OrderHasMovedOn => return Ok(false),
    };
    let changed = sqlx::query!(
        "with told as (
            update orders
            set state = $2, payment_state = $3, decline_code = $4, next_action_url = $5,
                version = version + 1, updated_at = clock_timestamp()
            where order_id = $1 and state = 'paying' and payment_attempts = $6
              and (payment_state, next_action_url) is distinct from ($3, $5)
            returning *
        ), attempt as (
            update payment_attempts
            set outcome = $3, decline_code = $4, ended_at = clock_timestamp()
            from told
            where payment_attempts.order_id = told.order_id
              and number = told.payment_attempts and $2 = 'awaiting_payment'
        )
        insert into order_events (order_id, version, kind, snapshot, at)
        select order_id, version, $3, order_snapshot(row(told.*)::orders), updated_at from told",
        order.0,
        state,
        payment_state,
        code,
        next_action_url,
        number,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() == 1)
}
