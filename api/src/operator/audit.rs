//! `GET /v1/audit`: who changed what, and why.

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use read_model::audit::{self, AuditRow, AuditSearch};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page;
use crate::{
    app::App,
    problem::{Answer, Problem},
};

/// The path of the audit.
pub fn router() -> Router<App> {
    Router::new().route("/v1/audit", get(list))
}

/// Which changes are looked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Filter {
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those by this actor.
    pub actor: Option<String>,
    /// Those about this order, product, webhook event or token.
    pub subject: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// How many.
    pub limit: Option<String>,
}

/// A page of changes, and where the next one begins.
pub async fn find(app: &App, filter: &Filter) -> Answer<(Vec<AuditRow>, Option<String>)> {
    let text = |name: &str, text: &Option<String>| match text {
        Some(text) if text.is_empty() || text.contains('\0') => {
            Err(Problem::invalid(name, "is nobody and nothing"))
        }
        text => Ok(text.clone()),
    };
    let search = AuditSearch {
        kind: text("/kind", &filter.kind)?,
        actor: text("/actor", &filter.actor)?,
        subject: text("/subject", &filter.subject)?,
    };
    let limit = page::limit(Some(filter.limit.as_deref().unwrap_or("100")))?;
    let before = filter.cursor.as_deref().map(page::read_cursor).transpose()?;
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = audit::audit(&app.model.pool, &search, before, fetch).await?;
    let next = page::cut(&mut rows, limit, |row| (row.at, row.change_id.to_string()));
    Ok((rows, next))
}

async fn list(State(app): State<App>, Query(filter): Query<Filter>) -> Answer<Json<Value>> {
    let (rows, next) = find(&app, &filter).await?;
    Ok(Json(json!({"changes": rows, "next_cursor": next})))
}
