//! `/v1/reconciliation`: what the last run found, and having one now.

use std::time::Duration;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use read_model::reconciliation::{self, FindingRow, RunRow};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::tokens::Operator;
use crate::{app::App, problem::Answer};

/// How long a run is waited for.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The path of reconciliation.
pub fn router() -> Router<App> {
    Router::new().route("/v1/reconciliation", get(last).post(now))
}

async fn last(State(app): State<App>) -> Answer<Json<Value>> {
    let run = reconciliation::run(&app.model.pool, None).await?;
    Ok(Json(with_findings(&app, run).await?))
}

/// Begins a run, unless one that was asked for runs; answers it once it has ended, or as it is
/// after a while.
async fn now(State(app): State<App>, operator: Operator) -> Answer<(StatusCode, Json<Value>)> {
    let deadline = Instant::now() + PATIENCE;
    let run_id = begin(&app, &operator, deadline).await?;
    loop {
        let run = reconciliation::run(&app.model.pool, Some(run_id)).await?;
        let has_ended = run.as_ref().is_some_and(|run| run.finished_at.is_some());
        if has_ended || Instant::now() > deadline {
            let status = if has_ended { StatusCode::OK } else { StatusCode::ACCEPTED };
            return Ok((status, Json(with_findings(&app, run).await?)));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// A run that has written down its end may not have ended in Temporal yet. What it found is what
/// was so before anybody asked: another one has to be had.
async fn begin(app: &App, operator: &Operator, deadline: Instant) -> Answer<Uuid> {
    loop {
        let run_id = app.temporal.reconcile(&operator.name).await?;
        let run = reconciliation::run(&app.model.pool, Some(run_id)).await?;
        let is_over = run.is_some_and(|run| run.finished_at.is_some());
        if !is_over || Instant::now() > deadline {
            return Ok(run_id);
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn with_findings(app: &App, run: Option<RunRow>) -> Answer<Value> {
    let findings = findings_of(app, run.as_ref()).await?;
    Ok(json!({"run": run, "findings": findings}))
}

/// What a run has found.
pub async fn findings_of(app: &App, run: Option<&RunRow>) -> Answer<Vec<FindingRow>> {
    let id: Option<Uuid> = run.map(|run| run.run_id);
    match id {
        Some(id) => Ok(reconciliation::findings(&app.model.pool, id).await?),
        None => Ok(Vec::new()),
    }
}
