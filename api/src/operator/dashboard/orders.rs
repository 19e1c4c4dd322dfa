//! Orders: looking for them, and one of them with everything that happened to it.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use read_model::order_story::Entry;
use uuid::Uuid;

use super::{
    Frame, page,
    show::{When, filled, minor_digits, money, query, tone, words},
};
use crate::{
    app::App,
    operator::{
        orders::{self, Filter, STATES, Whole, temporal_search_url, temporal_url, total_of},
        tokens::Operator,
    },
    problem::Answer,
};

/// The pages of orders.
pub fn router() -> Router<App> {
    Router::new().route("/orders", get(list)).route("/orders/{order_id}", get(one))
}

#[derive(Template)]
#[template(path = "operator/orders.html")]
struct Orders {
    frame: Frame,
    states: Vec<(&'static str, String, bool)>,
    filter: Filter,
    rows: Vec<Row>,
    trouble: Option<String>,
    next: Option<String>,
}

struct Row {
    id: String,
    state: String,
    tone: &'static str,
    payment: String,
    total: String,
    created: When,
    updated: When,
}

async fn list(
    State(app): State<App>,
    operator: Operator,
    Query(filter): Query<Filter>,
) -> Answer<Response> {
    let filter = Filter {
        state: filled(filter.state),
        q: filled(filter.q),
        sku: filled(filter.sku),
        from: filled(filter.from),
        to: filled(filter.to),
        ..filter
    };
    let mut asked = filter.clone();
    // What a browser's field for a time says has no zone: the page says that it is UTC.
    for time in [&mut asked.from, &mut asked.to].into_iter().flatten() {
        if time.len() == "2026-10-30T09:00".len() {
            time.push_str(":00Z");
        }
    }
    // A search that can't be made is told on the page where it was typed.
    let (rows, next, trouble) = match orders::find(&app, &asked).await {
        Ok((rows, next)) => (rows, next, None),
        Err(problem) if problem.kind.status().is_client_error() => {
            (Vec::new(), None, Some(problem.detail))
        }
        Err(problem) => return Err(problem),
    };
    let rows = rows.iter().map(|row| Row {
        id: row.order_id.to_string(),
        state: words(&row.state),
        tone: tone(&row.state),
        payment: words(&row.payment_state),
        total: money(total_of(row)),
        created: When::at(row.created_at),
        updated: When::at(row.updated_at),
    });
    let next = next.map(|cursor| {
        query(&[
            ("state", filter.state.as_deref()),
            ("q", filter.q.as_deref()),
            ("sku", filter.sku.as_deref()),
            ("from", filter.from.as_deref()),
            ("to", filter.to.as_deref()),
            ("cursor", Some(&cursor)),
        ])
    });
    let state = |state: &domain::OrderState| {
        let is_chosen = filter.state.as_deref() == Some(state.as_str());
        (state.as_str(), words(state.as_str()), is_chosen)
    };
    page(&Orders {
        frame: Frame::new(operator, "/orders"),
        states: STATES.iter().map(state).collect(),
        rows: rows.collect(),
        filter,
        trouble,
        next,
    })
}

#[derive(Template)]
#[template(path = "operator/order.html")]
struct Order {
    frame: Frame,
    id: String,
    state: String,
    tone: &'static str,
    is_open: bool,
    may_be_cancelled: bool,
    may_be_refunded: bool,
    total: String,
    payment: String,
    payment_intent: Option<String>,
    hold_ends: Option<When>,
    refunded: String,
    refund_pending: String,
    currency: String,
    digits: usize,
    created: When,
    temporal_url: String,
    temporal_search_url: String,
    lines: Vec<Line>,
    attempts: Vec<Attempt>,
    refunds: Vec<Refund>,
    timeline: Vec<Told>,
    /// Ids for the changes that this page can make: sent twice, each is made once.
    ids: [Uuid; 3],
}

struct Line {
    sku: String,
    name: String,
    quantity: u32,
    unit_price: String,
    total: String,
}

struct Attempt {
    number: i32,
    payment_method: String,
    outcome: String,
    tone: &'static str,
    decline_code: String,
    at: When,
}

struct Refund {
    id: String,
    state: String,
    tone: &'static str,
    amount: String,
    reason: String,
    origin: String,
    at_provider: String,
    failure: Option<String>,
    at: When,
    temporal_url: String,
}

struct Told {
    source: String,
    what: String,
    detail: Option<String>,
    state: String,
    tone: &'static str,
    at: When,
}

async fn one(
    State(app): State<App>,
    operator: Operator,
    Path(order): Path<String>,
) -> Answer<Response> {
    let whole = orders::whole(&app, &order).await?;
    let Whole { stored, refunds, story } = &whole;
    let checkout = &stored.checkout;
    let (state, id) = (checkout.changing.state, checkout.order_id);
    let total = checkout.total.or_else(|| domain::order::total(&checkout.lines));
    let minor = |minor: i64| money(total.map(|of| domain::Money::new(minor, of.currency)));
    let lines = checkout.lines.iter().map(|line| Line {
        sku: line.sku.to_string(),
        name: line.name.clone(),
        quantity: line.quantity.get(),
        unit_price: money(Some(line.unit_price)),
        total: money(line.total()),
    });
    let attempts = story.attempts.iter().map(|attempt| {
        let outcome = attempt.outcome.as_deref().unwrap_or("pending");
        Attempt {
            number: attempt.number,
            payment_method: attempt.payment_method.clone(),
            outcome: words(outcome),
            tone: tone(outcome),
            decline_code: attempt.decline_code.clone().unwrap_or_default(),
            at: When::at(attempt.started_at),
        }
    });
    let refunds = refunds.iter().map(|refund| Refund {
        id: refund.refund_id.to_string(),
        state: words(&refund.state),
        tone: tone(&refund.state),
        amount: money(refund.amount),
        reason: refund.reason.clone().unwrap_or_default(),
        origin: refund.origin.clone(),
        at_provider: refund.provider_refund.clone().unwrap_or_default(),
        failure: refund.failure.clone(),
        at: When::at(refund.created_at),
        temporal_url: temporal_url(&app, &format!("refund/{}", refund.refund_id)),
    });
    page(&Order {
        id: id.to_string(),
        state: words(state.as_str()),
        tone: tone(state.as_str()),
        is_open: !state.has_ended(),
        may_be_cancelled: !state.has_ended() && !state.is_bought(),
        may_be_refunded: domain::refund::admit(state).is_ok(),
        total: money(total),
        payment: words(checkout.changing.payment_state.as_str()),
        payment_intent: stored.payment_intent.clone(),
        hold_ends: checkout.expires_at.map(When::at),
        refunded: minor(checkout.changing.refunded_minor),
        refund_pending: minor(checkout.changing.refund_pending_minor),
        currency: total.map(|total| total.currency.to_string()).unwrap_or_default(),
        digits: total.map_or(2, |total| minor_digits(total.currency)),
        created: When::at(checkout.created_at),
        temporal_url: temporal_url(&app, &id.workflow_id()),
        temporal_search_url: temporal_search_url(&app, id),
        lines: lines.collect(),
        attempts: attempts.collect(),
        refunds: refunds.collect(),
        timeline: story.timeline.iter().map(told).collect(),
        ids: [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()],
        frame: Frame::new(operator, "/orders"),
    })
}

fn told(entry: &Entry) -> Told {
    let what = match entry.source.as_str() {
        "webhook" => format!("The provider said {}", entry.kind),
        "operator" => {
            format!("{} did: {}", entry.actor.as_deref().unwrap_or("?"), words(&entry.kind))
        }
        _ => words(&entry.kind),
    };
    let state = entry.state.as_deref().unwrap_or_default();
    Told {
        source: entry.source.clone(),
        what,
        detail: entry.detail.clone().filter(|detail| !detail.is_empty()),
        state: words(state),
        tone: tone(state),
        at: When::at(entry.at),
    }
}
