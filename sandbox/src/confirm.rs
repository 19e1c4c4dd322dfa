//! Confirming a payment, and what the bank and the shopper say of it (Stripe, "Confirm a
//! `PaymentIntent`" and "Payment status updates").

use serde_json::{Value, json};

use crate::{
    cards::{AUTHENTICATION_REQUIRED, Decline, Outcome},
    disputes,
    error::{ApiError, documented},
    events::{emit, new_id},
    form::Form,
    intents::{Answer, Moment, SHIPPING, capture_method, find, take_method},
    objects::{CaptureMethod, Charge, Intent, PaymentMethod, Status},
    payment_methods, processing,
    store::State,
};

/// How a confirmation is meant.
#[derive(Clone, Copy)]
pub struct Attempt {
    /// Whether the shopper can be asked for something.
    shopper_is_there: bool,
}

impl Attempt {
    /// Reads it from a request's parameters.
    pub fn read(form: &Form) -> Result<Self, ApiError> {
        let absent = ["off_session", "error_on_requires_action"];
        let absent = absent.iter().map(|name| form.flag(name));
        let absent: Vec<_> = absent.collect::<Result<_, _>>()?;
        Ok(Self { shopper_is_there: !absent.contains(&Some(true)) })
    }
}

/// `POST /v1/payment_intents/{id}/confirm`
pub fn confirm(state: &mut State, id: &str, form: &Form, at: &Moment<'_>) -> Answer {
    let known = [
        "capture_method",
        "error_on_requires_action",
        "mandate_data[",
        "off_session",
        "payment_method",
        "payment_method_data[",
        "payment_method_options[",
        "payment_method_types[",
        "receipt_email",
        "return_url",
        "setup_future_usage",
        "use_stripe_sdk",
    ];
    form.takes_only(&[&known[..], &SHIPPING].concat())?;
    let mut intent = find(state, id, "intent")?;
    let how = Attempt::read(form)?;
    let capture_method = capture_method(form)?;
    if !intent.status.is_before_charge() {
        return Err(ApiError::unexpected_state(not_confirmable(intent.status), intent.json()));
    }
    take_method(state, &mut intent, form, at)?;
    intent.capture_method = capture_method.unwrap_or(intent.capture_method);
    if let Some(url) = form.text("return_url") {
        intent.return_url = Some(url.to_owned());
    }
    if let Some(email) = form.text("receipt_email") {
        intent.receipt_email = Some(email.to_owned());
    }
    attempt(state, intent, how, at)
}

fn not_confirmable(status: Status) -> String {
    match status {
        Status::Succeeded => "You cannot confirm this PaymentIntent because it has already \
            succeeded after being previously confirmed."
            .to_owned(),
        other => format!(
            "You cannot confirm this PaymentIntent because it has a status of {}. Only a \
             PaymentIntent with one of the following statuses may be confirmed: \
             requires_payment_method, requires_confirmation, requires_action.",
            other.as_str()
        ),
    }
}

/// Asks the bank.
pub fn attempt(state: &mut State, intent: Intent, how: Attempt, at: &Moment<'_>) -> Answer {
    let Some(method) = intent.payment_method.as_deref() else {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment \
            method. You can either update the PaymentIntent with a payment method and then \
            confirm it again, or confirm it again directly with a payment method or \
            ConfirmationToken.";
        return Err(ApiError::unexpected_state(message, intent.json()));
    };
    let method = payment_methods::find_for(state, method, &intent.id)?;
    payment_methods::mark_used(state, method.clone(), &intent.id);
    match outcome(&method)? {
        Outcome::Approved | Outcome::ApprovedThenDisputed(_) => {
            Ok(approve(state, intent, &method, false, at))
        }
        Outcome::NeedsAction | Outcome::NeedsActionThenDeclined(_) if how.shopper_is_there => {
            Ok(ask_shopper(state, intent, at))
        }
        Outcome::NeedsAction | Outcome::NeedsActionThenDeclined(_) => {
            Err(decline(state, intent, &method, &AUTHENTICATION_REQUIRED, at).1)
        }
        Outcome::Declined(why) => Err(decline(state, intent, &method, &why, at).1),
        Outcome::Processing(word) => Ok(processing::begin(state, intent, word, at)),
    }
}

/// What comes of paying with this.
pub fn outcome(method: &PaymentMethod) -> Result<Outcome, ApiError> {
    let card = method.card();
    let missing = || ApiError::missing("PaymentMethod", &method.id, "payment_method");
    card.map(|card| card.outcome).ok_or_else(missing)
}

