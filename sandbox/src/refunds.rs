//! Giving money back (Stripe, "Refunds").

use serde_json::{Map, Value, json};

use crate::{
    cards::Refunds,
    currencies::at_least_one,
    error::ApiError,
    events::{emit, emit_change, new_id, now_ms},
    form::Form,
    intents::{self, Moment},
    metadata,
    objects::{Charge, DisputeStatus, Refund, RefundStatus, Status},
    store::State,
};

/// `POST /v1/refunds`
pub fn create(state: &mut State, form: &Form, at: &Moment<'_>) -> Result<Refund, ApiError> {
    form.takes_only(&[
        "amount",
        "charge",
        "metadata[",
        "payment_intent",
        "reason",
        "refund_application_fee",
        "reverse_transfer",
    ])?;
    let metadata = metadata::read(form)?;
    let reasons = ["duplicate", "fraudulent", "requested_by_customer"];
    let reason = form.choice("reason", &reasons)?.map(str::to_owned);
    let charge = charge_to_refund(state, form)?;
    let amount = amount(form, &charge)?;
    Ok(record(state, charge, Asked { amount, reason, metadata }, at))
}

/// What is to be given back, and why.
struct Asked {
    amount: i64,
    reason: Option<String>,
    metadata: Map<String, Value>,
}

fn record(state: &mut State, mut charge: Charge, asked: Asked, at: &Moment<'_>) -> Refund {
    let before = charge.json();
    charge.refunded += asked.amount;
    let (status, changes) = match charge.method().and_then(|method| method.card()) {
        Some(card) if card.refunds == Refunds::Pending => (RefundStatus::Pending, true),
        Some(card) if card.refunds == Refunds::Fail => (RefundStatus::Succeeded, true),
        _ => (RefundStatus::Succeeded, false),
    };
    let refund = Refund {
        amount: asked.amount,
        reason: asked.reason,
        metadata: asked.metadata,
        is_release: false,
        status,
        changes_ms: changes.then(|| now_ms() + at.bank.refund_ms),
        ..refund_of(&charge, at)
    };
    state.keep(refund.clone());
    emit(state, at, "refund.created", refund.json());
    let previous = what_was(&before);
    emit_change(state, at, "charge.refunded", charge.json(), Some(previous));
    state.keep(charge);
    refund
}

/// The card's bank says what became of a refund: one that is pending succeeds, and one that had
/// succeeded fails. Its money is the shop's again then.
pub fn decide(
    state: &mut State,
    id: &str,
    succeeds: bool,
    at: &Moment<'_>,
) -> Result<(), ApiError> {
    let mut refund = find(state, id)?;
    let status = if succeeds { RefundStatus::Succeeded } else { RefundStatus::Failed };
    let is_final = refund.status == RefundStatus::Failed || refund.is_release;
    if is_final || refund.status == status {
        let message = format!("This refund is {} and stays so.", refund.status.as_str());
        return Err(ApiError::invalid("refund", message));
    }
    let previous = json!({"status": refund.status});
    refund.status = status;
    refund.changes_ms = None;
    state.keep(refund.clone());
    let charge = state.charges.get(&refund.charge).filter(|_| !succeeds).cloned();
    if let Some(mut charge) = charge {
        charge.refunded -= refund.amount;
        state.keep(charge);
    }
    for kind in ["refund.updated", "charge.refund.updated"] {
        emit_change(state, at, kind, refund.json(), Some(previous.clone()));
    }
    if !succeeds {
        emit(state, at, "refund.failed", refund.json());
    }
    Ok(())
}

/// `POST /v1/refunds/{id}/cancel`: only a refund that waits for the shopper can be cancelled, and
/// those of cards don't.
pub fn cancel(state: &State, id: &str, form: &Form) -> Result<Refund, ApiError> {
    form.takes_only(&[])?;
    let refund = find(state, id)?;
    let message = format!(
        "You cannot cancel this refund because it has a status of {}. Only a refund with the \
         status requires_action may be canceled.",
        refund.status.as_str()
    );
    Err(ApiError::invalid("refund", message))
}

