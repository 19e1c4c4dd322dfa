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
    let PutProduct { name, description, image_url, price } = PutProduct::read(&body.0)?;
    let put = Change::PutProduct { sku: sku.clone(), name, description, image_url, price };
    let created =
        match change(&app, &operator, Uuid::now_v7(), "product written".into(), put).await? {
            ChangeOutcome::ProductPut { created } => created,
            ChangeOutcome::StockAdjusted { .. }
            | ChangeOutcome::UnknownSku
            | ChangeOutcome::BelowHeldAndSold { .. }
            | ChangeOutcome::WebhookDue
            | ChangeOutcome::UnknownWebhook
            | ChangeOutcome::IdReused => return Err(Problem::new(Kind::Internal)),
        };
    let product = app.model.catalogue.product(&sku).ok_or_else(|| Problem::new(Kind::Internal))?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(product_json(&product))))
}
