//! The naive routes: as bare as the product's floor.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};
use temporalio_client::{Client, WorkflowSignalOptions, WorkflowStartOptions};
use uuid::Uuid;

use super::{Order, QUEUE, Step, Waiting, workflow::NaiveOrder, workflow_id};

#[derive(Clone)]
struct Shop {
    client: Client,
    waiting: Arc<Waiting>,
}

/// Whatever went wrong.
struct Failed(String);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

#[derive(Deserialize)]
struct Payment {
    payment_method: String,
}

/// The naive shop's routes.
pub(super) fn router(client: Client, waiting: Arc<Waiting>) -> Router {
    Router::new()
        .route("/orders", post(place))
        .route("/orders/{order_id}/pay", post(pay))
        .route("/webhooks", post(async || StatusCode::OK))
        .with_state(Shop { client, waiting })
}

/// Starts an order's workflow; answers when the units are reserved.
async fn place(
    State(shop): State<Shop>,
    Json(order): Json<Order>,
) -> Result<(StatusCode, Json<Value>), Failed> {
    let reserved = shop.waiting.wait_for(order.order_id, Step::Reserved);
    let options = WorkflowStartOptions::new(QUEUE, workflow_id(order.order_id)).build();
    shop.client.start_workflow(NaiveOrder::run, order.clone(), options).await?;
    reserved.await?;
    Ok((StatusCode::CREATED, Json(json!({"order_id": order.order_id, "status": "reserved"}))))
}

/// Tells the workflow that the shopper pays; answers when the order is paid.
async fn pay(
    State(shop): State<Shop>,
    Path(order_id): Path<Uuid>,
    Json(payment): Json<Payment>,
) -> Result<Json<Value>, Failed> {
    let paid = shop.waiting.wait_for(order_id, Step::Paid);
    let workflow = shop.client.get_workflow_handle::<NaiveOrder>(workflow_id(order_id));
    let signal = WorkflowSignalOptions::default();
    workflow.signal(NaiveOrder::pay, payment.payment_method, signal).await?;
    paid.await?;
    Ok(Json(json!({"order_id": order_id, "status": "paid"})))
}
