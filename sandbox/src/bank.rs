//! The page on which the shopper approves a payment, as their bank's page would be (3-D Secure).

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form as Fields, Path, State as Shared},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::{
    Sandbox,
    confirm::authenticate,
    intents,
    objects::{Intent, Status},
    pages::{change, html, trouble},
};

type App = Arc<Sandbox>;

#[derive(Template)]
#[template(path = "bank.html")]
struct Bank {
    id: String,
    amount: String,
    is_open: bool,
    back: String,
}

/// The bank's page: approve this payment?
pub async fn page(Shared(app): Shared<App>, Path(id): Path<String>) -> Response {
    match app.store.read(|state| intents::find(state, &id, "intent")).await {
        Ok(intent) => html(&Bank {
            id,
            amount: for_people(&intent),
            is_open: intent.status == Status::RequiresAction,
            back: shop_address(&intent),
        }),
        Err(error) => trouble(&error),
    }
}

/// The amount as a bank would show it.
fn for_people(intent: &Intent) -> String {
    let currency = intent.currency.to_uppercase();
    // Stripe, "Zero-decimal currencies".
    let has_no_minor_units = matches!(
        currency.as_str(),
        "BIF"
            | "CLP"
            | "DJF"
            | "GNF"
            | "JPY"
            | "KMF"
            | "KRW"
            | "MGA"
            | "PYG"
            | "RWF"
            | "UGX"
            | "VND"
            | "VUV"
            | "XAF"
            | "XOF"
            | "XPF"
    );
    if has_no_minor_units {
        return format!("{} {currency}", intent.amount);
    }
    format!("{}.{:02} {currency}", intent.amount / 100, intent.amount % 100)
}

/// What the shopper answers.
#[derive(Deserialize)]
pub struct BankAnswer {
    answer: String,
}

/// Takes the shopper's answer and sends the shopper back to the shop.
pub async fn answer(
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
