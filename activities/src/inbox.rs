//! The webhook inbox: events that were stored and have no outcome yet.

use domain::{OrderId, OrderState, PaymentState, RefundId};
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::{database::DatabaseError, metrics};

/// A stored event that is due.
#[derive(Clone, Debug)]
pub struct DueEvent {
    /// The provider's id of it.
    pub event_id: String,
    /// What kind it is.
    pub event_type: String,
    /// The payment it is about, if it says so.
    pub payment_intent: Option<String>,
    /// When it was stored.
    pub received_at: OffsetDateTime,
    /// How often it was taken up, this time included.
    pub attempts: i32,
    /// The order that the payment is of, and where it stands.
    pub order: Option<(OrderId, OrderState, PaymentState)>,
    /// What it is about, where that is a refund or a dispute.
    pub object: Option<EventObject>,
}

/// The refund or the dispute that an event is about.
#[derive(Clone, Debug, Deserialize)]
pub struct EventObject {
    /// The provider's id of it.
    pub id: String,
    #[serde(default)]
    metadata: EventMetadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct EventMetadata {
    refund_id: Option<String>,
}

impl EventObject {
    /// The refund of ours that it says it is.
    #[must_use]
    pub fn says(&self) -> Option<RefundId> {
        self.metadata.refund_id.as_deref()?.parse().ok()
    }

    fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Event {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            object: EventObject,
        }
        serde_json::from_slice::<Event>(body).ok().map(|event| event.data.object)
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The order's workflow was told.
    Delivered,
    /// The order knew already.
    Known,
    /// It came after the order's end; the payment is being settled.
    Late,
    /// It means nothing to an order.
    Ignored,
    /// It is about a payment that is not ours.
    Foreign,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Known => "known",
            Self::Late => "late",
            Self::Ignored => "ignored",
            Self::Foreign => "foreign",
        }
    }
}

/// Takes up to `limit` events that are due. Each is due again later, with growing pauses of half
/// a second to five minutes, until it has an outcome: a worker that dies with it loses nothing.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn take_due(pool: &PgPool, limit: i64) -> Result<Vec<DueEvent>, DatabaseError> {
    let rows = sqlx::query!(
        r#"
        with due as (
            select event_id from webhook_deliveries
            where outcome is null and next_attempt_at <= clock_timestamp()
            order by next_attempt_at
            limit $1
            for update skip locked
        ), taken as (
            update webhook_deliveries
            set attempts = attempts + 1, updated_at = clock_timestamp(),
                next_attempt_at = clock_timestamp()
                    + least(interval '5 minutes', interval '500 milliseconds' * 2 ^ least(attempts, 12))
            from due
            where webhook_deliveries.event_id = due.event_id
            returning webhook_deliveries.event_id, attempts
        )
        select event_id as "event_id!", event_type as "event_type!", attempts as "attempts!",
            case when event_type like 'refund.%' or event_type like 'charge.%' then body end as body,
            webhook_inbox.payment_intent, received_at, orders.order_id as "order_id?", orders.state as "state?",
            orders.payment_state as "payment_state?"
        from taken
        join webhook_inbox using (event_id)
        left join orders on orders.payment_intent = webhook_inbox.payment_intent
        "#,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DueEvent {
            event_id: row.event_id,
            event_type: row.event_type,
            payment_intent: row.payment_intent,
            received_at: row.received_at,
            attempts: row.attempts,
            object: row.body.as_deref().and_then(EventObject::read),
            order: row
                .order_id
                .zip(row.state.and_then(|state| state.parse().ok()))
                .zip(row.payment_state.and_then(|state| state.parse().ok()))
                .map(|((id, state), payment)| (OrderId(id), state, payment)),
        })
        .collect())
}

/// Records what became of an event.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn record_outcome(
    pool: &PgPool,
    event: &DueEvent,
    outcome: Outcome,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "update webhook_deliveries
         set outcome = $2, detail = null, updated_at = clock_timestamp()
         where event_id = $1 and outcome is null",
        event.event_id,
        outcome.as_str(),
    )
    .execute(pool)
    .await?;
    metrics::webhook_delivered(outcome, event.received_at);
    Ok(())
}

/// Leaves an event for another try, and says why.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn record_failure(pool: &PgPool, event_id: &str, why: &str) -> Result<(), DatabaseError> {
    sqlx::query!(
        "update webhook_deliveries set detail = $2, updated_at = clock_timestamp()
         where event_id = $1 and outcome is null",
        event_id,
        why,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Makes an event due, whatever became of it. False when there is no such event. How often it was
/// taken up goes on counting: each delivery has its own number.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn replay(connection: &mut PgConnection, event_id: &str) -> Result<bool, DatabaseError> {
    let due = sqlx::query!(
        "update webhook_deliveries
         set outcome = null, detail = null, next_attempt_at = clock_timestamp(),
             updated_at = clock_timestamp()
         where event_id = $1",
        event_id,
    )
    .execute(connection)
    .await?;
    Ok(due.rows_affected() == 1)
}
