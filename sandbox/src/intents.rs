//! Payments: create, update, confirm, capture, cancel (Stripe, "The Payment Intents API" and
//! "How `PaymentIntents` work").

use serde_json::json;

use crate::{
    cards::{self, Outcome},
    error::ApiError,
    events::{emit, new_id},
    form::Form,
    objects::{Charge, Intent, Status},
    store::State,
};

/// Stripe's limits of one charge, in minor units.
const SMALLEST: i64 = 50;
const LARGEST: i64 = 99_999_999;
/// How long an authorization lasts: seven days, as for most online card payments.
const AUTHORIZATION_SECONDS: i64 = 7 * 24 * 3600;

/// The moment and the request that a change belongs to.
pub struct Moment<'a> {
    pub now: i64,
    pub key: Option<&'a str>,
    pub public_url: &'a str,
}

type Answer = Result<Intent, ApiError>;

/// `POST /v1/payment_intents`
pub fn create(state: &mut State, form: &Form, at: &Moment<'_>) -> Answer {
    form.only(&[
        "amount",
        "currency",
        "capture_method",
        "confirm",
        "payment_method",
        "payment_method_types",
        "metadata[",
        "description",
        "return_url",
        "receipt_email",
        "automatic_payment_methods[",
        "confirmation_method",
        "off_session",
        "setup_future_usage",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "shipping[",
        "customer",
        "payment_method_options[",
    ])?;
    let id = new_id("pi");
    let mut intent = Intent {
        client_secret: format!("{id}_secret_{}", &new_id("x")[2..]),
        id,
        created: at.now,
        amount: amount(form)?,
        currency: currency(form)?,
        manual_capture: manual_capture(form)?,
        status: Status::RequiresPaymentMethod,
        payment_method: None,
        payment_method_types: match form.list("payment_method_types") {
            types if types.is_empty() => vec!["card".into()],
            types => types,
        },
        metadata: form.hash("metadata"),
        description: form.text("description").map(str::to_owned),
        receipt_email: form.text("receipt_email").map(str::to_owned),
        return_url: form.text("return_url").map(str::to_owned),
        captured: 0,
        charge: None,
        last_payment_error: None,
        canceled_at: None,
        cancellation_reason: None,
        next_action_url: None,
    };
    if let Some(method) = form.text("payment_method") {
        known_method(method)?;
        intent.payment_method = Some(method.to_owned());
        intent.status = Status::RequiresConfirmation;
    }
    let confirm_now = form.flag("confirm")?;
    state.put_intent(intent.clone());
    emit(state, at, "payment_intent.created", intent.json());
    if confirm_now { confirm_with(state, intent, at) } else { Ok(intent) }
}

fn amount(form: &Form) -> Result<i64, ApiError> {
    form.required("amount")?;
    let amount = form.integer("amount")?.unwrap_or_default();
    if amount < SMALLEST {
        let message = "Amount must be at least the minimum charge amount.";
        return Err(ApiError::parameter("amount_too_small", "amount", message));
    }
    if amount > LARGEST {
        let message = "Amount must be no more than 99,999,999.";
        return Err(ApiError::parameter("amount_too_large", "amount", message));
    }
    Ok(amount)
}

fn currency(form: &Form) -> Result<String, ApiError> {
    let currency = form.required("currency")?.to_ascii_lowercase();
    if currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        Ok(currency)
    } else {
        let message = format!("Invalid currency: {currency}.");
        Err(ApiError::parameter("parameter_invalid_string", "currency", message))
    }
}

fn manual_capture(form: &Form) -> Result<bool, ApiError> {
    match form.text("capture_method") {
        None | Some("automatic" | "automatic_async") => Ok(false),
        Some("manual") => Ok(true),
        Some(other) => Err(ApiError::parameter(
            "parameter_unknown",
            "capture_method",
            format!("Invalid capture_method: {other}"),
        )),
    }
}

fn known_method(id: &str) -> Result<Outcome, ApiError> {
    cards::outcome(id).ok_or_else(|| ApiError::missing("PaymentMethod", id, "payment_method"))
}

/// `POST /v1/payment_intents/{id}`
pub fn update(state: &mut State, id: &str, form: &Form) -> Answer {
    form.only(&["metadata[", "description", "receipt_email", "amount"])?;
    let mut intent = find(state, id)?;
    let may_change = matches!(
        intent.status,
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction
    );
    if form.text("amount").is_some() {
        if !may_change {
            return Err(unexpected(&intent, "changed"));
        }
        intent.amount = amount(form)?;
    }
    for (name, value) in form.hash("metadata") {
        intent.metadata.insert(name, value);
    }
    if let Some(description) = form.text("description") {
        intent.description = Some(description.to_owned());
    }
    state.put_intent(intent.clone());
    Ok(intent)
}

/// `POST /v1/payment_intents/{id}/confirm`
pub fn confirm(state: &mut State, id: &str, form: &Form, at: &Moment<'_>) -> Answer {
    form.only(&[
        "payment_method",
        "return_url",
        "off_session",
        "receipt_email",
        "setup_future_usage",
        "payment_method_options[",
        "capture_method",
        "shipping[",
        "error_on_requires_action",
        "use_stripe_sdk",
    ])?;
    let mut intent = find(state, id)?;
    if !matches!(
        intent.status,
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction
    ) {
        return Err(unexpected(&intent, "confirmed"));
    }
    if let Some(method) = form.text("payment_method") {
        known_method(method)?;
        intent.payment_method = Some(method.to_owned());
    }
    if let Some(url) = form.text("return_url") {
        intent.return_url = Some(url.to_owned());
    }
    confirm_with(state, intent, at)
}

