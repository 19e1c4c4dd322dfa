//! Where the workflows go on to: `workflows/src/checkout.rs` with `paying.rs` and `unwinding.rs`,
//! `conclude.rs` and `settle.rs`.

use domain::{EndReason, IntentStatus, OrderState, payment::admit_attempt};

use crate::{
    activities::Answer,
    guards::{Guard, Guards},
    scenario::Card,
    state::{At, Caller, Clock, Conclude, Hold, Order, Payment, Run, Standing, Step, Task, Wrong},
};

/// Begins a run of an activity for one of the workflows.
pub fn call(order: &mut Order, by: Caller, task: Task) {
    let began_late = order.clock > Clock::HoldOpen;
    let run = Run { task, step: Step::First, by, standing: Standing::Awaited, began_late };
    order.runs.push(run);
}

/// Begins `settle/<payment_intent>`, unless it is there.
pub fn settle(order: &mut Order, intent: u8) {
    if order.settle.is_none() {
        order.settle = Some(intent);
        call(order, Caller::Settle, Task::SettleIntent { intent });
    }
}

/// A caller goes on with what its activity has answered.
pub fn answered(order: &mut Order, by: Caller, answer: Answer, guards: Guards, wrong: &mut Wrong) {
    match by {
        Caller::Checkout => checkout_answered(order, answer, guards, wrong),
        Caller::Conclude => conclude_answered(order, answer),
        Caller::Settle => order.settle = None,
    }
}

/// `Checkout::forward`
fn checkout_answered(order: &mut Order, answer: Answer, guards: Guards, wrong: &mut Wrong) {
    match (order.checkout.at, answer) {
        (At::Reserve, Answer::Held) => {
            if order.row.is_none_or(|row| row.hold != Hold::Open) {
                wrong.note(Wrong::HELD_UNTRULY);
            }
            enter(order, OrderState::AwaitingPayment, At::Next);
        }
        (At::Reserve, _) => enter(order, OrderState::Refused, At::Ended),
        (At::Authorize | At::Inspect, Answer::Payment(payment)) => {
            if !guards.have(Guard::UndoBeforeRisk) {
                order.checkout.undo_close = true;
            }
            followed(order, payment);
        }
        (At::CutShort(reason), Answer::Payment(payment)) => {
            if payment == Payment::Authorized && reason == EndReason::HoldEnded {
                commit(order, EndReason::Cancelled);
            } else {
                unwind(order, reason, false);
            }
        }
        (At::ClosePayment { reason, .. }, Answer::AtRest) => release(order, reason),
        (At::ClosePayment { hold_gone: true, .. }, Answer::PaidInTime) => bought(order),
        (At::ClosePayment { reason, .. }, Answer::PaidInTime) => commit(order, reason),
        (At::Release(reason), Answer::Released) => {
            enter(order, reason.end_state(), At::Ended);
            if std::mem::take(&mut order.checkout.undo_find) {
                conclude(order);
            }
        }
        (At::Commit(_), Answer::Committed) => bought(order),
        (At::Commit(reason), Answer::HoldGone) => unwind(order, reason, true),
        (At::Capture, Answer::Captured) | (At::ReturnUnits, Answer::PaidAfterAll) => {
            enter(order, OrderState::Paid, At::Ended);
        }
        (At::Capture, Answer::RefusedForGood) => return_units(order),
        (At::ReturnUnits, Answer::Returned) => order.checkout.at = At::HandOverFailed,
        // No workflow waits for such an answer.
        _ => {}
    }
}

/// `Checkout::follow`
fn followed(order: &mut Order, payment: Payment) {
    match payment {
        Payment::Authorized => commit(order, EndReason::Cancelled),
        Payment::None | Payment::Declined => {
            enter(order, OrderState::AwaitingPayment, At::Next);
        }
        Payment::Canceled | Payment::OrderHasMovedOn => {
            unwind(order, EndReason::Cancelled, false);
        }
        Payment::RequiresAction => order.checkout.at = At::Follow(IntentStatus::RequiresAction),
        Payment::Processing => order.checkout.at = At::Follow(IntentStatus::Processing),
    }
}

fn enter(order: &mut Order, state: OrderState, at: At) {
    order.checkout.state = state;
    order.checkout.at = at;
    if at == At::Ended {
        order.checkout.provider_spoke = false;
        order.checkout.queued = None;
    }
}

/// `Checkout::unwind`, and `Checkout::call_off` when the hold is gone.
pub fn unwind(order: &mut Order, reason: EndReason, hold_gone: bool) {
    if order.checkout.undo_close {
        order.checkout.state = OrderState::Closing;
        order.checkout.at = At::ClosePayment { reason, hold_gone };
        let reason = if hold_gone { EndReason::Cancelled } else { reason };
        call(order, Caller::Checkout, Task::ClosePayment { reason });
    } else {
        release(order, reason);
    }
}

