//! `GET /v1/overview`: how the shop is doing, in a few figures.

use std::collections::BTreeMap;

use axum::{Json, Router, extract::State, routing::get};
use read_model::overview::{self, Vitals};
use serde_json::{Value, json};

use crate::{app::App, problem::Answer};

/// The path of the overview.
pub fn router() -> Router<App> {
    Router::new().route("/v1/overview", get(read))
}

/// The states of open orders.
pub const OPEN: [&str; 4] = ["awaiting_payment", "paying", "confirmed", "closing"];

/// The figures: orders by state, and what has to be near nought.
pub struct Figures {
    /// How many are open, by state.
    pub open: BTreeMap<String, i64>,
    /// Where the orders of the last hour are now.
    pub last_hour: BTreeMap<String, i64>,
    /// What has to be near nought.
    pub vitals: Vitals,
}

/// The figures as they are now: two statements.
pub async fn figures(app: &App) -> Answer<Figures> {
    let counts = overview::orders(&app.model.pool).await?;
    let mut open: BTreeMap<_, _> = OPEN.iter().map(|state| ((*state).to_owned(), 0)).collect();
    open.extend(counts.iter().filter_map(|count| Some((count.state.clone(), count.open?))));
    let last_hour = super::orders::STATES.iter().map(|state| (state.as_str().to_owned(), 0));
    let mut last_hour: BTreeMap<_, _> = last_hour.collect();
    last_hour.extend(counts.into_iter().map(|count| (count.state, count.last_hour)));
    Ok(Figures { open, last_hour, vitals: overview::vitals(&app.model.pool).await? })
}

async fn read(State(app): State<App>) -> Answer<Json<Value>> {
    let Figures { open, last_hour, vitals } = figures(&app).await?;
    Ok(Json(json!({"open": open, "last_hour": last_hour, "vitals": vitals})))
}
