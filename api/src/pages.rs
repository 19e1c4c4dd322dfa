//! Pages for people: the product list, the problems, the API's description, and files of `web/`.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use domain::OrderId;
use read_model::Product;
use rust_embed::RustEmbed;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    app::App,
    checkouts::matches_etag,
    problem::{Answer, Kind, Problem},
    products::availability,
};

#[derive(RustEmbed)]
#[folder = "../web"]
struct Web;

/// The pages of the shop's listener.
pub fn router() -> Router<App> {
    explanations()
        .route("/", get(home))
        .route("/orders/{order_id}", get(order))
        .route("/openapi.json", get(|| async { openapi(include_str!("../openapi/shopper.json")) }))
}

/// The pages that explain problems, and what they are drawn with: the same on both listeners.
pub fn explanations() -> Router<App> {
    Router::new()
        .route(
            "/images/{file}",
            get(async |path, headers: HeaderMap| file("images", path, &headers)),
        )
        .route(
            "/assets/{file}",
            get(async |path, headers: HeaderMap| file("assets", path, &headers)),
        )
        .route("/problems", get(problems))
        .route("/problems/{slug}", get(problem))
}

/// The description of a listener's API, as a page that works offline.
pub fn docs() -> SwaggerUi {
    SwaggerUi::new("/docs").config(Config::from("/openapi.json"))
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    products: Vec<Arc<Product>>,
}

async fn home(State(app): State<App>) -> Answer<Response> {
    html(&Home { products: app.model.catalogue.page(None, 100) })
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    order_id: OrderId,
}

/// Where shoppers come back to from 3-D Secure. The page tells nothing by itself: whose order it
/// is shows when it asks for its events.
async fn order(Path(order): Path<String>) -> Answer<Response> {
    let order_id = order.parse().map_err(|_| Problem::new(Kind::NotFound))?;
    html(&OrderPage { order_id })
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems {
    kinds: Vec<Kind>,
}

async fn problems() -> Answer<Response> {
    html(&Problems { kinds: Kind::ALL.to_vec() })
}

async fn problem(Path(slug): Path<String>) -> Answer<Response> {
    let kind = Kind::ALL.iter().copied().find(|kind| kind.slug() == slug);
    html(&Problems { kinds: vec![kind.ok_or_else(|| Problem::new(Kind::NotFound))?] })
}

/// An API's description.
pub fn openapi(document: &'static str) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (json, document).into_response()
}

/// A page, rendered.
pub fn html(page: &impl Template) -> Answer<Response> {
    let rendered = page.render().map_err(|error| {
        tracing::error!(%error, "a page can't be made");
        Problem::new(Kind::Internal)
    })?;
    Ok(Html(rendered).into_response())
}

fn file(folder: &str, Path(name): Path<String>, headers: &HeaderMap) -> Answer<Response> {
    let Some(file) = Web::get(&format!("{folder}/{name}")) else {
        return Err(Problem::new(Kind::NotFound));
    };
    let digest = hex::encode(&file.metadata.sha256_hash()[..12]);
    let etag =
        HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    let cache = [
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (header::ETAG, etag.clone()),
    ];
    if matches_etag(headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, cache).into_response());
    }
    let media_type = HeaderValue::from_str(file.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    Ok((cache, [(header::CONTENT_TYPE, media_type)], file.data.into_owned()).into_response())
}

fn price(product: &Product) -> String {
    product.price.to_string()
}

fn words(product: &Product) -> &'static str {
    match availability(product) {
        "out_of_stock" => "Sorry, out of stock",
        "low_stock" => "Only a few left",
        _ => "In stock",
    }
}
