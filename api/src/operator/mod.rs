//! The operators' listener: what they read, and what they change.

mod access;
mod audit;
mod dashboard;
pub mod funnel;
mod order_changes;
pub mod orders;
mod overview;
pub mod page;
mod products;
mod reconciliation;
mod refunds;
pub mod session;
mod stock;
mod tokens;
mod webhooks;

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, header::CACHE_CONTROL},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use tower_http::set_header::SetResponseHeaderLayer;
use workflows::{Change, ChangeOutcome, ChangeRequest};

use self::tokens::Operator;
pub use self::tokens::Tokens;
use crate::{
    app::App,
    pages,
    problem::{Answer, Kind, Problem},
};

/// Everything on the operators' listener.
pub fn router(app: &App) -> Router<App> {
    let no_store =
        SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guarded()
        .route_layer(no_store)
        .route_layer(from_fn_with_state(app.clone(), access::guard))
        .merge(dashboard::router().route_layer(from_fn_with_state(app.clone(), access::guard_page)))
        .merge(session::router())
        .merge(open())
}

/// The API that takes an operator's token.
pub fn guarded() -> Router<App> {
    Router::new()
        .merge(audit::router())
        .merge(funnel::router())
        .merge(order_changes::router())
        .merge(orders::router())
        .merge(overview::router())
        .merge(products::router())
        .merge(reconciliation::router())
        .merge(refunds::router())
        .merge(stock::router())
        .merge(webhooks::router())
}

/// What takes none.
pub fn open() -> Router<App> {
    Router::new()
        .merge(pages::explanations())
        .merge(pages::description(include_str!("../../openapi/operator.json")))
        .route("/metrics", get(metrics))
}

/// Makes a change, once, and answers what came of it.
async fn change(
    app: &App,
    operator: &Operator,
    change_id: uuid::Uuid,
    reason: String,
    change: Change,
) -> Answer<ChangeOutcome> {
    let request = ChangeRequest { change_id, actor: operator.name.clone(), reason, change };
    let outcome = app.temporal.change(request.clone()).await?;
    match &request.change {
        // Whoever asks this node next finds the change.
        Change::PutProduct { sku, .. } | Change::AdjustStock { sku, .. } => {
            app.model.catalogue.refresh(&app.model.pool, &[sku.to_string()]).await?;
        }
        Change::ReplayWebhook { .. } | Change::CancelOrder { .. } | Change::RetryOrder { .. } => {}
    }
    Ok(outcome)
}

/// Prometheus's page: without a token for whoever is on this machine.
async fn metrics(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    request: Request,
) -> Response {
    if !peer.ip().is_loopback() {
        match access::by_token(&app, request.headers()).await {
            Ok(Some(_)) => {}
            Ok(None) => return Problem::new(Kind::Unauthorized).into_response(),
            Err(problem) => return problem.into_response(),
        }
    }
    app.metrics.page(&app).await.into_response()
}
