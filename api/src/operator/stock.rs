//! `/v1/stock`: what there is, and counting units in or out.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::get,
};
use domain::Sku;
use read_model::{
    movements::{self, Movement},
    stock::{self, StockRow},
};
use serde::Deserialize;
use serde_json::{Value, json};
use workflows::{Change, ChangeOutcome, StockLevel};

use super::{change, page, tokens::Operator};
use crate::{
    app::App,
    body::JsonBody,
    problem::{Answer, Kind, Problem},
    products::{Page, cursor},
    requests::AdjustStock,
};

/// The paths of stock.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/stock", get(list))
        .route("/v1/stock/{sku}", get(one).patch(adjust))
        .route("/v1/stock/{sku}/movements", get(moved))
}

/// A page of stock, and where the next one begins.
pub async fn find(app: &App, page: &Page) -> Answer<(Vec<StockRow>, Option<String>)> {
    let limit = page.limit()?;
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = stock::stock(&app.model.pool, None, page.after()?.as_ref(), fetch).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| cursor(&row.sku));
    Ok((rows, next))
}

/// What there is of one product.
pub async fn level(app: &App, sku: &str) -> Answer<StockRow> {
    let sku = known_shape(sku)?;
    let rows = stock::stock(&app.model.pool, Some(&sku), None, 1).await?;
    rows.into_iter().next().ok_or_else(|| unknown(&sku))
}

/// Which movements are looked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Moves {
    /// Where the page begins.
    pub cursor: Option<String>,
    /// How many.
    pub limit: Option<String>,
}

/// A page of movements of a product, and where the next one begins.
pub async fn find_movements(
    app: &App,
    sku: &str,
    moves: &Moves,
) -> Answer<(Vec<Movement>, Option<String>)> {
    let sku = known_shape(sku)?;
    let limit = page::limit(moves.limit.as_deref())?;
    let before = moves.cursor.as_deref().map(page::read_cursor).transpose()?;
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = movements::movements(&app.model.pool, &sku, before, fetch).await?;
    let next = page::cut(&mut rows, limit, |row| (row.at, row.id.clone()));
    Ok((rows, next))
}

async fn moved(
    State(app): State<App>,
    Path(sku): Path<String>,
    Query(moves): Query<Moves>,
) -> Answer<Json<Value>> {
    level(&app, &sku).await?;
    let (rows, next) = find_movements(&app, &sku, &moves).await?;
    Ok(Json(json!({"movements": rows, "next_cursor": next})))
}

async fn list(State(app): State<App>, Query(page): Query<Page>) -> Answer<Json<Value>> {
    let (rows, next) = find(&app, &page).await?;
    Ok(Json(json!({"stock": rows, "next_cursor": next})))
}

async fn one(State(app): State<App>, Path(sku): Path<String>) -> Answer<Json<Value>> {
    Ok(Json(json!(level(&app, &sku).await?)))
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
        | ChangeOutcome::UnknownWebhook
        | ChangeOutcome::OrderToBeTold { .. }
        | ChangeOutcome::OrderIsPastIt { .. }
        | ChangeOutcome::UnknownOrder => Err(Problem::new(Kind::Internal)),
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
