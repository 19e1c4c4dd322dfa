//! `/v1/products`: what the shop sells, from memory.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Sku, allocation::MOST_SHOWN};
use read_model::Product;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    checkouts::matches_etag,
    problem::{Answer, Kind, Problem},
};

/// Up to this many units are few.
pub(crate) const FEW: i64 = 5;

/// The paths of products.
pub fn router() -> Router<App> {
    Router::new().route("/v1/products", get(list)).route("/v1/products/{sku}", get(one))
}

/// How to page through a list.
#[derive(Debug, Deserialize)]
pub struct Page {
    limit: Option<String>,
    cursor: Option<String>,
}

impl Page {
    /// How many, from 1 to 100; 20 when the client does not say.
    pub fn limit(&self) -> Answer<usize> {
        let Some(text) = &self.limit else {
            return Ok(20);
        };
        let limit = text.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.ok_or_else(|| Problem::invalid("/limit", "has to be 1 to 100"))
    }

    /// After which SKU.
    pub fn after(&self) -> Answer<Option<Sku>> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        after(cursor).map(Some)
    }
}

/// The SKU that the page with this cursor comes after.
pub fn after(cursor: &str) -> Answer<Sku> {
    let bad = || Problem::invalid("/cursor", "is not one that this list gave");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    text.parse().map_err(|_| bad())
}

/// The cursor of the page after `sku`.
pub fn cursor(sku: &str) -> String {
    URL_SAFE_NO_PAD.encode(sku)
}

async fn list(
    State(app): State<App>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Answer<Response> {
    let limit = page.limit()?;
    let mut products = app.model.catalogue.page(page.after()?.as_ref(), limit + 1);
    let more = products.len() > limit;
    products.truncate(limit);
    let next = products.last().filter(|_| more).map(|last| cursor(last.sku.as_str()));
    let products: Vec<_> = products.iter().map(|product| product_json(product)).collect();
    Ok(cacheable(&headers, &json!({"products": products, "next_cursor": next})))
}

async fn one(
    State(app): State<App>,
    Path(sku): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let product = sku.parse().ok().and_then(|sku: Sku| app.model.catalogue.product(&sku));
    match product {
        Some(product) => Ok(cacheable(&headers, &product_json(&product))),
        None => Err(Problem::new(Kind::UnknownSku).with("skus", json!([sku]))),
    }
}

/// A product as shoppers see it.
pub fn product_json(product: &Product) -> Value {
    json!({
        "sku": product.sku, "name": product.name, "description": product.description,
        "image_url": product.image_url, "price": product.price,
        "availability": availability(product),
        "available": product.available.clamp(0, MOST_SHOWN),
    })
}

/// How many there are, in a word.
pub const fn availability(product: &Product) -> &'static str {
    match product.available {
        ..=0 => "out_of_stock",
        1..=FEW => "low_stock",
        _ => "in_stock",
    }
}

/// An answer with an `ETag`, or 304 when the client has it.
fn cacheable(headers: &HeaderMap, body: &Value) -> Response {
    let body_text = body.to_string();
    let digest = hex::encode(&Sha256::digest(body_text.as_bytes())[..12]);
    let etag =
        HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    let cache = [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if matches_etag(headers, &etag) {
        return (StatusCode::NOT_MODIFIED, cache, [(header::ETAG, etag)]).into_response();
    }
    (cache, [(header::ETAG, etag)], Json(body.clone())).into_response()
}