fn ask_shopper(state: &mut State, mut intent: Intent, at: &Moment<'_>) -> Intent {
    intent.status = Status::RequiresAction;
    intent.next_action_url = Some(format!("{}/3ds/{}", at.public_url, intent.id));
    state.keep(intent.clone());
    emit(state, at, "payment_intent.requires_action", intent.json());
    intent
}

/// The bank says yes.
pub fn approve(
    state: &mut State,
    mut intent: Intent,
    method: &PaymentMethod,
    authenticated: bool,
    at: &Moment<'_>,
) -> Intent {
    let mut charge = Charge { authenticated, ..charge_of(&intent, method, at) };
    intent.last_payment_error = None;
    intent.next_action_url = None;
    intent.latest_charge = Some(charge.id.clone());
    intent.capture_before = Some(charge.capture_before);
    if intent.capture_method == CaptureMethod::Manual {
        intent.status = Status::RequiresCapture;
        state.keep(intent.clone());
        emit(state, at, "charge.succeeded", charge.json());
        state.keep(charge);
        emit(state, at, "payment_intent.amount_capturable_updated", intent.json());
        return intent;
    }
    intent.status = Status::Succeeded;
    intent.captured = intent.amount;
    charge.captured = intent.amount;
    state.keep(intent.clone());
    state.keep(charge.clone());
    emit(state, at, "charge.succeeded", charge.json());
    emit(state, at, "payment_intent.succeeded", intent.json());
    disputes::open_if_disputed(state, charge, at);
    intent
}

fn charge_of(intent: &Intent, method: &PaymentMethod, at: &Moment<'_>) -> Charge {
    Charge {
        id: new_id("ch"),
        created: at.now,
        payment_intent: intent.id.clone(),
        payment_method: method.id.clone(),
        paid_with: (!method.is_built_in()).then(|| method.clone()),
        amount: intent.amount,
        currency: intent.currency.clone(),
        description: intent.description.clone(),
        metadata: intent.metadata.clone(),
        failure: None,
        captured: 0,
        refunded: 0,
        released: 0,
        disputed: false,
        authenticated: false,
        capture_before: at.now + at.bank.authorization_seconds,
    }
}

/// The bank says no: the intent can be tried again with another method.
pub fn decline(
    state: &mut State,
    mut intent: Intent,
    method: &PaymentMethod,
    why: &Decline,
    at: &Moment<'_>,
) -> (Intent, ApiError) {
    let charge = Charge { failure: Some(why.error()), ..charge_of(&intent, method, at) };
    let mut error = why.error();
    error["charge"] = charge.id.clone().into();
    error["payment_method"] = method.json();
    intent.latest_charge = Some(charge.id.clone());
    emit(state, at, "charge.failed", charge.json());
    state.keep(charge);
    let intent = give_back(state, intent, error.clone(), at);
    let error = ApiError::card(error, intent.json());
    (intent, error)
}

/// Brings an intent back to where a payment method is needed.
fn give_back(state: &mut State, mut intent: Intent, error: Value, at: &Moment<'_>) -> Intent {
    intent.last_payment_error = Some(documented(error));
    intent.payment_method = None;
    intent.next_action_url = None;
    intent.status = Status::RequiresPaymentMethod;
    state.keep(intent.clone());
    emit(state, at, "payment_intent.payment_failed", intent.json());
    intent
}

/// The shopper answered on the bank's page. An answer that nobody waits for any more changes
/// nothing.
pub fn authenticate(state: &mut State, id: &str, approved: bool, at: &Moment<'_>) -> Answer {
    let intent = find(state, id, "intent")?;
    let Some(method) = intent.payment_method.as_deref() else {
        return Ok(intent);
    };
    if intent.status != Status::RequiresAction {
        return Ok(intent);
    }
    let method = payment_methods::find_for(state, method, id)?;
    match outcome(&method)? {
        _ if !approved => {
            let error = json!({
                "type": "invalid_request_error", "code": "payment_intent_authentication_failure",
                "message": "The provided PaymentMethod has failed authentication. You can provide \
                    payment_method_data or a new PaymentMethod to attempt to fulfill this \
                    PaymentIntent again.",
                "payment_method": method.json(),
            });
            Ok(give_back(state, intent, error, at))
        }
        Outcome::NeedsActionThenDeclined(why) => Ok(decline(state, intent, &method, &why, at).0),
        Outcome::NeedsAction
        | Outcome::Approved
        | Outcome::ApprovedThenDisputed(_)
        | Outcome::Processing(_)
        | Outcome::Declined(_) => Ok(approve(state, intent, &method, true, at)),
    }
}
