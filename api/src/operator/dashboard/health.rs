//! How the shop is doing, and what it stands on.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use read_model::overview::{self, Vitals};
use time::OffsetDateTime;

use super::{
    Frame, page,
    show::{When, words},
};
use crate::{
    app::App,
    operator::{
        overview::{Figures, figures},
        tokens::Operator,
    },
    problem::Answer,
};

/// These pages.
pub fn router() -> Router<App> {
    Router::new().route("/", get(overview_page)).route("/health", get(health))
}

#[derive(Template)]
#[template(path = "operator/overview.html")]
struct Overview {
    frame: Frame,
    open: Vec<Count>,
    last_hour: Vec<Count>,
    vitals: Vitals,
    reconciled: Option<When>,
}

struct Count {
    state: String,
    words: String,
    orders: i64,
}

async fn overview_page(State(app): State<App>, operator: Operator) -> Answer<Response> {
    let Figures { open, last_hour, vitals } = figures(&app).await?;
    let count = |(state, orders): (String, i64)| {
        let words = words(&state);
        Count { state, words, orders }
    };
    page(&Overview {
        frame: Frame::new(operator, "/"),
        open: open.into_iter().map(count).collect(),
        last_hour: last_hour.into_iter().map(count).collect(),
        reconciled: vitals.reconciled_at.map(When::at),
        vitals,
    })
}

#[derive(Template)]
#[template(path = "operator/health.html")]
struct Health {
    frame: Frame,
    checks: Vec<Check>,
}

/// Something that is as it should be, or is not.
struct Check {
    name: &'static str,
    is_well: bool,
    told: String,
}

/// Reconciliations are due every five minutes.
const RECONCILED_WITHIN: time::Duration = time::Duration::minutes(15);
/// What the provider said is delivered in moments.
const DELIVERED_WITHIN: time::Duration = time::Duration::minutes(1);

async fn health(State(app): State<App>, operator: Operator) -> Answer<Response> {
    let mut checks = match overview::vitals(&app.model.pool).await {
        Ok(vitals) => of_database(&vitals),
        Err(error) => {
            tracing::warn!(%error, "the database");
            let told = "It can't be asked.".to_owned();
            vec![Check { name: "Database", is_well: false, told }]
        }
    };
    checks.extend(of_temporal(&app).await);
    page(&Health { frame: Frame::new(operator, "/health"), checks })
}

fn of_database(vitals: &Vitals) -> Vec<Check> {
    let now = OffsetDateTime::now_utc();
    let waits_since = vitals.oldest_webhook_at.map(|at| now - at);
    let (waiting, failing) = (vitals.webhooks_waiting, vitals.webhooks_failing);
    let oldest = waits_since.map_or(0, time::Duration::whole_seconds);
    let reconciled = vitals.reconciled_at.map(|at| now - at);
    vec![
        Check { name: "Database", is_well: true, told: "It answers.".to_owned() },
        Check {
            name: "Webhook inbox",
            is_well: failing == 0 && waits_since.is_none_or(|since| since < DELIVERED_WITHIN),
            told: format!("{waiting} wait, {failing} of them failing; the oldest for {oldest} s."),
        },
        Check {
            name: "Holds",
            is_well: vitals.holds_overdue == 0,
            told: format!("{} are overdue.", vitals.holds_overdue),
        },
        Check {
            name: "Reconciliation",
            is_well: reconciled.is_some_and(|ago| ago < RECONCILED_WITHIN),
            told: match vitals.reconciled_at {
                Some(at) => format!("Last ended {} UTC.", When::at(at).utc),
                None => "None has ended yet.".to_owned(),
            },
        },
        Check {
            name: "Findings",
            is_well: vitals.findings == 0,
            told: format!("The last reconciliation found {}.", vitals.findings),
        },
    ]
}

async fn of_temporal(app: &App) -> Vec<Check> {
    if !app.temporal.is_reachable().await {
        let told = "It can't be asked.".to_owned();
        return vec![Check { name: "Temporal", is_well: false, told }];
    }
    let mut checks =
        vec![Check { name: "Temporal", is_well: true, told: "It answers.".to_owned() }];
    let workers = app.temporal.workers().await;
    checks.push(Check {
        name: "Workers",
        is_well: matches!(workers, Ok(1..)),
        told: match workers {
            Ok(workers) => format!("{workers} look for work."),
            Err(_) => "They can't be asked after.".to_owned(),
        },
    });
    let schedule = app.temporal.schedule().await;
    checks.push(Check {
        name: "Schedule 'reconcile'",
        is_well: matches!(schedule, Ok((false, _))),
        told: match schedule {
            Ok((true, _)) => "It is paused: nothing is reconciled by itself.".to_owned(),
            Ok((false, Some(next))) => {
                format!("It runs next at {} UTC.", When::at(next.into()).utc)
            }
            Ok((false, None)) => "It has no next run.".to_owned(),
            Err(_) => "It can't be asked after.".to_owned(),
        },
    });
    checks
}
