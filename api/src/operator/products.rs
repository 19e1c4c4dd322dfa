//! `PUT /v1/products/{sku}`: creates a product with no stock, or changes it.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::put,
};
use domain::Sku;
use serde_json::Value;
use uuid::Uuid;
use workflows::{Change, ChangeOutcome};

use super::{change, tokens::Operator};
use crate::{
    app::App,
    body::JsonBody,
    problem::{Answer, Kind, Problem},
    products::product_json,
    requests::PutProduct,
};

/// The path of products.
pub fn router() -> Router<App> {
    Router::new().route("/v1/products/{sku}", put(put_product))
}

async fn put_product(
    State(app): State<App>,
    operator: Operator,
    Path(sku): Path<String>,
    body: JsonBody,
) -> Answer<(StatusCode, Json<Value>)> {
    let sku: Sku = sku
        .parse()
        .map_err(|error: domain::id::InvalidSku| Problem::invalid("/sku", error.to_string()))?;
    let PutProduct { change_id, reason, name, description, image_url, price } =
        PutProduct::read(&body.0)?;
    let put = Change::PutProduct { sku: sku.clone(), name, description, image_url, price };
    let change_id = change_id.unwrap_or_else(Uuid::now_v7);
    let reason = reason.unwrap_or_else(|| "product written".to_owned());
    let created = match change(&app, &operator, change_id, reason, put).await? {
        ChangeOutcome::ProductPut { created } => created,
        ChangeOutcome::IdReused => return Err(Problem::new(Kind::ChangeIdReused)),
        ChangeOutcome::StockAdjusted { .. }
        | ChangeOutcome::UnknownSku
        | ChangeOutcome::BelowHeldAndSold { .. }
        | ChangeOutcome::WebhookDue
        | ChangeOutcome::UnknownWebhook
        | ChangeOutcome::OrderToBeTold { .. }
        | ChangeOutcome::OrderIsPastIt { .. }
        | ChangeOutcome::UnknownOrder => return Err(Problem::new(Kind::Internal)),
    };
    let product = app.model.catalogue.product(&sku).ok_or_else(|| Problem::new(Kind::Internal))?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(product_json(&product))))
}