fn find(state: &State, id: &str) -> Result<Refund, ApiError> {
    let found = state.refunds.get(id).cloned();
    found.ok_or_else(|| ApiError::missing("refund", id, "id"))
}

fn refund_of(charge: &Charge, at: &Moment<'_>) -> Refund {
    Refund {
        id: new_id("re"),
        created: at.now,
        amount: charge.released,
        currency: charge.currency.clone(),
        payment_intent: charge.payment_intent.clone(),
        charge: charge.id.clone(),
        reason: None,
        metadata: Map::new(),
        is_release: true,
        status: RefundStatus::Succeeded,
        changes_ms: None,
    }
}

/// Records that what a charge has released was given back uncaptured.
pub fn record_release(state: &mut State, charge: &Charge, at: &Moment<'_>) {
    let refund = refund_of(charge, at);
    emit(state, at, "refund.created", refund.json());
    state.keep(refund);
}

/// What a refund changes of a charge, as it was.
pub fn what_was(charge: &Value) -> Value {
    json!({"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]})
}

fn charge_to_refund(state: &State, form: &Form) -> Result<Charge, ApiError> {
    let charge = match (form.text("payment_intent"), form.text("charge")) {
        (Some(intent), _) => charge_of_intent(state, intent)?,
        (None, Some(charge)) => {
            let found = state.charges.get(charge).cloned();
            found.ok_or_else(|| ApiError::missing("charge", charge, "charge"))?
        }
        (None, None) => {
            let message = "One of the following params should be provided for this request: \
                           payment_intent or charge.";
            return Err(ApiError::parameter("parameter_missing", "payment_intent", message));
        }
    };
    check_refundable(state, charge)
}

fn charge_of_intent(state: &State, id: &str) -> Result<Charge, ApiError> {
    let intent = intents::find(state, id, "payment_intent")?;
    let charge = intent.latest_charge.as_ref().and_then(|charge| state.charges.get(charge));
    match charge {
        Some(charge) if intent.status == Status::Succeeded => Ok(charge.clone()),
        _ => {
            let message =
                format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
            Err(ApiError::unexpected_state(message, intent.json()))
        }
    }
}

fn check_refundable(state: &State, charge: Charge) -> Result<Charge, ApiError> {
    let id = &charge.id;
    let refused = |code, message| Err(ApiError::refused(code, "charge", message));
    if charge.captured == 0 {
        let intent = intents::find(state, &charge.payment_intent, "payment_intent")?;
        let message = format!("Charge {id} was never captured: cancel its PaymentIntent instead.");
        return Err(ApiError::unexpected_state(message, intent.json()));
    }
    if charge.refundable() == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return refused("charge_already_refunded", message);
    }
    if charge.disputed && !dispute_is_won(state, id) {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return refused("charge_disputed", message);
    }
    Ok(charge)
}

fn dispute_is_won(state: &State, charge: &str) -> bool {
    state
        .disputes
        .values()
        .any(|dispute| dispute.charge == charge && dispute.status == DisputeStatus::Won)
}

fn amount(form: &Form, charge: &Charge) -> Result<i64, ApiError> {
    let left = charge.refundable();
    let amount = form.integer("amount")?.unwrap_or(left);
    at_least_one("amount", amount)?;
    if amount > left {
        let message = format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        );
        return Err(ApiError::refused("amount_too_large", "amount", message));
    }
    Ok(amount)
}

/// `POST /v1/refunds/{id}`
pub fn update(
    state: &mut State,
    id: &str,
    form: &Form,
    at: &Moment<'_>,
) -> Result<Refund, ApiError> {
    form.takes_only(&["metadata["])?;
    let mut refund = find(state, id)?;
    let previous = json!({"metadata": refund.metadata});
    metadata::merge(&mut refund.metadata, form)?;
    state.keep(refund.clone());
    emit_change(state, at, "refund.updated", refund.json(), Some(previous));
    Ok(refund)
}
