//! `/livez` and `/readyz`.

use std::time::Duration;

use axum::{Router, extract::State, response::IntoResponse, routing::get};

use crate::{
    app::App,
    problem::{Answer, Kind, Problem},
};

/// The paths of health.
pub fn router() -> Router<App> {
    Router::new().route("/livez", get(|| async { "alive\n" })).route("/readyz", get(ready))
}

async fn ready(State(app): State<App>) -> Answer<impl IntoResponse> {
    if app.stop.is_cancelled() {
        return Err(Problem::new(Kind::Overloaded)
            .because("this process is about to end")
            .retry_after(2));
    }
    let asked = sqlx::query("select 1").execute(&app.model.pool);
    if !matches!(tokio::time::timeout(Duration::from_secs(2), asked).await, Ok(Ok(_))) {
        return Err(Problem::new(Kind::DatabaseUnavailable).retry_after(2));
    }
    if !app.temporal.is_reachable().await {
        return Err(Problem::new(Kind::TemporalUnavailable).retry_after(2));
    }
    Ok("ready\n")
}