fn confirm_with(state: &mut State, mut intent: Intent, at: &Moment<'_>) -> Answer {
    let Some(method) = intent.payment_method.clone() else {
        let message =
            "You cannot confirm this PaymentIntent because it's missing a payment method.";
        return Err(ApiError::unexpected_state(message, intent.json()));
    };
    intent.next_action_url = None;
    match known_method(&method)? {
        Outcome::Approved => Ok(approve(state, intent, at, false)),
        Outcome::ApprovedThenDisputed => Ok(approve(state, intent, at, true)),
        Outcome::NeedsAction => {
            intent.status = Status::RequiresAction;
            intent.next_action_url = Some(format!("{}/3ds/{}", at.public_url, intent.id));
            state.put_intent(intent.clone());
            emit(state, at, "payment_intent.requires_action", intent.json());
            Ok(intent)
        }
        Outcome::Declined(error) => {
            let intent = decline(state, intent, &error, at);
            Err(ApiError::card(&error, intent.json()))
        }
    }
}

/// The bank says yes.
pub fn approve(state: &mut State, mut intent: Intent, at: &Moment<'_>, disputed: bool) -> Intent {
    intent.last_payment_error = None;
    intent.next_action_url = None;
    intent.charge = Some(Charge {
        id: new_id("ch"),
        created: at.now,
        refunded: 0,
        disputed,
        capture_before: at.now + AUTHORIZATION_SECONDS,
    });
    if intent.manual_capture {
        intent.status = Status::RequiresCapture;
        state.put_intent(intent.clone());
        emit(state, at, "payment_intent.amount_capturable_updated", intent.json());
        emit_charge(state, at, "charge.succeeded", &intent);
    } else {
        intent.status = Status::Succeeded;
        intent.captured = intent.amount;
        state.put_intent(intent.clone());
        emit_charge(state, at, "charge.succeeded", &intent);
        emit(state, at, "payment_intent.succeeded", intent.json());
    }
    intent
}

/// The bank says no: the intent can be tried again with another method.
pub fn decline(
    state: &mut State,
    mut intent: Intent,
    error: &serde_json::Value,
    at: &Moment<'_>,
) -> Intent {
    let mut last = error.clone();
    last["payment_method"] = intent.payment_method.as_deref().and_then(cards::json).into();
    intent.last_payment_error = Some(last);
    intent.payment_method = None;
    intent.next_action_url = None;
    intent.status = Status::RequiresPaymentMethod;
    state.put_intent(intent.clone());
    emit(state, at, "payment_intent.payment_failed", intent.json());
    intent
}

/// The shopper answered on the bank's page.
pub fn authenticate(state: &mut State, id: &str, approved: bool, at: &Moment<'_>) -> Answer {
    let intent = find(state, id)?;
    if intent.status != Status::RequiresAction {
        return Err(unexpected(&intent, "authenticated"));
    }
    if approved {
        return Ok(approve(state, intent, at, false));
    }
    let error = json!({
        "type": "invalid_request_error", "code": "payment_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
    });
    Ok(decline(state, intent, &error, at))
}

/// `POST /v1/payment_intents/{id}/capture`
pub fn capture(state: &mut State, id: &str, form: &Form, at: &Moment<'_>) -> Answer {
    form.only(&["amount_to_capture", "metadata[", "final_capture", "statement_descriptor"])?;
    let mut intent = find(state, id)?;
    if intent.status != Status::RequiresCapture {
        return Err(unexpected(&intent, "captured"));
    }
    let amount = form.integer("amount_to_capture")?.unwrap_or(intent.amount);
    if amount < 1 || amount > intent.amount {
        let message = "The amount to capture is more than can be captured, or less than one.";
        return Err(ApiError::parameter("amount_too_large", "amount_to_capture", message));
    }
    intent.status = Status::Succeeded;
    intent.captured = amount;
    state.put_intent(intent.clone());
    emit_charge(state, at, "charge.captured", &intent);
    emit(state, at, "payment_intent.succeeded", intent.json());
    Ok(intent)
}

/// `POST /v1/payment_intents/{id}/cancel`
pub fn cancel(state: &mut State, id: &str, form: &Form, at: &Moment<'_>) -> Answer {
    form.only(&["cancellation_reason"])?;
    let mut intent = find(state, id)?;
    if matches!(intent.status, Status::Canceled | Status::Succeeded | Status::Processing) {
        return Err(unexpected(&intent, "canceled"));
    }
    intent.status = Status::Canceled;
    intent.canceled_at = Some(at.now);
    intent.cancellation_reason = form.text("cancellation_reason").map(str::to_owned);
    intent.next_action_url = None;
    state.put_intent(intent.clone());
    emit(state, at, "payment_intent.canceled", intent.json());
    Ok(intent)
}

/// The intent of this id.
pub fn find(state: &State, id: &str) -> Answer {
    let found = state.intents.get(id).cloned();
    found.ok_or_else(|| ApiError::missing("payment_intent", id, "intent"))
}

fn emit_charge(state: &mut State, at: &Moment<'_>, kind: &str, intent: &Intent) {
    if let Some(charge) = intent.charge_json() {
        emit(state, at, kind, charge);
    }
}

fn unexpected(intent: &Intent, what: &str) -> ApiError {
    let status = serde_json::to_value(intent.status).unwrap_or_default();
    let status = status.as_str().unwrap_or_default();
    let message =
        format!("This PaymentIntent could not be {what} because it has a status of {status}.");
    ApiError::unexpected_state(message, intent.json())
}
