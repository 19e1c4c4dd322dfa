//! `POST /v1/stock-check`: how a cart stands, from memory.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::post,
};
use domain::{Money, allocation};
use serde_json::json;

use crate::{
    app::App,
    body::JsonBody,
    checkouts::rfc3339,
    problem::{Answer, short_line},
    requests,
};

/// The path of the stock check.
pub fn router() -> Router<App> {
    Router::new().route("/v1/stock-check", post(check))
}

/// The total is that of what can be had: a reduced line counts with the units that there are.
async fn check(State(app): State<App>, body: JsonBody) -> Answer<Response> {
    let lines = requests::stock_check(&body.0)?;
    let stock = app.model.catalogue.stock(lines.as_slice().iter().map(|line| &line.sku));
    let checked = allocation::check(&lines, &stock);
    let prices = checked.iter().filter_map(|line| {
        let units = u32::try_from(line.available).unwrap_or(0).min(line.requested);
        line.unit_price?.times(units)
    });
    let total = prices.fold(None, |sum: Option<Money>, price| match sum {
        None => Some(price),
        Some(sum) => sum.plus(price).or(Some(sum)),
    });
    let lines: Vec<_> = checked.iter().map(short_line).collect();
    let as_of = rfc3339(app.model.catalogue.as_of());
    let cache = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((cache, Json(json!({"lines": lines, "total": total, "as_of": as_of}))).into_response())
}
