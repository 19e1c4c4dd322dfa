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
    problem::{Answer, Kind, Problem},
};

/// What becomes of an event: `pending` while it waits, `failing` when it was taken up and must be
/// again.
const OUTCOMES: [&str; 7] =
    ["pending", "failing", "delivered", "known", "late", "ignored", "foreign"];

/// The paths of webhooks.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/webhooks", get(list))
        .route("/v1/webhooks/{event_id}/replay", post(replay))
}

#[derive(Deserialize)]
struct Filter {
    outcome: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

async fn list(State(app): State<App>, Query(filter): Query<Filter>) -> Answer<Json<Value>> {
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
    Ok(Json(json!({"webhooks": rows, "next_cursor": next})))
}

/// Has an event taken up again, as if it had just come. What it is about is looked up as it is
/// now, so that it may be asked for as often as one likes.
async fn replay(
    State(app): State<App>,
    operator: Operator,
    Path(event_id): Path<String>,
) -> Answer<(StatusCode, Json<Value>)> {
    find(&app, &event_id).await?;
    let replay = Change::ReplayWebhook { event_id: event_id.clone() };
    match change(&app, &operator, Uuid::now_v7(), "webhook replayed".into(), replay).await? {
        ChangeOutcome::WebhookDue => {
            Ok((StatusCode::ACCEPTED, Json(json!(find(&app, &event_id).await?))))
        }
        ChangeOutcome::UnknownWebhook => Err(Problem::new(Kind::WebhookNotFound)),
        ChangeOutcome::ProductPut { .. }
        | ChangeOutcome::StockAdjusted { .. }
        | ChangeOutcome::UnknownSku
        | ChangeOutcome::BelowHeldAndSold { .. }
        | ChangeOutcome::IdReused => Err(Problem::new(Kind::Internal)),
    }
}

async fn find(app: &App, event_id: &str) -> Answer<WebhookRow> {
    let not_found = || Problem::new(Kind::WebhookNotFound);
    if event_id.contains('\0') {
        return Err(not_found());
    }
    webhooks::webhook(&app.model.pool, event_id).await?.ok_or_else(not_found)
}
