//! `/v1/stock`: what there is, and counting units in or out.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::get,
};
use domain::Sku;
use read_model::operators;
use serde_json::{Value, json};
use workflows::{Change, ChangeOutcome, StockLevel};

use super::{change, tokens::Operator};
use crate::{
    app::App,
    body::JsonBody,
    problem::{Answer, Kind, Problem},
    products::{Page, cursor},
    requests::AdjustStock,
};

/// The paths of stock.
pub fn router() -> Router<App> {
    Router::new().route("/v1/stock", get(list)).route("/v1/stock/{sku}", get(one).patch(adjust))
}

async fn list(State(app): State<App>, Query(page): Query<Page>) -> Answer<Json<Value>> {
    let limit = page.limit()?;
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = operators::stock(&app.model.pool, None, page.after()?.as_ref(), fetch).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| cursor(&row.sku));
    Ok(Json(json!({"stock": rows, "next_cursor": next})))
}

async fn one(State(app): State<App>, Path(sku): Path<String>) -> Answer<Json<Value>> {
    let sku = known_shape(&sku)?;
    let rows = operators::stock(&app.model.pool, Some(&sku), None, 1).await?;
    let row = rows.into_iter().next().ok_or_else(|| unknown(&sku))?;
    Ok(Json(json!(row)))
}

async fn adjust(
    State(app): State<App>,
    operator: Operator,
    Path(sku): Path<String>,
    body: JsonBody,
) -> Answer<Json<Value>> {
    let sku = known_shape(&sku)?;
    let AdjustStock { adjustment_id, on_hand_delta, reason } = AdjustStock::read(&body.0)?;
    let adjust = Change::AdjustStock { sku: sku.clone(), on_hand_delta };
    match change(&app, &operator, adjustment_id, reason, adjust).await? {
        ChangeOutcome::StockAdjusted { level } => Ok(Json(level_json(&level))),
        ChangeOutcome::UnknownSku => Err(unknown(&sku)),
        ChangeOutcome::BelowHeldAndSold { level } => {
            Err(Problem::new(Kind::StockBelowHeldAndSold).with("stock", level_json(&level)))
        }
        ChangeOutcome::IdReused => Err(Problem::new(Kind::ChangeIdReused)),
        ChangeOutcome::ProductPut { .. }
        | ChangeOutcome::WebhookDue
        | ChangeOutcome::UnknownWebhook => Err(Problem::new(Kind::Internal)),
    }
}

fn level_json(level: &StockLevel) -> Value {
    json!({
        "sku": level.sku, "on_hand": level.on_hand, "available": level.available(),
        "held": level.held, "sold": level.sold, "version": level.version,
    })
}

fn known_shape(sku: &str) -> Answer<Sku> {
    sku.parse().map_err(|_| Problem::new(Kind::UnknownSku).with("skus", json!([sku])))
}

fn unknown(sku: &Sku) -> Problem {
    Problem::new(Kind::UnknownSku).with("skus", json!([sku]))
}