/// `Checkout::hand_over_to_settle`: false when no payment is known.
pub fn hand_over_to_settle(order: &mut Order, guard: Guard, guards: Guards) -> bool {
    let intent = order.row.and_then(|row| row.payment_intent);
    if let Some(intent) = intent
        && guards.have(guard)
    {
        settle(order, intent);
    }
    intent.is_some()
}

pub fn release(order: &mut Order, reason: EndReason) {
    order.checkout.at = At::Release(reason);
    call(order, Caller::Checkout, Task::Release { end_state: reason.end_state() });
}

fn commit(order: &mut Order, reason: EndReason) {
    order.checkout.at = At::Commit(reason);
    call(order, Caller::Checkout, Task::Commit);
}

fn bought(order: &mut Order) {
    order.checkout.undo_close = false;
    enter(order, OrderState::Confirmed, At::Capture);
    call(order, Caller::Checkout, Task::Capture);
}

pub fn return_units(order: &mut Order) {
    order.checkout.at = At::ReturnUnits;
    call(order, Caller::Checkout, Task::ReturnUnits);
}

/// `Checkout::authorize`
pub fn authorize(order: &mut Order, card: Card, guards: Guards) {
    let checkout = &mut order.checkout;
    checkout.queued = None;
    if guards.have(Guard::UndoBeforeRisk) {
        checkout.undo_close = true;
    }
    let number = checkout.attempts;
    checkout.last_sent = number;
    enter(order, OrderState::Paying, At::Authorize);
    call(order, Caller::Checkout, Task::Authorize { number, card });
}

/// `Checkout::inspect`
pub fn inspect(order: &mut Order) {
    order.checkout.provider_spoke = false;
    order.checkout.at = At::Inspect;
    let number = order.checkout.last_sent;
    call(order, Caller::Checkout, Task::InspectPayment { number });
}

/// `Checkout::state_as_seen`
fn state_as_seen(order: &Order, seen_attempts: u8) -> OrderState {
    let checkout = &order.checkout;
    let row_is_ahead = matches!(checkout.state, OrderState::Reserving | OrderState::Paying);
    if row_is_ahead && checkout.queued.is_none() && seen_attempts == checkout.attempts {
        OrderState::AwaitingPayment
    } else {
        checkout.state
    }
}

/// The update `pay`, by a shopper who sees an order that waits for them: whether it is queued.
pub fn is_admitted(order: &Order, guards: Guards) -> bool {
    let Some(row) = order.row else { return false };
    if row.state != OrderState::AwaitingPayment || order.checkout.at.is_closed() {
        return false;
    }
    let checkout = &order.checkout;
    // Until `reserve` has answered, the workflow does not know when the hold ends.
    let knows = !matches!(checkout.at, At::Reserve);
    let is_over = guards.have(Guard::LatePayRefused) && knows && order.clock > Clock::HoldOpen;
    let hold_is_over = checkout.cancel_requested || is_over;
    let seen = state_as_seen(order, row.attempts);
    admit_attempt(seen, u32::from(checkout.attempts), hold_is_over).is_ok()
        && checkout.queued.is_none()
}

/// `Conclude::run`
fn conclude_answered(order: &mut Order, answer: Answer) {
    use Conclude as C;
    let (next, task) = match (order.conclude, answer) {
        (C::Close | C::CloseForEver, Answer::AtRest) => (C::Release, Some(give_back())),
        (C::Close | C::CloseForEver, Answer::PaidInTime) => (C::Capture, Some(Task::Capture)),
        (C::ReleaseEarly, _) => (C::CloseForEver, Some(close())),
        (C::Capture, Answer::RefusedForGood) => (C::ReturnUnits, Some(Task::ReturnUnits)),
        (C::ReturnUnits, Answer::Returned) => (C::CloseReturned, Some(close())),
        _ => (C::NotRunning, None),
    };
    order.conclude = next;
    if let Some(task) = task {
        call(order, Caller::Conclude, task);
    }
}

/// Begins `conclude/<order_id>`, unless it is there.
pub fn conclude(order: &mut Order) {
    if order.conclude == Conclude::NotRunning {
        order.conclude = Conclude::Close;
        call(order, Caller::Conclude, close());
    }
}

/// Its call has failed until its time was over.
pub fn conclude_gave_up(order: &mut Order) {
    let (next, task) = match order.conclude {
        Conclude::Close => (Conclude::ReleaseEarly, give_back()),
        _ => (Conclude::ReturnUnits, Task::ReturnUnits),
    };
    order.conclude = next;
    call(order, Caller::Conclude, task);
}

const fn close() -> Task {
    Task::ClosePayment { reason: EndReason::Cancelled }
}

const fn give_back() -> Task {
    Task::Release { end_state: EndReason::Cancelled.end_state() }
}
