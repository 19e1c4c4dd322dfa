//! What has happened to one order, from every side.

use domain::OrderId;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// A try to pay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Which.
    pub attempt_id: Uuid,
    /// The how-manieth, from 1.
    pub number: i32,
    /// The provider's id of what was charged.
    pub payment_method: String,
    /// How it came out; none while it is under way.
    pub outcome: Option<String>,
    /// Why it was declined.
    pub decline_code: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
}

/// Something that has happened.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Where: `order`, `webhook` or `operator`.
    pub source: String,
    /// What: the kind of the order's event, the webhook's type, the kind of the change.
    pub kind: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The place among all orders' events.
    pub seq: Option<i64>,
    /// The order's version after it.
    pub version: Option<i64>,
    /// Where the order stood after it.
    pub state: Option<String>,
    /// Where its payment stood after it.
    pub payment_state: Option<String>,
    /// The provider's id of the webhook event, or the operator's of the change.
    pub id: Option<String>,
    /// Who changed something.
    pub actor: Option<String>,
    /// Why a payment was declined, what became of a webhook, the operator's reason.
    pub detail: Option<String>,
}

/// What has happened to an order.
#[derive(Clone, Debug)]
pub struct Story {
    /// The tries to pay it, oldest first.
    pub attempts: Vec<Attempt>,
    /// Everything, oldest first.
    pub timeline: Vec<Entry>,
}

/// The story of an order: its own events, what the provider said of its payment, what operators
/// changed. One statement, so that all of it is of one moment.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn of(pool: &PgPool, order: OrderId) -> Result<Story, ReadError> {
    let row = sqlx::query!(
        r#"with entry as (
            select 'order' as source, kind, at, seq, version, snapshot ->> 'state' as state,
                snapshot ->> 'payment_state' as payment_state, null as id, null as actor,
                snapshot ->> 'decline_code' as detail
            from order_events where order_id = $1
            union all
            select 'webhook', event_type, received_at, null, null, null, null, event_id, null,
                coalesce(outcome, 'pending') || coalesce(': ' || detail, '')
            from webhook_inbox join webhook_deliveries using (event_id)
            where webhook_inbox.payment_intent = (
                select orders.payment_intent from orders where orders.order_id = $1)
            union all
            select 'operator', kind, at, null, null, null, null, change_id::text, actor, reason
            from operator_changes
            where subject = $1::text or subject = (
                select orders.payment_intent from orders where orders.order_id = $1)
        )
        select
            coalesce((
                select jsonb_agg(to_jsonb(entry) order by at, version nulls last, id) from entry
            ), '[]') as "timeline!: Json<Vec<Entry>>",
            coalesce((
                select jsonb_agg(to_jsonb(attempt) order by number) from (
                    select attempt_id, number, payment_method, outcome, decline_code, started_at
                    from payment_attempts where order_id = $1
                ) as attempt
            ), '[]') as "attempts!: Json<Vec<Attempt>>""#,
        order.0,
    )
    .fetch_one(pool)
    .await?;
    Ok(Story { attempts: row.attempts.0, timeline: with_states(row.timeline.0) })
}

/// What is no event of the order left it where it stood.
fn with_states(mut timeline: Vec<Entry>) -> Vec<Entry> {
    let first = timeline.iter().find(|entry| entry.state.is_some());
    let mut stands = first.map(|entry| (entry.state.clone(), entry.payment_state.clone()));
    for entry in &mut timeline {
        entry.at = entry.at.to_offset(time::UtcOffset::UTC);
        if entry.state.is_some() {
            stands = Some((entry.state.clone(), entry.payment_state.clone()));
        } else if let Some((state, payment_state)) = &stands {
            entry.state.clone_from(state);
            entry.payment_state.clone_from(payment_state);
        }
    }
    timeline
}
