//! What an operator reads in the Temporal UI: where the order stands, in a sentence, and the
//! search attributes that find it.

use std::time::Duration;

use domain::{Money, OrderState, Refusal};
use temporalio_workflow::WorkflowContext;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Checkout;
use crate::search::{CHECKOUT_STATE, HOLD_EXPIRES_AT, ORDER_TOTAL};

impl Checkout {
    /// The order enters `state`, which it usually leaves at once.
    pub(super) fn enter(ctx: &WorkflowContext<Self>, state: OrderState) {
        ctx.state_mut(|s| s.state = state);
        ctx.set_current_details(details(ctx, state));
        if state == OrderState::AwaitingPayment {
            // Costs an event only when an attempt had lingered.
            show(ctx, state);
        }
    }

    /// The order enters `state` and may stay: worth an event, so that operators find it.
    pub(super) fn linger(ctx: &WorkflowContext<Self>, state: OrderState) {
        Self::enter(ctx, state);
        show(ctx, state);
    }

    /// The order ends in `state`.
    pub(super) fn end(ctx: &WorkflowContext<Self>, state: OrderState) -> OrderState {
        ctx.state_mut(|s| s.state = state);
        if state != OrderState::Refused {
            ctx.set_current_details(details(ctx, state));
        }
        show(ctx, state);
        state
    }

    /// The units are held until `expires_at`, for `total`.
    pub(super) fn held(ctx: &WorkflowContext<Self>, expires_at: OffsetDateTime, total: Money) {
        ctx.state_mut(|s| s.expires_at = Some(expires_at));
        Self::enter(ctx, OrderState::AwaitingPayment);
        let shown = ctx.search_attributes();
        if shown.get(&ORDER_TOTAL) != Some(total.amount) {
            ctx.upsert_search_attributes([ORDER_TOTAL.value_set(total.amount)]);
        }
        // The API guessed the hold's end when it started us; a second either way is as good.
        let guessed = shown.get(&HOLD_EXPIRES_AT).map(|at| at.to_prost().seconds);
        if guessed.is_none_or(|guess| (guess - expires_at.unix_timestamp()).abs() > 1) {
            let exact = std::time::SystemTime::from(expires_at);
            ctx.upsert_search_attributes([HOLD_EXPIRES_AT.value_set(exact.into())]);
        }
    }

    /// From the workflow's now to `at`; zero once it has passed.
    pub(super) fn until(ctx: &WorkflowContext<Self>, at: OffsetDateTime) -> Duration {
        let now = ctx.workflow_time().map(OffsetDateTime::from);
        let left = now.map_or(time::Duration::ZERO, |now| at - now);
        left.try_into().unwrap_or(Duration::ZERO)
    }
}

fn show(ctx: &WorkflowContext<Checkout>, state: OrderState) {
    let shown = ctx.search_attributes().get(&CHECKOUT_STATE);
    if shown.as_deref() != Some(state.as_str()) {
        ctx.upsert_search_attributes([CHECKOUT_STATE.value_set(state.as_str().to_owned())]);
    }
}

fn details(ctx: &WorkflowContext<Checkout>, state: OrderState) -> String {
    let (expires_at, attempts) = ctx.state(|s| (s.expires_at, s.attempts));
    let hold = expires_at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
    match state {
        OrderState::Reserving => "**Asking for the stock.** All lines are held, or none.".into(),
        OrderState::AwaitingPayment if attempts == 0 => {
            format!("**Waiting for the shopper to pay.** The units are held until {hold}.")
        }
        OrderState::AwaitingPayment => format!(
            "**Waiting for another attempt.** Attempt {attempts} did not go through. The units \
             are held until {hold}."
        ),
        OrderState::Paying => format!(
            "**Attempt {attempts} is with the payment provider.** The units are held until {hold}."
        ),
        OrderState::Confirmed => "**Confirmed.** The money is set aside and the units are the \
                                  buyer's. Next: move the money."
            .into(),
        OrderState::Closing => "**Closing.** No new attempts. Waiting for the provider's word \
                                that no money can move any more; then the units go back."
            .into(),
        OrderState::Expired => "**Expired.** Nobody paid in time. The units are back.".into(),
        OrderState::Cancelled => "**Cancelled.** Nothing was charged. The units are back.".into(),
        OrderState::PaymentFailed => "**Payment failed.** The money could not be moved. The \
                                      units are back; what was set aside is being given back."
            .into(),
        OrderState::Paid => "**Paid.** The money has moved and the units are the buyer's.".into(),
        OrderState::Refused
        | OrderState::PartiallyRefunded
        | OrderState::Refunded
        | OrderState::Disputed => format!("**{state}**"),
    }
}

/// Nothing was held: says why.
pub(super) fn refused(ctx: &WorkflowContext<Checkout>, refusal: &Refusal) {
    let why = match refusal {
        Refusal::OutOfStock { .. } => "not every line can be had",
        Refusal::PriceChanged { .. } => "the price is not the one that the shopper saw",
        Refusal::UnknownSku { .. } => "the shop has no such product",
        Refusal::NotChargeable { .. } => "the provider takes no charge of this size",
        Refusal::NoTotal => "the lines have no common total",
    };
    ctx.set_current_details(format!("**Refused:** {why}. Nothing is held."));
}

/// The provider keeps us waiting: the state lasts, so operators can find the order by it.
pub(super) fn provider_is_slow(ctx: &WorkflowContext<Checkout>) {
    lasts(ctx, "The provider can't be reached, or answers with errors. Trying again.");
}

/// The shopper has to act at the provider.
pub(super) fn waits_for_shopper(ctx: &WorkflowContext<Checkout>) {
    lasts(ctx, "The shopper has to approve the payment with their bank.");
}

/// The provider has not decided.
pub(super) fn waits_for_provider(ctx: &WorkflowContext<Checkout>) {
    lasts(ctx, "The provider is still processing the payment.");
}

fn lasts(ctx: &WorkflowContext<Checkout>, why: &str) {
    let state = ctx.state(|s| s.state);
    ctx.set_current_details(format!("{} {why}", details(ctx, state)));
    show(ctx, state);
}
