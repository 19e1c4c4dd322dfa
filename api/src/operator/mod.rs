//! The operators' listener: what they read, and what they change.

mod access;
mod orders;
mod products;
mod refunds;
mod stock;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    middleware::from_fn_with_state,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_http::set_header::SetResponseHeaderLayer;
use workflows::{Change, ChangeOutcome, ChangeRequest};

use crate::{
    app::App,
    pages::{self, openapi},
    problem::{Answer, Kind, Problem},
};

/// Everything on the operators' listener.
pub fn router(app: &App) -> Router<App> {
    let no_store =
        SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guarded()
        .route_layer(no_store)
        .route_layer(from_fn_with_state(app.clone(), access::require_token))
        .merge(open())
}

/// What takes the operator token.
pub fn guarded() -> Router<App> {
    Router::new()
        .merge(orders::router())
        .merge(products::router())
        .merge(refunds::router())
        .merge(stock::router())
        .route("/v1/webhooks", get(webhooks))
        .route("/v1/audit", get(audit))
}

/// What does not.
pub fn open() -> Router<App> {
    Router::new()
        .merge(crate::health::router())
        .merge(pages::explanations())
        .merge(pages::docs())
        .route("/", get(|| async { Html(include_str!("../../templates/operator.html")) }))
        .route(
            "/openapi.json",
            get(|| async { openapi(include_str!("../../openapi/operator.json")) }),
        )
        .route("/metrics", get(metrics))
}

/// Makes a change, once, and answers what came of it.
async fn change(
    app: &App,
    change_id: uuid::Uuid,
    reason: String,
    change: Change,
) -> Answer<ChangeOutcome> {
    let request = ChangeRequest { change_id, actor: "operator".into(), reason, change };
    let outcome = app.temporal.change(request.clone()).await?;
    // Whoever asks this node next finds the change.
    let sku = match &request.change {
        Change::PutProduct { sku, .. } | Change::AdjustStock { sku, .. } => sku.to_string(),
    };
    app.model.catalogue.refresh(&app.model.pool, &[sku]).await?;
    Ok(outcome)
}

/// What becomes of a webhook event; `pending` while it waits.
const OUTCOMES: [&str; 6] = ["pending", "delivered", "known", "late", "ignored", "foreign"];

#[derive(Deserialize)]
struct WebhookFilter {
    outcome: Option<String>,
}

async fn webhooks(
    State(app): State<App>,
    Query(filter): Query<WebhookFilter>,
) -> Answer<Json<Value>> {
    if filter.outcome.as_deref().is_some_and(|outcome| !OUTCOMES.contains(&outcome)) {
        return Err(Problem::invalid(
            "/outcome",
            format!("has to be one of {}", OUTCOMES.join(", ")),
        ));
    }
    let rows =
        read_model::operators::webhooks(&app.model.pool, filter.outcome.as_deref(), 100).await?;
    Ok(Json(json!({"webhooks": rows})))
}

async fn audit(State(app): State<App>) -> Answer<Json<Value>> {
    let rows = read_model::operators::audit(&app.model.pool, 100).await?;
    Ok(Json(json!({"changes": rows})))
}

/// Prometheus's page: without a token for whoever is on this machine.
async fn metrics(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    request: Request,
) -> Response {
    if !peer.ip().is_loopback() && !access::has_token(&app, request.headers()) {
        return Problem::new(Kind::Unauthorized).into_response();
    }
    (StatusCode::OK, app.metrics.render()).into_response()
}
