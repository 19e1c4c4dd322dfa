//! `POST /v1/orders/{order_id}/cancel` and `/retry`: calls an order off, or has it looked at now.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use domain::{OrderId, OrderState};
use read_model::orders;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use workflows::{Change, ChangeOutcome};

use super::{
    change,
    orders::{order_json, whole},
    tokens::Operator,
};
use crate::{
    app::App,
    body::JsonBody,
    problem::{Answer, Kind, Problem},
    requests::ChangeOrder,
};

/// How long the order's workflow is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often is looked whether it has done what it was told.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The paths of these changes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/orders/{order_id}/cancel", post(cancel))
        .route("/v1/orders/{order_id}/retry", post(retry))
}

async fn cancel(
    State(app): State<App>,
    operator: Operator,
    Path(order): Path<String>,
    body: JsonBody,
) -> Answer<(StatusCode, Json<Value>)> {
    let order_id = known(&app, &order).await?;
    let change = Change::CancelOrder { order_id };
    match tell(&app, &operator, change, &body.0).await? {
        Told::IsPastIt(state) if state.is_bought() => {
            let detail = format!("The order is {state}. Refund it instead.");
            Err(Problem::new(Kind::AlreadyPaid).because(detail))
        }
        Told::IsPastIt(_) => answer(&app, &order, StatusCode::OK).await,
        Told::Now => {
            let over = |state: OrderState| state.has_ended() || state.is_bought();
            let status = if reaches(&app, order_id, over).await? {
                StatusCode::OK
            } else {
                StatusCode::ACCEPTED
            };
            answer(&app, &order, status).await
        }
    }
}

async fn retry(
    State(app): State<App>,
    operator: Operator,
    Path(order): Path<String>,
    body: JsonBody,
) -> Answer<(StatusCode, Json<Value>)> {
    let order_id = known(&app, &order).await?;
    match tell(&app, &operator, Change::RetryOrder { order_id }, &body.0).await? {
        Told::IsPastIt(_) => answer(&app, &order, StatusCode::OK).await,
        Told::Now => answer(&app, &order, StatusCode::ACCEPTED).await,
    }
}

/// What came of it.
enum Told {
    /// The order's workflow is told.
    Now,
    /// There was nothing to be told any more: the order stood here.
    IsPastIt(OrderState),
}

async fn tell(app: &App, operator: &Operator, wanted: Change, body: &Value) -> Answer<Told> {
    let ChangeOrder { change_id, reason } = ChangeOrder::read(body)?;
    match change(app, operator, change_id, reason, wanted).await? {
        ChangeOutcome::OrderToBeTold { .. } => Ok(Told::Now),
        ChangeOutcome::OrderIsPastIt { state } => Ok(Told::IsPastIt(state)),
        ChangeOutcome::UnknownOrder => Err(Problem::new(Kind::OrderNotFound)),
        ChangeOutcome::IdReused => Err(Problem::new(Kind::ChangeIdReused)),
        ChangeOutcome::ProductPut { .. }
        | ChangeOutcome::StockAdjusted { .. }
        | ChangeOutcome::UnknownSku
        | ChangeOutcome::BelowHeldAndSold { .. }
        | ChangeOutcome::WebhookDue
        | ChangeOutcome::UnknownWebhook => Err(Problem::new(Kind::Internal)),
    }
}

/// The order's id, if there is such an order: nothing is begun for one that there is not.
async fn known(app: &App, order: &str) -> Answer<OrderId> {
    let not_found = || Problem::new(Kind::OrderNotFound);
    let order_id: OrderId = order.parse().map_err(|_| not_found())?;
    let stored = orders::find(&app.model.pool, order_id).await?;
    stored.map(|_| order_id).ok_or_else(not_found)
}

/// Waits until `done` is true of the order's state, for a while.
async fn reaches(app: &App, order: OrderId, done: impl Fn(OrderState) -> bool) -> Answer<bool> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stored = orders::find(&app.model.pool, order).await?;
        let is_done = stored.is_some_and(|stored| done(stored.checkout.changing.state));
        if is_done || Instant::now() > deadline {
            return Ok(is_done);
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn answer(app: &App, order: &str, status: StatusCode) -> Answer<(StatusCode, Json<Value>)> {
    Ok((status, Json(order_json(app, &whole(app, order).await?))))
}
