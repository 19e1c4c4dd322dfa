//! Taking the money that was set aside, or letting it go (Stripe, "Place a hold on a payment
//! method").

use crate::{
    currencies::at_least_one,
    disputes,
    error::ApiError,
    events::{emit, emit_change},
    form::Form,
    intents::{Answer, Moment, find},
    metadata,
    objects::{Charge, Intent, Status},
    refunds,
    store::State,
};

/// `POST /v1/payment_intents/{id}/capture`
pub fn capture(state: &mut State, id: &str, form: &Form, at: &Moment<'_>) -> Answer {
    form.takes_only(&[
        "amount_to_capture",
        "final_capture",
        "metadata[",
        "statement_descriptor",
        "statement_descriptor_suffix",
    ])?;
    let mut intent = find(state, id, "intent")?;
    if form.flag("final_capture")? == Some(false) {
        let message = "This PaymentIntent's payment method can't be captured more than once.";
        return Err(ApiError::invalid("final_capture", message));
    }
    let Some(mut charge) = charge_to_capture(state, &intent) else {
        return Err(not_capturable(&intent));
    };
    let amount = amount_to_capture(form, &intent)?;
    metadata::merge(&mut intent.metadata, form)?;
    intent.status = Status::Succeeded;
    intent.captured = amount;
    charge.captured = amount;
    state.keep(intent.clone());
    if amount < charge.amount {
        charge.released = charge.amount - amount;
        refunds::record_release(state, &charge, at);
    }
    state.keep(charge.clone());
    emit(state, at, "charge.captured", charge.json());
    emit(state, at, "payment_intent.succeeded", intent.json());
    disputes::open_if_disputed(state, charge, at);
    Ok(intent)
}

/// The charge that holds the money, while it does.
fn charge_to_capture(state: &State, intent: &Intent) -> Option<Charge> {
    let charge = intent.latest_charge.as_ref().and_then(|charge| state.charges.get(charge));
    charge.filter(|_| intent.status == Status::RequiresCapture).cloned()
}

fn not_capturable(intent: &Intent) -> ApiError {
    let message = format!(
        "This PaymentIntent could not be captured because it has a status of {}. Only a \
         PaymentIntent with one of the following statuses may be captured: requires_capture.",
        intent.status.as_str()
    );
    ApiError::unexpected_state(message, intent.json())
}

fn amount_to_capture(form: &Form, intent: &Intent) -> Result<i64, ApiError> {
    let amount = form.integer("amount_to_capture")?.unwrap_or(intent.amount);
    at_least_one("amount_to_capture", amount)?;
    if amount > intent.amount {
        let message = format!(
            "The amount to capture ({amount}) is more than the amount_capturable of this \
             PaymentIntent ({}).",
            intent.amount
        );
        return Err(ApiError::refused("amount_too_large", "amount_to_capture", message));
    }
    Ok(amount)
}

/// `POST /v1/payment_intents/{id}/cancel`. What was set aside is let go, and counts as refunded.
pub fn cancel(state: &mut State, id: &str, form: &Form, at: &Moment<'_>) -> Answer {
    form.takes_only(&["cancellation_reason"])?;
    let intent = find(state, id, "intent")?;
    let reason = form.choice(
        "cancellation_reason",
        &["duplicate", "fraudulent", "requested_by_customer", "abandoned"],
    )?;
    if matches!(intent.status, Status::Canceled | Status::Processing | Status::Succeeded) {
        return Err(not_cancelable(&intent));
    }
    Ok(let_go(state, intent, reason, "charge.refunded", at))
}

/// The authorization has ended uncaptured: the bank lets the money go, and with it the payment
/// ends. (The console's button does the same before its time.)
pub fn expire(state: &mut State, id: &str, at: &Moment<'_>) -> Answer {
    let intent = find(state, id, "intent")?;
    if intent.status != Status::RequiresCapture {
        let message = "There is no authorization on this PaymentIntent that could end.";
        return Err(ApiError::unexpected_state(message, intent.json()));
    }
    Ok(let_go(state, intent, Some("automatic"), "charge.expired", at))
}

/// Ends a payment, and what was set aside for it; `told` is the event about the charge.
fn let_go(
    state: &mut State,
    mut intent: Intent,
    reason: Option<&str>,
    told: &str,
    at: &Moment<'_>,
) -> Intent {
    let held = charge_to_capture(state, &intent);
    intent.status = Status::Canceled;
    intent.canceled_at = Some(at.now);
    intent.cancellation_reason = reason.map(str::to_owned);
    intent.next_action_url = None;
    state.keep(intent.clone());
    if let Some(mut charge) = held {
        let before = charge.json();
        charge.released = charge.amount;
        refunds::record_release(state, &charge, at);
        let previous = refunds::what_was(&before);
        emit_change(state, at, told, charge.json(), Some(previous));
        state.keep(charge);
    }
    emit(state, at, "payment_intent.canceled", intent.json());
    intent
}

fn not_cancelable(intent: &Intent) -> ApiError {
    let message = format!(
        "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent \
         with one of the following statuses may be canceled: requires_payment_method, \
         requires_capture, requires_confirmation, requires_action.",
        intent.status.as_str()
    );
    ApiError::unexpected_state(message, intent.json())
}
