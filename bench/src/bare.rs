//! Bare axum routes: some that answer with fixed bytes, the floor of the product's reads, one that
//! stores a body with one insert, the floor of taking a webhook, and one that drops the traces it is
//! sent.

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{get, post},
};
use sqlx::{Executor, PgPool, postgres::PgPoolOptions};
use tokio::net::TcpListener;
use uuid::Uuid;

/// What is served.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// The answer to `GET /v1/products/{sku}`.
    #[arg(long, env = "BARE_PRODUCT")]
    pub product: String,

    /// The answer to `POST /v1/stock-check`.
    #[arg(long, env = "BARE_STOCK_CHECK")]
    pub stock_check: String,

    /// Where bodies are stored.
    #[arg(long, env = "BARE_DATABASE_URL")]
    pub database_url: String,
}

/// Serves until it is killed.
///
/// # Errors
/// When it can't listen.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let Settings { product, stock_check, database_url } = settings;
    let pool = PgPoolOptions::new().max_connections(8).connect(&database_url).await?;
    pool.execute("create table if not exists bodies (id uuid primary key, body bytea)").await?;
    let app = Router::new()
        .route("/v1/products/{sku}", get(async move || json(product.clone())))
        .route("/v1/stock-check", post(async move || json(stock_check.clone())))
        .route("/v1/webhooks/stripe", post(store).with_state(pool))
        .route("/v1/traces", post(async || ()));
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
    crate::report::listening("bare", listener.local_addr()?);
    axum::serve(listener, app).await.context("serve the bare routes")
}

async fn store(State(pool): State<PgPool>, body: Bytes) -> Result<&'static str, StatusCode> {
    let insert = sqlx::query("insert into bodies (id, body) values ($1, $2)");
    let stored = insert.bind(Uuid::new_v4()).bind(&body[..]).execute(&pool).await;
    stored.map(|_| "stored").map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn json(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}
