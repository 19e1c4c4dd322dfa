//! `/v1/orders`: find an order, and everything about it.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::get,
};
use domain::{Money, OrderId, OrderState};
use read_model::{
    StoredOrder,
    order_search::{self, OrderRow, Search, Which},
    order_story::{self, Entry, Story},
    orders,
    refunds::{self, RefundView},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{page, refunds::refund_json};
use crate::{
    app::App,
    checkouts::{checkout_json, rfc3339},
    problem::{Answer, Kind, Problem},
};

/// The paths of orders.
pub fn router() -> Router<App> {
    Router::new().route("/v1/orders", get(list)).route("/v1/orders/{order_id}", get(one))
}

/// How orders are looked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Filter {
    /// Those in this state.
    pub state: Option<String>,
    /// The beginning of an order's id, or the provider's id of a payment.
    pub q: Option<String>,
    /// Those with this product.
    pub sku: Option<String>,
    /// Those written then or later.
    pub from: Option<String>,
    /// Those written before.
    pub to: Option<String>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// How many.
    pub limit: Option<String>,
}

impl Filter {
    /// What that is, if it is all well formed.
    pub fn search(&self) -> Answer<Search> {
        let state = self.state.as_deref().map(|state| {
            state.parse().map_err(|error: domain::order::UnknownState| {
                Problem::invalid("/state", error.to_string())
            })
        });
        let sku = self.sku.as_deref().map(|sku| {
            sku.parse().map_err(|error: domain::id::InvalidSku| {
                Problem::invalid("/sku", error.to_string())
            })
        });
        let which = self.q.as_deref().map_or(Ok(Which::Any), |q| {
            let detail = "has to be 4 or more digits that an order's id begins with, or the \
                          provider's id of a payment";
            named(q.trim()).ok_or_else(|| Problem::invalid("/q", detail))
        });
        let time = |name: &str, text: Option<&String>| {
            let read = |text: &String| {
                // Postgres is told in UTC, where the year may be another one, and none that there is.
                let read = OffsetDateTime::parse(text, &Rfc3339).ok();
                let read = read.and_then(|read| read.checked_to_offset(UtcOffset::UTC));
                read.ok_or_else(|| Problem::invalid(name, "has to be a time, as RFC 3339 has it"))
            };
            text.map(read).transpose()
        };
        let (from, to) = (time("/from", self.from.as_ref())?, time("/to", self.to.as_ref())?);
        let (state, sku, which) = (state.transpose()?, sku.transpose()?, which?);
        Ok(Search { state, from, to, sku, which })
    }
}

/// The orders that somebody means who types this.
pub fn named(q: &str) -> Option<Which> {
    let digits = q.replace('-', "");
    let is_id = (4..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        let bound = |rest: char| {
            let padding = String::from(rest).repeat(32 - digits.len());
            Uuid::try_parse(&format!("{digits}{padding}")).ok()
        };
        return Some(Which::Ids(bound('0')?, bound('f')?));
    }
    let is_payment =
        q.contains('_') && q.len() <= 255 && q.bytes().all(|byte| byte.is_ascii_graphic());
    is_payment.then(|| Which::Payment(q.to_owned()))
}

/// A page of orders, and where the next one begins.
pub async fn find(app: &App, filter: &Filter) -> Answer<(Vec<OrderRow>, Option<String>)> {
    let search = filter.search()?;
    let limit = page::limit(filter.limit.as_deref())?;
    let before = filter.cursor.as_deref().map(page::read_cursor).transpose()?;
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = order_search::orders(&app.model.pool, &search, before, fetch).await?;
    let place = |row: &OrderRow| (row.created_at, row.order_id.to_string());
    let next = page::cut(&mut rows, limit, place);
    Ok((rows, next))
}

async fn list(State(app): State<App>, Query(filter): Query<Filter>) -> Answer<Json<Value>> {
    let (rows, next) = find(&app, &filter).await?;
    let rows: Vec<_> = rows.iter().map(row_json).collect();
    Ok(Json(json!({"orders": rows, "next_cursor": next})))
}

/// What an order in a list costs.
pub fn total_of(row: &OrderRow) -> Option<Money> {
    let currency = row.currency.as_deref().and_then(|code| code.parse().ok());
    row.total_minor.zip(currency).map(|(minor, currency)| Money::new(minor, currency))
}

