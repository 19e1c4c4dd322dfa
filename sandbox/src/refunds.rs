//! Giving money back (Stripe, "Refunds").

use crate::{
    error::ApiError,
    events::{emit, new_id},
    form::Form,
    intents::{Moment, find},
    objects::{Refund, Status},
    store::State,
};

/// `POST /v1/refunds`
pub fn create(state: &mut State, form: &Form, at: &Moment<'_>) -> Result<Refund, ApiError> {
    form.only(&["payment_intent", "charge", "amount", "reason", "metadata["])?;
    let id = match (form.text("payment_intent"), form.text("charge")) {
        (Some(intent), _) => intent.to_owned(),
        (None, Some(charge)) => intent_of_charge(state, charge)?,
        (None, None) => form.required("payment_intent")?.to_owned(),
    };
    let mut intent = find(state, &id)?;
    let captured = intent.captured;
    let Some(charge) = intent.charge.as_mut().filter(|_| intent.status == Status::Succeeded) else {
        let message = format!("PaymentIntent {id} does not have a successful charge to refund.");
        return Err(ApiError::unexpected_state(message, intent.json()));
    };
    let left = captured - charge.refunded;
    if left == 0 {
        let message = format!("Charge {} has already been refunded.", charge.id);
        return Err(ApiError::parameter("charge_already_refunded", "charge", message));
    }
    let amount = form.integer("amount")?.unwrap_or(left);
    if amount < 1 || amount > left {
        let message =
            format!("Refund amount ({amount}) is not between 1 and what is left ({left}).");
        return Err(ApiError::parameter("amount_too_large", "amount", message));
    }
    charge.refunded += amount;
    let refund = Refund {
        id: new_id("re"),
        created: at.now,
        amount,
        currency: intent.currency.clone(),
        payment_intent: id,
        charge: charge.id.clone(),
        reason: form.text("reason").map(str::to_owned),
        metadata: form.hash("metadata"),
        status: "succeeded".into(),
    };
    state.put("refund", &refund.id, &refund);
    state.refunds.insert(refund.id.clone(), refund.clone());
    state.put_intent(intent.clone());
    emit(state, at, "refund.created", refund.json());
    if let Some(charge) = intent.charge_json() {
        emit(state, at, "charge.refunded", charge);
    }
    Ok(refund)
}

fn intent_of_charge(state: &State, charge: &str) -> Result<String, ApiError> {
    let of = state
        .intents
        .values()
        .find(|intent| intent.charge.as_ref().is_some_and(|found| found.id == charge));
    of.map(|intent| intent.id.clone()).ok_or_else(|| ApiError::missing("charge", charge, "charge"))
}
