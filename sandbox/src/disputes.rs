//! Charges that cardholders dispute (Stripe, "Disputes" and "Test disputes").

use serde_json::json;

use crate::{
    cards::{Outcome, Reason},
    error::ApiError,
    events::{emit, emit_change, new_id},
    form::Form,
    intents::{Moment, find},
    metadata,
    objects::{Charge, Dispute, DisputeStatus},
    store::State,
};

/// Opens the dispute of a captured charge, where its card is one that disputes.
pub fn open_if_disputed(state: &mut State, charge: Charge, at: &Moment<'_>) {
    let outcome = charge.method().and_then(|method| method.card()).map(|card| card.outcome);
    if let Some(Outcome::ApprovedThenDisputed(reason)) = outcome {
        open(state, charge, reason, at);
    }
}

/// Opens the dispute of what is left of an intent's money (the console's button).
pub fn open_of_intent(state: &mut State, intent: &str, at: &Moment<'_>) -> Result<(), ApiError> {
    let intent = find(state, intent, "intent")?;
    let charge = intent.latest_charge.as_ref().and_then(|charge| state.charges.get(charge));
    let disputable = charge.filter(|charge| charge.refundable() > 0 && !charge.disputed);
    let Some(charge) = disputable.cloned() else {
        let message = "There is no captured money on this PaymentIntent to dispute.";
        return Err(ApiError::unexpected_state(message, intent.json()));
    };
    open(state, charge, Reason::Fraudulent, at);
    Ok(())
}

fn open(state: &mut State, mut charge: Charge, reason: Reason, at: &Moment<'_>) {
    let dispute = Dispute { reason, ..Dispute::of(&charge, new_id("du"), at.now) };
    charge.disputed = true;
    state.keep(charge);
    emit(state, at, "charge.dispute.created", dispute.json());
    emit(state, at, "charge.dispute.funds_withdrawn", dispute.json());
    state.keep(dispute);
}

/// `POST /v1/disputes/{id}`
pub fn update(
    state: &mut State,
    id: &str,
    form: &Form,
    at: &Moment<'_>,
) -> Result<Dispute, ApiError> {
    form.takes_only(&["evidence[", "metadata[", "submit"])?;
    let mut dispute = find_open(state, id)?;
    metadata::merge(&mut dispute.metadata, form)?;
    let evidence = form.hash("evidence");
    let submits = !evidence.is_empty() && form.flag("submit")?.unwrap_or(true);
    dispute.evidence.extend(evidence);
    let before = dispute.status;
    if submits {
        dispute.submissions += 1;
        dispute.status = verdict(&dispute);
    }
    state.keep(dispute.clone());
    let previous = (before != dispute.status).then(|| json!({"status": before}));
    emit_change(state, at, "charge.dispute.updated", dispute.json(), previous);
    announce_end(state, &dispute, at);
    Ok(dispute)
}

/// What the bank says of the evidence: two texts decide at once, others stay under review.
fn verdict(dispute: &Dispute) -> DisputeStatus {
    match dispute.evidence.get("uncategorized_text").and_then(|text| text.as_str()) {
        Some("winning_evidence") => DisputeStatus::Won,
        Some("losing_evidence") => DisputeStatus::Lost,
        _ => DisputeStatus::UnderReview,
    }
}

/// `POST /v1/disputes/{id}/close`: it is accepted, and lost.
pub fn close(
    state: &mut State,
    id: &str,
    form: &Form,
    at: &Moment<'_>,
) -> Result<Dispute, ApiError> {
    form.takes_only(&[])?;
    let mut dispute = find_open(state, id)?;
    dispute.status = DisputeStatus::Lost;
    state.keep(dispute.clone());
    announce_end(state, &dispute, at);
    Ok(dispute)
}

fn announce_end(state: &mut State, dispute: &Dispute, at: &Moment<'_>) {
    if dispute.status == DisputeStatus::Won {
        emit(state, at, "charge.dispute.funds_reinstated", dispute.json());
    }
    if dispute.is_closed() {
        emit(state, at, "charge.dispute.closed", dispute.json());
    }
}

fn find_open(state: &State, id: &str) -> Result<Dispute, ApiError> {
    let found = state.disputes.get(id).cloned();
    let dispute = found.ok_or_else(|| ApiError::missing("dispute", id, "dispute"))?;
    if dispute.is_closed() {
        let message = format!("This dispute is already closed: {}.", dispute.status.as_str());
        return Err(ApiError::invalid("dispute", message));
    }
    Ok(dispute)
}
