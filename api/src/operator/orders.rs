//! `/v1/orders`: find an order, and everything about it.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::get,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Money, OrderId, OrderState};
use read_model::{
    operators::{self, OrderRow},
    orders, refunds,
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::refunds::refund_json;
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
    let limit = match &filter.limit {
        None => 50,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=200).contains(limit))
            .ok_or_else(|| Problem::invalid("/limit", "has to be 1 to 200"))?,
    };
    let before = filter.cursor.as_deref().map(read_cursor).transpose()?;
    let mut rows =
        operators::orders(&app.model.pool, filter.state.as_deref(), before, limit + 1).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| {
        URL_SAFE_NO_PAD.encode(format!(
            "{}/{}",
            row.created_at.unix_timestamp_nanos(),
            row.order_id
        ))
    });
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

fn read_cursor(cursor: &str) -> Answer<(OffsetDateTime, Uuid)> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (nanos, id) = text.split_once('/')?;
        let nanos: u64 = nanos.parse().ok()?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).ok()?;
        Some((at, id.parse().ok()?))
    };
    read().ok_or_else(|| Problem::invalid("/cursor", "is not one that this list gave"))
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
