//! The payment provider: what it does with each request, as the sandbox does (`sandbox/src/intents.rs`,
//! `confirm.rs`, `capture.rs`, `processing.rs`, `bank.rs`).

use domain::IntentStatus;

use crate::{
    guards::{Guard, Guards},
    scenario::Card,
    state::{Answered, Clock, Event, Intent, Order, Wrong},
};

/// What a confirmation is answered.
pub enum Confirmed {
    Intent(IntentStatus),
    Declined,
    Refused,
}

/// Creates the order's intent, or answers the one that its key stands for.
pub fn create(order: &mut Order, guards: Guards) -> u8 {
    if order.intents.is_empty() || !guards.have(Guard::CreateKey) {
        order.intents.push(Intent {
            status: IntentStatus::RequiresPaymentMethod,
            card: None,
            decline_shown: false,
            asked: [0; 2],
            answered: [None; 2],
            declined: [false; 2],
            in_time: false,
            late: false,
            captures: 0,
            refunded: false,
        });
        return u8::try_from(order.intents.len() - 1).unwrap_or(u8::MAX);
    }
    0
}

/// Confirms it for attempt `number`: asks the bank, unless the key was used.
pub fn confirm(
    order: &mut Order,
    intent: u8,
    number: u8,
    card: Card,
    guards: Guards,
    wrong: &mut Wrong,
) -> Confirmed {
    let attempt = usize::from(number) - 1;
    let is_before_charge = is_before_charge(intent_of(order, intent).status);
    if guards.have(Guard::ConfirmKey)
        && let Some(answered) = intent_of(order, intent).answered[attempt]
    {
        return match answered {
            Answered::Intent(status) => Confirmed::Intent(status),
            Answered::Declined => Confirmed::Declined,
        };
    }
    if !is_before_charge {
        return Confirmed::Refused;
    }
    let asked = intent_of(order, intent);
    asked.asked[attempt] += 1;
    asked.card = Some(card);
    if asked.asked[attempt] > 1 {
        wrong.note(Wrong::ASKED_TWICE);
    }
    match card {
        Card::Approved => approve(order, intent),
        Card::Declined => decline(order, intent, number),
        Card::AsksShopper => {
            intent_of(order, intent).status = IntentStatus::RequiresAction;
        }
        Card::TakesTime => process(order, intent),
    }
    let now = intent_of(order, intent);
    let answered = match card {
        Card::Declined => Answered::Declined,
        Card::Approved | Card::AsksShopper | Card::TakesTime => Answered::Intent(now.status),
    };
    now.answered[attempt] = Some(answered);
    match answered {
        Answered::Intent(status) => Confirmed::Intent(status),
        Answered::Declined => Confirmed::Declined,
    }
}

/// The bank says yes.
pub fn approve(order: &mut Order, intent: u8) {
    let (in_time, late) = (order.clock == Clock::HoldOpen, order.has_ended());
    let now = intent_of(order, intent);
    now.status = IntentStatus::RequiresCapture;
    now.card = None;
    now.decline_shown = false;
    now.in_time |= in_time;
    now.late |= late;
    emit(order, "payment_intent.amount_capturable_updated", intent);
}

/// The bank says no to attempt `number`.
pub fn decline(order: &mut Order, intent: u8, number: u8) {
    let now = intent_of(order, intent);
    now.status = IntentStatus::RequiresPaymentMethod;
    now.card = None;
    now.decline_shown = true;
    now.declined[usize::from(number) - 1] = true;
    emit(order, "payment_intent.payment_failed", intent);
}

/// The bank takes its time.
pub fn process(order: &mut Order, intent: u8) {
    intent_of(order, intent).status = IntentStatus::Processing;
}

/// Moves the money, if it is set aside. Answers whether it did.
pub fn capture(order: &mut Order, intent: u8, guards: Guards) -> bool {
    let now = intent_of(order, intent);
    // The key's answer is kept: captured once is captured.
    if now.captures > 0 && guards.have(Guard::CaptureKey) {
        return true;
    }
    if now.status != IntentStatus::RequiresCapture {
        return false;
    }
    now.status = IntentStatus::Succeeded;
    now.captures += 1;
    emit(order, "payment_intent.succeeded", intent);
    true
}

/// Calls it off, if that can be. Answers whether it did.
pub fn cancel(order: &mut Order, intent: u8) -> bool {
    let now = intent_of(order, intent);
    if matches!(
        now.status,
        IntentStatus::Canceled | IntentStatus::Processing | IntentStatus::Succeeded
    ) {
        return false;
    }
    now.status = IntentStatus::Canceled;
    now.card = None;
    true
}

/// Gives back what was taken, once.
pub fn refund_all(order: &mut Order, intent: u8) {
    intent_of(order, intent).refunded = true;
}

/// The attempt that the bank was last asked for.
pub fn latest_attempt(intent: &Intent) -> u8 {
    if intent.asked[1] > 0 { 2 } else { 1 }
}

const fn is_before_charge(status: IntentStatus) -> bool {
    matches!(
        status,
        IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction
    )
}

pub fn intent_of(order: &mut Order, intent: u8) -> &mut Intent {
    &mut order.intents[usize::from(intent)]
}

/// Tells the shop. Whether that arrives, and when and how often, is another matter.
fn emit(order: &mut Order, event_type: &'static str, intent: u8) {
    if !order.events.iter().any(|event| event.kind == event_type) {
        order.events.push(Event { kind: event_type, intent, copies: 2 });
    }
}