fn row_json(row: &OrderRow) -> Value {
    json!({
        "order_id": row.order_id, "state": row.state, "payment_state": row.payment_state,
        "total": total_of(row), "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
    })
}

/// Everything that is known of an order: three statements.
pub struct Whole {
    pub stored: StoredOrder,
    pub refunds: Vec<RefundView>,
    pub story: Story,
}

/// The order of this id.
pub async fn whole(app: &App, order: &str) -> Answer<Whole> {
    let not_found = || Problem::new(Kind::OrderNotFound);
    let order: OrderId = order.parse().map_err(|_| not_found())?;
    let pool = &app.model.pool;
    let stored = orders::find(pool, order).await?.ok_or_else(not_found)?;
    let refunds = refunds::refunds_of(pool, order).await?;
    let story = order_story::of(pool, order).await?;
    Ok(Whole { stored, refunds, story })
}

async fn one(State(app): State<App>, Path(order): Path<String>) -> Answer<Json<Value>> {
    Ok(Json(order_json(&app, &whole(&app, &order).await?)))
}

/// An order as operators see it.
pub fn order_json(app: &App, whole: &Whole) -> Value {
    let Whole { stored, refunds, story } = whole;
    let order = stored.checkout.order_id;
    let mut body = checkout_json(&stored.checkout);
    body["payment_intent"] = json!(stored.payment_intent);
    body["refusal"] = json!(stored.refusal);
    body["payments"] = json!(story.attempts);
    body["refunds"] = refunds.iter().map(|refund| refund_json(app, refund)).collect();
    body["timeline"] = story.timeline.iter().map(entry_json).collect();
    body["temporal_url"] = json!(temporal_url(app, &order.workflow_id()));
    body["temporal_search_url"] = json!(temporal_search_url(app, order));
    body
}

fn entry_json(entry: &Entry) -> Value {
    json!({
        "source": entry.source, "kind": entry.kind, "at": rfc3339(entry.at), "seq": entry.seq,
        "version": entry.version, "state": entry.state, "payment_state": entry.payment_state,
        "id": entry.id, "actor": entry.actor, "detail": entry.detail,
    })
}

/// Where a workflow is looked at.
pub fn temporal_url(app: &App, workflow_id: &str) -> String {
    let workflow = workflow_id.replace('/', "%2F");
    format!("{}/namespaces/{}/workflows/{workflow}", app.temporal_ui_url, app.namespace)
}

/// Where every workflow is found that is about an order.
pub fn temporal_search_url(app: &App, order: OrderId) -> String {
    let query = format!("OrderId%3D%22{order}%22");
    format!("{}/namespaces/{}/workflows?query={query}", app.temporal_ui_url, app.namespace)
}

/// The states that an order can be looked for by.
pub const STATES: [OrderState; 12] = [
    OrderState::AwaitingPayment,
    OrderState::Paying,
    OrderState::Confirmed,
    OrderState::Closing,
    OrderState::Paid,
    OrderState::PartiallyRefunded,
    OrderState::Refunded,
    OrderState::Disputed,
    OrderState::PaymentFailed,
    OrderState::Expired,
    OrderState::Cancelled,
    OrderState::Refused,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn search(q: &str) -> Answer<Search> {
        Filter { q: Some(q.to_owned()), ..Filter::default() }.search()
    }

    #[test]
    fn the_beginning_of_an_id_means_all_ids_that_begin_so() {
        let ids =
            |first: &str, last: &str| Which::Ids(first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(
            search("0199d6F2-5f").unwrap().which,
            ids("0199d6f2-5f00-0000-0000-000000000000", "0199d6f2-5fff-ffff-ffff-ffffffffffff")
        );
        let whole = "0199d6f2-5f0a-7c1e-8b7a-3d2e9a41c6f0";
        assert_eq!(search(whole).unwrap().which, ids(whole, whole));
        assert_eq!(search(" pi_3abc ").unwrap().which, Which::Payment("pi_3abc".to_owned()));
        for nothing in ["01", "mug", "pi_\u{0}", &"0".repeat(33)] {
            assert!(search(nothing).is_err(), "{nothing}");
        }
    }
}
