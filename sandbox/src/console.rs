//! Pages for people: the console, and the bank's page of 3-D Secure.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form as Fields, Path, State as Shared},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::{
    Sandbox,
    confirm::authenticate,
    disputes,
    error::ApiError,
    events::{now, owe},
    form::Form,
    intents::{self, Moment},
    objects::{Delivery, DisputeStatus, Endpoint, Event, Intent, Status},
    refunds,
    store::State,
};

type App = Arc<Sandbox>;
/// How many of each the console shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "console.html")]
struct Console {
    payments: Vec<PaymentRow>,
    events: Vec<Event>,
    deliveries: Vec<Delivery>,
    endpoints: Vec<Endpoint>,
    faults: String,
}

struct PaymentRow {
    id: String,
    order: String,
    status: &'static str,
    amount: String,
    refunded: i64,
    dispute: &'static str,
    refundable: bool,
    disputable: bool,
}

impl PaymentRow {
    fn new(state: &State, intent: &Intent) -> Self {
        let charge = intent.latest_charge.as_ref().and_then(|charge| state.charges.get(charge));
        let dispute = charge
            .filter(|charge| charge.disputed)
            .and_then(|charge| state.disputes.values().find(|dispute| dispute.charge == charge.id));
        let left = charge.is_some_and(|charge| charge.refundable() > 0);
        Self {
            id: intent.id.clone(),
            order: intent.metadata.get("order_id").and_then(|id| id.as_str()).unwrap_or("–").into(),
            status: intent.status.as_str(),
            amount: format!("{} {}", intent.amount, intent.currency.to_uppercase()),
            refunded: charge.map_or(0, |charge| charge.refunded),
            dispute: dispute.map(|dispute| dispute.status.as_str()).unwrap_or_default(),
            refundable: left && dispute.is_none_or(|dispute| dispute.status == DisputeStatus::Won),
            disputable: left && dispute.is_none(),
        }
    }
}

/// The console: payments, events, deliveries.
pub async fn page(Shared(app): Shared<App>) -> Response {
    let faults = serde_json::to_string(&app.faults.get()).unwrap_or_default();
    let rows = |state: &State| Console {
        payments: state
            .intents
            .values()
            .rev()
            .take(SHOWN)
            .map(|intent| PaymentRow::new(state, intent))
            .collect(),
        events: state.events.values().rev().take(SHOWN).cloned().collect(),
        deliveries: state.outbox.newest_first().take(SHOWN).cloned().collect(),
        endpoints: state.endpoints.values().cloned().collect(),
        faults,
    };
    html(&app.store.read(rows).await)
}

/// The button that gives a payment's money back.
pub async fn refund(Shared(app): Shared<App>, Path(intent): Path<String>) -> Response {
    let refunded = change(&app, |state, at| {
        let form = Form::parse(format!("payment_intent={intent}").as_bytes());
        refunds::create(state, &form, at).map(drop)
    });
    back_to_console(refunded.await)
}

/// The button by which the cardholder disputes a payment.
pub async fn dispute(Shared(app): Shared<App>, Path(intent): Path<String>) -> Response {
    let disputed = change(&app, |state, at| disputes::open_of_intent(state, &intent, at));
    back_to_console(disputed.await)
}

/// The button that sends an event again.
pub async fn resend(Shared(app): Shared<App>, Path(event): Path<String>) -> Response {
    let owed = change(&app, |state, _| {
        let endpoints: Vec<_> = state.endpoints.keys().cloned().collect();
        if !state.events.contains_key(&event) {
            return Err(ApiError::missing("event", &event, "id"));
        }
        for endpoint in endpoints {
            owe(state, &event, &endpoint);
        }
        Ok(())
    });
    back_to_console(owed.await)
}

/// Makes a change that no request to the API asked for.
async fn change<T>(app: &App, change: impl FnOnce(&mut State, &Moment<'_>) -> T) -> T {
    let at = Moment { now: now(), request: None, key: None, public_url: &app.public_url };
    let answer = app.store.change(|state| change(state, &at)).await;
    app.deliveries_due.notify_one();
    answer
}

fn back_to_console(done: Result<(), ApiError>) -> Response {
    match done {
        Ok(()) => Redirect::to("/").into_response(),
        Err(error) => trouble(&error),
    }
}

#[derive(Template)]
#[template(path = "bank.html")]
struct Bank {
    id: String,
    amount: String,
    is_open: bool,
    back: String,
}

/// The bank's page: approve this payment?
pub async fn bank_page(Shared(app): Shared<App>, Path(id): Path<String>) -> Response {
    match app.store.read(|state| intents::find(state, &id, "intent")).await {
        Ok(intent) => html(&Bank {
            id,
            amount: format!("{} {}", intent.amount, intent.currency.to_uppercase()),
            is_open: intent.status == Status::RequiresAction,
            back: shop_address(&intent),
        }),
        Err(error) => trouble(&error),
    }
}

/// What the shopper answers.
#[derive(Deserialize)]
pub struct BankAnswer {
    answer: String,
}

/// Takes the shopper's answer and sends the shopper back to the shop.
pub async fn bank_answer(
    Shared(app): Shared<App>,
    Path(id): Path<String>,
    Fields(given): Fields<BankAnswer>,
) -> Response {
    let approved = given.answer == "approve";
    match change(&app, |state, at| authenticate(state, &id, approved, at)).await {
        Ok(intent) => Redirect::to(&shop_address(&intent)).into_response(),
        Err(error) => trouble(&error),
    }
}

/// Where the shopper goes back to, with what Stripe adds to that address.
fn shop_address(intent: &Intent) -> String {
    let back = intent.return_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let Some(mut back) = back else {
        return "/".to_owned();
    };
    let is_paid = matches!(intent.status, Status::RequiresCapture | Status::Succeeded);
    back.query_pairs_mut()
        .append_pair("payment_intent", &intent.id)
        .append_pair("payment_intent_client_secret", &intent.client_secret)
        .append_pair("redirect_status", if is_paid { "succeeded" } else { "failed" });
    back.into()
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble<'a> {
    message: &'a str,
}

fn trouble(error: &ApiError) -> Response {
    let message = error.body["error"]["message"].as_str().unwrap_or("Something went wrong.");
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, html(&Trouble { message })).into_response()
}

fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
