//! `/v1/webhooks`: what the provider has said, what became of it, and having it looked at again.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use read_model::webhooks::{self, WebhookRow};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;
use workflows::{Change, ChangeOutcome};

use super::{change, page, tokens::Operator};
use crate::{
    app::App,
    body::OptionalJsonBody,
    problem::{Answer, Kind, Problem},
    requests::Replay,
};

/// What becomes of an event: `pending` while it waits, `failing` when it was taken up and must be
/// again.
pub const OUTCOMES: [&str; 7] =
    ["pending", "failing", "delivered", "known", "late", "ignored", "foreign"];

/// The paths of webhooks.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/webhooks", get(list))
        .route("/v1/webhooks/{event_id}/replay", post(replay))
}

/// Which events are looked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Filter {
    /// Those that this became of.
    pub outcome: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// How many.
    pub limit: Option<String>,
}

/// A page of events, and where the next one begins.
pub async fn find(app: &App, filter: &Filter) -> Answer<(Vec<WebhookRow>, Option<String>)> {
    let outcome = filter.outcome.as_deref();
    if outcome.is_some_and(|outcome| !OUTCOMES.contains(&outcome)) {
        let known = OUTCOMES.join(", ");
        return Err(Problem::invalid("/outcome", format!("has to be one of {known}")));
    }
    let limit = page::limit(filter.limit.as_deref())?;
    let before = filter.cursor.as_deref().map(page::read_cursor).transpose()?;
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = webhooks::webhooks(&app.model.pool, outcome, before, fetch).await?;
    let place = |row: &WebhookRow| (row.received_at, row.event_id.clone());
    let next = page::cut(&mut rows, limit, place);
    Ok((rows, next))
}

async fn list(State(app): State<App>, Query(filter): Query<Filter>) -> Answer<Json<Value>> {
    let (rows, next) = find(&app, &filter).await?;
    Ok(Json(json!({"webhooks": rows, "next_cursor": next})))
}

/// Has an event taken up again, as if it had just come. What it is about is looked up as it is
/// now, so that it may be asked for as often as one likes.
async fn replay(
    State(app): State<App>,
    operator: Operator,
    Path(event_id): Path<String>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Answer<(StatusCode, Json<Value>)> {
    let Replay { change_id, reason } = Replay::read(&body.unwrap_or_else(|| json!({})))?;
    one(&app, &event_id).await?;
    let change_id = change_id.unwrap_or_else(Uuid::now_v7);
    let reason = reason.unwrap_or_else(|| "webhook replayed".to_owned());
    let replay = Change::ReplayWebhook { event_id: event_id.clone() };
    match change(&app, &operator, change_id, reason, replay).await? {
        ChangeOutcome::WebhookDue => {
            Ok((StatusCode::ACCEPTED, Json(json!(one(&app, &event_id).await?))))
        }
        ChangeOutcome::IdReused => Err(Problem::new(Kind::ChangeIdReused)),
        ChangeOutcome::UnknownWebhook => Err(Problem::new(Kind::WebhookNotFound)),
        ChangeOutcome::ProductPut { .. }
        | ChangeOutcome::StockAdjusted { .. }
        | ChangeOutcome::UnknownSku
        | ChangeOutcome::BelowHeldAndSold { .. }
        | ChangeOutcome::OrderToBeTold { .. }
        | ChangeOutcome::OrderIsPastIt { .. }
        | ChangeOutcome::UnknownOrder => Err(Problem::new(Kind::Internal)),
    }
}

async fn one(app: &App, event_id: &str) -> Answer<WebhookRow> {
    let not_found = || Problem::new(Kind::WebhookNotFound);
    if event_id.contains('\0') {
        return Err(not_found());
    }
    webhooks::webhook(&app.model.pool, event_id).await?.ok_or_else(not_found)
}
