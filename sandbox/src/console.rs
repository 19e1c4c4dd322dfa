//! The console: what there is, and buttons for what people and banks do.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State as Shared},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::{
    Sandbox, capture, disputes,
    error::ApiError,
    events::owe,
    form::Form,
    intents::Moment,
    objects::{
        Delivery, Dispute, DisputeStatus, Endpoint, Event, Intent, Refund, RefundStatus, Status,
    },
    pages::{change, html, trouble},
    processing, refunds,
    store::State,
};

type App = Arc<Sandbox>;
/// How many of each the console shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "console.html")]
struct Console {
    payments: Vec<PaymentRow>,
    refunds: Vec<RefundRow>,
    disputes: Vec<DisputeRow>,
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
    is_processing: bool,
    is_authorized: bool,
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
            amount: money(intent.amount, &intent.currency),
            refunded: charge.map_or(0, |charge| charge.refunded),
            dispute: dispute.map(|dispute| dispute.status.as_str()).unwrap_or_default(),
            refundable: left && dispute.is_none_or(|dispute| dispute.status == DisputeStatus::Won),
            disputable: left && dispute.is_none(),
            is_processing: intent.status == Status::Processing,
            is_authorized: intent.status == Status::RequiresCapture,
        }
    }
}

struct RefundRow {
    id: String,
    payment: String,
    amount: String,
    status: &'static str,
    is_pending: bool,
    can_fail: bool,
}

impl RefundRow {
    fn new(refund: &Refund) -> Self {
        Self {
            id: refund.id.clone(),
            payment: refund.payment_intent.clone(),
            amount: money(refund.amount, &refund.currency),
            status: refund.status.as_str(),
            is_pending: refund.status == RefundStatus::Pending,
            can_fail: refund.status != RefundStatus::Failed,
        }
    }
}

struct DisputeRow {
    id: String,
    payment: String,
    amount: String,
    status: &'static str,
    is_open: bool,
}

impl DisputeRow {
    fn new(dispute: &Dispute) -> Self {
        Self {
            id: dispute.id.clone(),
            payment: dispute.payment_intent.clone(),
            amount: money(dispute.amount, &dispute.currency),
            status: dispute.status.as_str(),
            is_open: !dispute.is_closed(),
        }
    }
}

fn money(amount: i64, currency: &str) -> String {
    format!("{amount} {}", currency.to_uppercase())
}

/// The console.
pub async fn page(Shared(app): Shared<App>) -> Response {
    let faults = serde_json::to_string(&app.faults.get()).unwrap_or_default();
    let intents = |state: &State| {
        let newest = state.intents.values().rev().take(SHOWN);
        newest.map(|intent| PaymentRow::new(state, intent)).collect()
    };
    let refunds = |state: &State| {
        let newest = state.refunds.values().rev().filter(|refund| !refund.is_release).take(SHOWN);
        newest.map(RefundRow::new).collect()
    };
    let rows = |state: &State| Console {
        payments: intents(state),
        refunds: refunds(state),
        disputes: state.disputes.values().rev().take(SHOWN).map(DisputeRow::new).collect(),
        events: state.events.values().rev().take(SHOWN).cloned().collect(),
        deliveries: state.outbox.newest_first().take(SHOWN).cloned().collect(),
        endpoints: state.endpoints.values().cloned().collect(),
        faults,
    };
    html(&app.store.read(rows).await)
}

/// The buttons, by the last but one step of their address; the last is the id of what they are
/// about.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Button {
    /// Gives back what is left of a payment.
    Refund,
    /// The cardholder disputes a payment.
    Dispute,
    /// The bank approves a payment that it thought about.
    Approve,
    /// The bank declines a payment that it thought about.
    Decline,
    /// The bank lets go what it had set aside for a payment.
    Expire,
    /// A refund that was pending succeeds.
    SucceedRefund,
    /// A refund fails.
    FailRefund,
    /// The cardholder's bank decides a dispute for the shop.
    WinDispute,
    /// The cardholder's bank decides a dispute for the cardholder.
    LoseDispute,
    /// Sends an event again, to every endpoint.
    Resend,
    /// Sends a delivery again.
    ResendDelivery,
}

/// A button was pressed.
pub async fn press(
    Shared(app): Shared<App>,
    Path((button, id)): Path<(Button, String)>,
) -> Response {
    match change(&app, |state, at| act(state, button, &id, at)).await {
        Ok(()) => Redirect::to("/").into_response(),
        Err(error) => trouble(&error),
    }
}

fn act(state: &mut State, button: Button, id: &str, at: &Moment<'_>) -> Result<(), ApiError> {
    match button {
        Button::Refund => {
            let form = Form::parse(format!("payment_intent={id}").as_bytes());
            refunds::create(state, &form, at).map(drop)
        }
        Button::Dispute => disputes::open_of_intent(state, id, at),
        Button::Approve => processing::decide(state, id, true, at).map(drop),
        Button::Decline => processing::decide(state, id, false, at).map(drop),
        Button::Expire => capture::expire(state, id, at).map(drop),
        Button::SucceedRefund => refunds::decide(state, id, true, at),
        Button::FailRefund => refunds::decide(state, id, false, at),
        Button::WinDispute => decide_dispute(state, id, "winning_evidence", at),
        Button::LoseDispute => decide_dispute(state, id, "losing_evidence", at),
        Button::Resend => resend(state, id),
        Button::ResendDelivery => resend_delivery(state, id),
    }
}

fn decide_dispute(
    state: &mut State,
    id: &str,
    evidence: &str,
    at: &Moment<'_>,
) -> Result<(), ApiError> {
    let form = format!("evidence[uncategorized_text]={evidence}");
    disputes::update(state, id, &Form::parse(form.as_bytes()), at).map(drop)
}

fn resend(state: &mut State, event: &str) -> Result<(), ApiError> {
    if !state.events.contains_key(event) {
        return Err(ApiError::missing("event", event, "id"));
    }
    let endpoints: Vec<_> = state.endpoints.keys().cloned().collect();
    for endpoint in endpoints {
        owe(state, event, &endpoint);
    }
    Ok(())
}

fn resend_delivery(state: &mut State, id: &str) -> Result<(), ApiError> {
    let found = state.outbox.find(id).cloned();
    let delivery = found.ok_or_else(|| ApiError::missing("delivery", id, "id"))?;
    owe(state, &delivery.event, &delivery.endpoint);
    Ok(())
}
