//! The operators' listener: what they read, and what they change.

mod access;
mod orders;
mod page;
mod products;
mod reconciliation;
mod refunds;
mod stock;
mod webhooks;

use axum::{
    Json, Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, header::CACHE_CONTROL},
    middleware::from_fn_with_state,
    response::{Html, IntoResponse, Response},
    routing::get,
};
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
        .merge(reconciliation::router())
        .merge(refunds::router())
        .merge(stock::router())
        .merge(webhooks::router())
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
    match &request.change {
        // Whoever asks this node next finds the change.
        Change::PutProduct { sku, .. } | Change::AdjustStock { sku, .. } => {
            app.model.catalogue.refresh(&app.model.pool, &[sku.to_string()]).await?;
        }
        Change::ReplayWebhook { .. } => {}
    }
    Ok(outcome)
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
    app.metrics.page(&app).await.into_response()
}
