//! `POST /v1/orders/{order_id}/refunds`: gives money back.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use domain::{OrderId, RefundId, RefundRefusal, refund::admit};
use read_model::{
    orders,
    refunds::{self, RefundView, StoredRefund},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use workflows::RefundRequest;

use super::{orders::temporal_url, tokens::Operator};
use crate::{
    app::App,
    body::JsonBody,
    checkouts::rfc3339,
    problem::{Answer, Kind, Problem},
    requests::AskRefund,
};

/// How long the decision may take: a transaction, and a worker that takes it up.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often is looked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The path of refunds.
pub fn router() -> Router<App> {
    Router::new().route("/v1/orders/{order_id}/refunds", post(refund))
}

async fn refund(
    State(app): State<App>,
    operator: Operator,
    Path(order): Path<String>,
    body: JsonBody,
) -> Answer<(StatusCode, Json<Value>)> {
    let order_id: OrderId = order.parse().map_err(|_| Problem::new(Kind::OrderNotFound))?;
    let AskRefund { refund_id, ask, reason } = AskRefund::read(&body.0)?;
    let request = RefundRequest { refund_id, order_id, ask, actor: operator.name, reason };
    let known = refunds::refund(&app.model.pool, refund_id).await?;
    if known.is_none() {
        if refunds::is_another_change(&app.model.pool, refund_id).await? {
            return Err(Problem::new(Kind::RefundIdReused));
        }
        may_be_refunded(&app, order_id).await?;
    }
    let stored = match known {
        Some(stored) if stored.view.state != "pending" => stored,
        // Asking again also starts the workflow again, should somebody have ended it.
        _ => {
            app.temporal.refund(request.clone()).await?;
            decided(&app, refund_id).await?
        }
    };
    answer(&app, &request, &stored)
}

/// Refuses what can't be refunded as things stand; the refund's id stays usable.
async fn may_be_refunded(app: &App, order: OrderId) -> Answer<()> {
    let stored = orders::find(&app.model.pool, order).await?;
    let stored = stored.ok_or_else(|| Problem::new(Kind::OrderNotFound))?;
    admit(stored.checkout.changing.state).map_err(|refusal| refused(&refusal))
}

/// Waits until the workflow has decided.
async fn decided(app: &App, refund: RefundId) -> Answer<StoredRefund> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(stored) = refunds::refund(&app.model.pool, refund).await? {
            return Ok(stored);
        }
        if Instant::now() > deadline {
            tracing::warn!(%refund, "a refund is not decided in time");
            return Err(Problem::new(Kind::TemporalUnavailable).retry_after(2));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn answer(
    app: &App,
    request: &RefundRequest,
    stored: &StoredRefund,
) -> Answer<(StatusCode, Json<Value>)> {
    let before: Option<RefundRequest> = serde_json::from_value(stored.request.clone()).ok();
    if before.is_none_or(|before| !before.is_the_same(request)) {
        return Err(Problem::new(Kind::RefundIdReused));
    }
    match &stored.refusal {
        Some(refusal) => Err(refused(refusal)),
        None => Ok((StatusCode::ACCEPTED, Json(refund_json(app, &stored.view)))),
    }
}

fn refused(refusal: &RefundRefusal) -> Problem {
    match refusal {
        RefundRefusal::NotPaid { state } => {
            Problem::new(Kind::OrderNotPaid).because(format!("The order is {state}."))
        }
        RefundRefusal::Disputed => Problem::new(Kind::OrderDisputed),
        RefundRefusal::ExceedsPayment { left } => {
            Problem::new(Kind::RefundExceedsPayment).with("left", json!(left))
        }
        RefundRefusal::ExceedsLine { index, units_left } => Problem::new(
            Kind::RefundExceedsPayment,
        )
        .because(format!("/lines/{index}/quantity: {units_left} units are left of this line")),
        RefundRefusal::UnknownLine { index } => {
            Problem::invalid(&format!("/lines/{index}/sku"), "is not a line of this order")
        }
        RefundRefusal::OtherCurrency { currency } => {
            Problem::invalid("/amount/currency", format!("the order was paid in {currency}"))
        }
        RefundRefusal::NotPositive => Problem::invalid("", "the refund comes to nothing"),
    }
}

/// A refund as operators see it.
pub fn refund_json(app: &App, refund: &RefundView) -> Value {
    json!({
        "refund_id": refund.refund_id, "order_id": refund.order_id, "state": refund.state,
        "amount": refund.amount, "lines": refund.lines, "reason": refund.reason,
        "origin": refund.origin, "failure": refund.failure,
        "provider_refund": refund.provider_refund,
        "temporal_url": temporal_url(app, &RefundId(refund.refund_id).workflow_id()),
        "created_at": rfc3339(refund.created_at), "updated_at": rfc3339(refund.updated_at),
    })
}
