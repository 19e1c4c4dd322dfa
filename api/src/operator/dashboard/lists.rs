//! What the provider said, what did not agree, and who changed what.

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use read_model::{
    audit::AuditRow,
    reconciliation::{self, FindingRow, RunRow},
    webhooks::WebhookRow,
};
use uuid::Uuid;

use super::{
    Frame, page,
    show::{When, filled, query, tone, words},
};
use crate::{
    app::App,
    operator::{
        audit,
        reconciliation::findings_of,
        tokens::Operator,
        webhooks::{self, OUTCOMES},
    },
    problem::Answer,
};

/// These pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/webhooks", get(webhook_list))
        .route("/reconciliation", get(last_run))
        .route("/audit", get(audit_list))
}

#[derive(Template)]
#[template(path = "operator/webhooks.html")]
struct Webhooks {
    frame: Frame,
    outcomes: Vec<(&'static str, bool)>,
    rows: Vec<Webhook>,
    next: Option<String>,
}

struct Webhook {
    row: WebhookRow,
    outcome: String,
    tone: &'static str,
    received: When,
    id: Uuid,
}

async fn webhook_list(
    State(app): State<App>,
    operator: Operator,
    Query(filter): Query<webhooks::Filter>,
) -> Answer<Response> {
    let filter = webhooks::Filter { outcome: filled(filter.outcome), ..filter };
    let (rows, next) = webhooks::find(&app, &filter).await?;
    let told = |row: WebhookRow| {
        let waits = if row.detail.is_some() { "failing" } else { "pending" };
        let outcome = row.outcome.as_deref().unwrap_or(waits);
        Webhook {
            outcome: outcome.to_owned(),
            tone: tone(outcome),
            received: When::at(row.received_at),
            id: Uuid::now_v7(),
            row,
        }
    };
    let outcome = filter.outcome.as_deref();
    page(&Webhooks {
        frame: Frame::new(operator, "/webhooks"),
        outcomes: OUTCOMES.map(|of| (of, outcome == Some(of))).to_vec(),
        rows: rows.into_iter().map(told).collect(),
        next: next.map(|cursor| query(&[("outcome", outcome), ("cursor", Some(&cursor))])),
    })
}

#[derive(Template)]
#[template(path = "operator/reconciliation.html")]
struct Reconciliation {
    frame: Frame,
    run: Option<(RunRow, When, Option<When>)>,
    findings: Vec<(FindingRow, String)>,
}

async fn last_run(State(app): State<App>, operator: Operator) -> Answer<Response> {
    let run = reconciliation::run(&app.model.pool, None).await?;
    let findings = findings_of(&app, run.as_ref()).await?;
    let timed = |run: RunRow| {
        let (started, finished) = (When::at(run.started_at), run.finished_at.map(When::at));
        (run, started, finished)
    };
    let named = |finding: FindingRow| {
        let kind = words(&finding.kind);
        (finding, kind)
    };
    page(&Reconciliation {
        frame: Frame::new(operator, "/reconciliation"),
        run: run.map(timed),
        findings: findings.into_iter().map(named).collect(),
    })
}

#[derive(Template)]
#[template(path = "operator/audit.html")]
struct Audit {
    frame: Frame,
    filter: audit::Filter,
    rows: Vec<(AuditRow, When, String)>,
    next: Option<String>,
}

async fn audit_list(
    State(app): State<App>,
    operator: Operator,
    Query(filter): Query<audit::Filter>,
) -> Answer<Response> {
    let filter = audit::Filter {
        kind: filled(filter.kind),
        actor: filled(filter.actor),
        subject: filled(filter.subject),
        ..filter
    };
    let (rows, next) = audit::find(&app, &filter).await?;
    let told = |row: AuditRow| {
        let (at, kind) = (When::at(row.at), words(&row.kind));
        (row, at, kind)
    };
    let next = next.map(|cursor| {
        query(&[
            ("kind", filter.kind.as_deref()),
            ("actor", filter.actor.as_deref()),
            ("subject", filter.subject.as_deref()),
            ("cursor", Some(&cursor)),
        ])
    });
    page(&Audit {
        frame: Frame::new(operator, "/audit"),
        rows: rows.into_iter().map(told).collect(),
        filter,
        next,
    })
}
