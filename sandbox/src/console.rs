//! Pages for people: the console, and the bank's page of 3-D Secure.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form as Fields, Path, State as Shared},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::{
    Sandbox,
    api::with_intent,
    error::ApiError,
    events::owe,
    form::Form,
    intents::{self, authenticate},
    objects::{Delivery, Event, Intent},
    refunds,
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
}

struct PaymentRow {
    id: String,
    order: String,
    status: String,
    amount: String,
    refunded: i64,
    refundable: bool,
}

impl From<&Intent> for PaymentRow {
    fn from(intent: &Intent) -> Self {
        let status = serde_json::to_value(intent.status).unwrap_or_default();
        let refunded = intent.charge.as_ref().map_or(0, |charge| charge.refunded);
        Self {
            id: intent.id.clone(),
            order: intent.metadata.get("order_id").and_then(|id| id.as_str()).unwrap_or("–").into(),
            status: status.as_str().unwrap_or_default().to_owned(),
            amount: format!("{} {}", intent.amount, intent.currency.to_uppercase()),
            refunded,
            refundable: intent.captured > refunded,
        }
    }
}

/// The console: payments, events, deliveries.
pub async fn page(Shared(app): Shared<App>) -> Response {
    let console = app.store.read(|state| Console {
        payments: state.intents.values().rev().take(SHOWN).map(PaymentRow::from).collect(),
        events: state.events.values().rev().take(SHOWN).cloned().collect(),
        deliveries: state.deliveries.values().rev().take(SHOWN).cloned().collect(),
    });
    html(&console)
}

/// The button that gives a payment's money back.
pub async fn refund(Shared(app): Shared<App>, intent: Path<String>) -> Response {
    let refunded = with_intent(&app, intent, |state, id, at| {
        let form = Form::parse(format!("payment_intent={id}").as_bytes());
        refunds::create(state, &form, at)?;
        intents::find(state, id)
    })
    .await;
    refunded.map_or_else(IntoResponse::into_response, |_| Redirect::to("/").into_response())
}

/// The button that sends an event again.
pub async fn resend(Shared(app): Shared<App>, Path(event): Path<String>) -> Response {
    app.store
        .change(|state| {
            let endpoints: Vec<_> = state.endpoints.keys().cloned().collect();
            if state.events.contains_key(&event) {
                endpoints.iter().for_each(|endpoint| owe(state, &event, endpoint));
            }
        })
        .await;
    app.deliveries_due.notify_one();
    Redirect::to("/").into_response()
}

#[derive(Template)]
#[template(path = "bank.html")]
struct Bank {
    id: String,
    amount: String,
}

/// The bank's page: approve this payment?
pub async fn bank_page(Shared(app): Shared<App>, Path(id): Path<String>) -> Response {
    match app.store.read(|state| intents::find(state, &id)) {
        Ok(intent) => {
            let amount = format!("{} {}", intent.amount, intent.currency.to_uppercase());
            html(&Bank { id, amount })
        }
        Err(error) => error.into_response(),
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
    id: Path<String>,
    Fields(given): Fields<BankAnswer>,
) -> Response {
    let approved = given.answer == "approve";
    let answered =
        with_intent(&app, id, |state, id, at| authenticate(state, id, approved, at)).await;
    match answered {
        Ok(intent) => back_to_shop(&intent, approved),
        Err(error) => ApiError::into_response(error),
    }
}

fn back_to_shop(intent: &Intent, approved: bool) -> Response {
    let back = intent.return_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let Some(mut back) = back else {
        return Redirect::to("/").into_response();
    };
    back.query_pairs_mut()
        .append_pair("payment_intent", &intent.id)
        .append_pair("redirect_status", if approved { "succeeded" } else { "failed" });
    Redirect::to(back.as_str()).into_response()
}

fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be made");
            ApiError::provider_failed().into_response()
        }
    }
}
