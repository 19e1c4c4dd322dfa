//! What the provider has said, and what became of it, as operators read it.

use serde::Serialize;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::ReadError;

/// A webhook event with what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct WebhookRow {
    /// The provider's id of it.
    pub event_id: String,
    /// What kind it is.
    pub event_type: String,
    /// The payment that it is about.
    pub payment_intent: Option<String>,
    /// What became of it; none while it waits.
    pub outcome: Option<String>,
    /// Why it waits.
    pub detail: Option<String>,
    /// How often it was taken up.
    pub attempts: i32,
    /// When it is taken up next; none when it has an outcome.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_attempt_at: Option<OffsetDateTime>,
    /// When it came.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
}

/// Webhook events, newest first, those older than `before`: all of them, or those of an outcome
/// (`pending`: those that wait; `failing`: those of them that were taken up and must be again).
///
/// # Errors
/// When Postgres can't be asked.
pub async fn webhooks(
    pool: &PgPool,
    outcome: Option<&str>,
    before: Option<(OffsetDateTime, String)>,
    limit: i64,
) -> Result<Vec<WebhookRow>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        WebhookRow,
        r#"select event_id, event_type, payment_intent, outcome, detail, attempts,
            case when outcome is null then next_attempt_at end as next_attempt_at, received_at
         from webhook_inbox join webhook_deliveries using (event_id)
         where ($1::text is null or outcome = $1
                or outcome is null and ($1 = 'pending' or $1 = 'failing' and detail is not null))
           and ($2::timestamptz is null or (received_at, event_id) < ($2, $3))
         order by received_at desc, event_id desc
         limit $4"#,
        outcome,
        at,
        id,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// A webhook event.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn webhook(pool: &PgPool, event_id: &str) -> Result<Option<WebhookRow>, ReadError> {
    let row = sqlx::query_as!(
        WebhookRow,
        r#"select event_id, event_type, payment_intent, outcome, detail, attempts,
            case when outcome is null then next_attempt_at end as next_attempt_at, received_at
         from webhook_inbox join webhook_deliveries using (event_id)
         where event_id = $1"#,
        event_id,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}
