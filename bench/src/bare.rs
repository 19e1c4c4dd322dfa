//! Bare axum routes that answer with fixed bytes: the floor of the product's reads.

use anyhow::Context;
use axum::{
    Router,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{get, post},
};
use tokio::net::TcpListener;

/// What is served.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// The answer to `GET /v1/products/{sku}`.
    #[arg(long, env = "BARE_PRODUCT")]
    pub product: String,

    /// The answer to `POST /v1/stock-check`.
    #[arg(long, env = "BARE_STOCK_CHECK")]
    pub stock_check: String,
}

/// Serves until it is killed.
///
/// # Errors
/// When it can't listen.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let Settings { product, stock_check } = settings;
    let app = Router::new()
        .route("/v1/products/{sku}", get(async move || json(product.clone())))
        .route("/v1/stock-check", post(async move || json(stock_check.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
    crate::report::listening("bare", listener.local_addr()?);
    axum::serve(listener, app).await.context("serve the bare routes")
}

fn json(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}
