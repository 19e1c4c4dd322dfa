//! What Stripe does not have: faults at will, and the money at a glance.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State as Shared,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{Sandbox, faults::FaultSettings, objects::Intent, store::State};

type App = Arc<Sandbox>;

/// `GET /sandbox/faults`
pub async fn faults(Shared(app): Shared<App>) -> Json<FaultSettings> {
    Json(app.faults.get())
}

/// `PUT /sandbox/faults`: these faults and no others; what is not named is off.
pub async fn set_faults(Shared(app): Shared<App>, body: Bytes) -> Response {
    match FaultSettings::parse(&body) {
        Ok(settings) => {
            app.faults.set(settings.clone());
            app.deliveries_due.notify_one();
            Json(settings).into_response()
        }
        Err(why) => {
            let error = json!({"type": "invalid_request_error", "message": why.message});
            let status = if why.is_malformed {
                StatusCode::BAD_REQUEST
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            (status, Json(json!({"error": error}))).into_response()
        }
    }
}

/// `DELETE /sandbox/faults`: no faults.
pub async fn clear_faults(Shared(app): Shared<App>) -> Json<FaultSettings> {
    app.faults.set(FaultSettings::default());
    app.deliveries_due.notify_one();
    Json(app.faults.get())
}

/// `GET /sandbox/ledger`: every payment, with the money as the provider sees it.
pub async fn ledger(Shared(app): Shared<App>) -> Json<Value> {
    let entries = |state: &State| -> Vec<Value> {
        state.intents.values().map(|intent| entry(state, intent)).collect()
    };
    Json(json!({"intents": app.store.read(entries).await}))
}

fn entry(state: &State, intent: &Intent) -> Value {
    let charge = intent.latest_charge.as_ref().and_then(|charge| state.charges.get(charge));
    json!({
        "payment_intent": intent.id, "order_id": intent.metadata.get("order_id"),
        "status": intent.status, "amount": intent.amount,
        "currency": intent.currency.to_uppercase(), "amount_capturable": intent.capturable(),
        "captured": intent.captured, "refunded": charge.map_or(0, |charge| charge.refunded),
        "disputed": charge.is_some_and(|charge| charge.disputed),
    })
}
