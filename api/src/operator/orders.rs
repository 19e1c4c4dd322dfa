//! `/v1/orders`: find an order, and everything about it.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::get,
};
use domain::{Money, OrderId, OrderState};
use read_model::{
    operators::{self, OrderRow},
    orders, refunds,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{page, refunds::refund_json};
use crate::{
    app::App,
    checkouts::{checkout_json, rfc3339},
    problem::{Answer, Kind, Problem},
};

/// The paths of orders.
pub fn router() -> Router<App> {
    Router::new().route("/v1/orders", get(list)).route("/v1/orders/{order_id}", get(one))
}

#[derive(Deserialize)]
struct Filter {
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

async fn list(State(app): State<App>, Query(filter): Query<Filter>) -> Answer<Json<Value>> {
    if let Some(state) = &filter.state {
        let _known: OrderState = state.parse().map_err(|error: domain::order::UnknownState| {
            Problem::invalid("/state", error.to_string())
        })?;
    }
    let limit = page::limit(filter.limit.as_deref())?;
    let before = filter.cursor.as_deref().map(page::read_cursor).transpose()?;
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows =
        operators::orders(&app.model.pool, filter.state.as_deref(), before, fetch).await?;
    let place = |row: &OrderRow| (row.created_at, row.order_id.to_string());
    let next = page::cut(&mut rows, limit, place);
    let rows: Vec<_> = rows.iter().map(row_json).collect();
    Ok(Json(json!({"orders": rows, "next_cursor": next})))
}

fn row_json(row: &OrderRow) -> Value {
    let currency = row.currency.as_deref().and_then(|code| code.parse().ok());
    let total = row.total_minor.zip(currency).map(|(minor, currency)| Money::new(minor, currency));
    json!({
        "order_id": row.order_id, "state": row.state, "payment_state": row.payment_state,
        "total": total, "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    })
}

async fn one(State(app): State<App>, Path(order): Path<String>) -> Answer<Json<Value>> {
    let not_found = || Problem::new(Kind::OrderNotFound);
    let order: OrderId = order.parse().map_err(|_| not_found())?;
    let pool = &app.model.pool;
    let stored = orders::find(pool, order).await?.ok_or_else(not_found)?;
    let timeline: Vec<_> = orders::events_after(pool, order, 0)
        .await?
        .iter()
        .map(|event| {
            json!({
                "seq": event.seq, "version": event.version, "kind": event.kind,
                "at": rfc3339(event.at), "state": event.changing.state,
                "payment_state": event.changing.payment_state,
            })
        })
        .collect();
    let mut body = checkout_json(&stored.checkout);
    body["payment_intent"] = json!(stored.payment_intent);
    body["refusal"] = json!(stored.refusal);
    body["payments"] = json!(operators::attempts(pool, order).await?);
    let refunds = refunds::refunds_of(pool, order).await?;
    body["refunds"] = refunds.iter().map(refund_json).collect();
    body["timeline"] = json!(timeline);
    body["temporal_url"] = json!(temporal_url(&app, order));
    Ok(Json(body))
}

fn temporal_url(app: &App, order: OrderId) -> String {
    let workflow = order.workflow_id().replace('/', "%2F");
    format!("{}/namespaces/{}/workflows/{workflow}", app.temporal_ui_url, app.namespace)
}
