//! The single rows that the API appends. Each runs in a task of its own: a client that hangs up
//! half-way can't undo what is about to be acknowledged.

use domain::{Fingerprint, OrderId, SecretHash};
use serde_json::Value;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// A webhook event, as it came.
#[derive(Clone, Debug)]
pub struct WebhookEvent {
    /// The provider's id of it.
    pub event_id: String,
    /// What kind it is.
    pub event_type: String,
    /// The payment that it is about.
    pub payment_intent: Option<String>,
    /// The order that the payment names.
    pub order_id: Option<Uuid>,
    /// The raw body.
    pub body: Vec<u8>,
    /// The headers, without the signature.
    pub headers: Value,
}

/// Stores an event, unless it is stored; answers whether it was new.
///
/// # Errors
/// When it is not known to be stored.
pub async fn store_webhook(pool: &PgPool, event: WebhookEvent) -> Result<bool, ReadError> {
    let pool = pool.clone();
    in_own_task(async move {
        let stored = sqlx::query!(
            "insert into webhook_inbox
                (event_id, event_type, payment_intent, order_id, body, headers)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (event_id) do nothing",
            event.event_id,
            event.event_type,
            event.payment_intent,
            event.order_id,
            event.body,
            event.headers,
        )
        .execute(&pool)
        .await?;
        Ok(stored.rows_affected() == 1)
    })
    .await
}

/// Keeps a shopper's email beside the request that it came with: the order's, if its fingerprint is
/// the order's.
///
/// # Errors
/// When it is not known to be kept.
pub async fn keep_email(
    pool: &PgPool,
    order: OrderId,
    secret: &SecretHash,
    fingerprint: &Fingerprint,
    email: String,
) -> Result<(), ReadError> {
    let (pool, secret) = (pool.clone(), secret.as_str().to_owned());
    let fingerprint = fingerprint.as_str().to_owned();
    in_own_task(async move {
        sqlx::query!(
            "insert into order_contacts (order_id, secret_hash, fingerprint, email)
             values ($1, $2, $3, $4)
             on conflict (order_id, secret_hash, fingerprint) do nothing",
            order.0,
            secret,
            fingerprint,
            email,
        )
        .execute(&pool)
        .await?;
        Ok(())
    })
    .await
}

/// What a browser reports.
#[derive(Clone, Debug)]
pub struct AnalyticsEvent {
    /// SHA-256 of all of it: a repeated report is the same event.
    pub hash: Vec<u8>,
    /// Whose browser, for as long as the shopper's session lasts.
    pub session_id: String,
    /// What the shopper did.
    pub kind: String,
    /// With which product.
    pub sku: Option<String>,
    /// When, by the browser's clock.
    pub at: OffsetDateTime,
}

/// Keeps what browsers report, each event once; answers the kinds of those that are new.
///
/// # Errors
/// When it is not known to be kept.
pub async fn keep_analytics(
    pool: &PgPool,
    events: Vec<AnalyticsEvent>,
) -> Result<Vec<String>, ReadError> {
    let pool = pool.clone();
    in_own_task(async move {
        let hashes: Vec<_> = events.iter().map(|event| event.hash.clone()).collect();
        let sessions: Vec<_> = events.iter().map(|event| event.session_id.clone()).collect();
        let kinds: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
        let skus: Vec<_> = events.iter().map(|event| event.sku.clone()).collect();
        let times: Vec<_> = events.iter().map(|event| event.at).collect();
        let new = sqlx::query_scalar!(
            "insert into analytics_events (event_hash, session_id, kind, sku, occurred_at)
             select * from unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
             on conflict (event_hash) do nothing
             returning kind",
            &hashes,
            &sessions,
            &kinds,
            &skus as &[Option<String>],
            &times,
        )
        .fetch_all(&pool)
        .await?;
        Ok(new)
    })
    .await
}

async fn in_own_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, ReadError>> + Send + 'static,
) -> Result<T, ReadError> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(ended) => Err(ReadError::Stored(format!("the task that appends has ended: {ended}"))),
    }
}
