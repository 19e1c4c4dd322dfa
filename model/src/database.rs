//! The statements of `activities/src/inventory` and `activities/src/orders.rs`: each says from which
//! states it may move the order, and happens at once.

use std::collections::BTreeMap;

use domain::{
    CartLine, CartLines, Money, OrderState, PaymentState, Quantity, Sku, StockLine, allocate,
};

use crate::{
    guards::{Guard, Guards},
    state::{Clock, Hold, Order, Payment, Row, Stock, Wrong},
};

/// What came of asking for stock.
pub enum Reservation {
    Held,
    Refused,
    TakenByAnotherRun,
}

/// What an attempt finds.
pub enum Begun {
    Go { payment_intent: Option<u8>, hold_is_over: bool },
    AlreadyDecided(Payment),
    OrderHasMovedOn,
}

/// `inventory/reserve.rs`: holds the unit for `order`, or refuses, by what is `available`.
pub fn reserve(
    stock: &mut Stock,
    order: &mut Order,
    run_id: u8,
    available: i8,
    guards: Guards,
) -> Reservation {
    if order.row.is_none() || !guards.have(Guard::OrderWrittenOnce) {
        let is_held = can_be_had(available);
        if is_held {
            stock.held += 1;
        }
        order.row = Some(Row {
            run_id,
            state: if is_held { OrderState::AwaitingPayment } else { OrderState::Refused },
            payment_state: PaymentState::None,
            attempts: 0,
            declined: false,
            payment_intent: None,
            hold: if is_held { Hold::Open } else { Hold::None },
            called_off: 0,
            captured: false,
        });
    }
    match order.row {
        Some(row) if row.run_id != run_id && guards.have(Guard::OnlyItsOwnRunHolds) => {
            Reservation::TakenByAnotherRun
        }
        Some(Row { hold: Hold::None, .. }) | None => Reservation::Refused,
        Some(_) => Reservation::Held,
    }
}

/// The product's own decision, for one unit.
fn can_be_had(available: i8) -> bool {
    let (Ok(sku), Ok(quantity), Ok(currency)) =
        ("unit".parse::<Sku>(), Quantity::try_from(1), "EUR".parse())
    else {
        return false;
    };
    let Ok(lines) = CartLines::try_from(vec![CartLine { sku: sku.clone(), quantity }]) else {
        return false;
    };
    let line = StockLine {
        name: String::new(),
        unit_price: Money::new(1999, currency),
        available: i64::from(available),
    };
    allocate(&lines, None, &mut BTreeMap::from([(sku, line)])).is_ok()
}

/// Goes on with `resume_attempt` where it changes nothing.
pub fn begin_attempt(order: &mut Order, number: u8, guards: Guards) -> Begun {
    let hold_is_over = order.clock > Clock::HoldOpen;
    let Some(row) = &mut order.row else { return Begun::OrderHasMovedOn };
    let waits = row.state == OrderState::AwaitingPayment
        || (!guards.have(Guard::AttemptOnlyWhileWaiting) && row.state != OrderState::Paying);
    let is_new = row.attempts < number || !guards.have(Guard::AttemptBegunOnce);
    if waits && is_new {
        row.state = OrderState::Paying;
        row.payment_state = PaymentState::Processing;
        row.attempts = number;
        row.declined = false;
        return Begun::Go { payment_intent: row.payment_intent, hold_is_over };
    }
    resume_attempt(order, number, guards)
}

pub fn resume_attempt(order: &Order, number: u8, guards: Guards) -> Begun {
    let hold_is_over = order.clock > Clock::HoldOpen;
    let Some(row) = &order.row else { return Begun::OrderHasMovedOn };
    if row.attempts != number && guards.have(Guard::OnlyTheLatestResumed) {
        return Begun::OrderHasMovedOn;
    }
    match row.state {
        _ if row.declined => Begun::AlreadyDecided(Payment::Declined),
        OrderState::Paying if row.payment_state == PaymentState::RequiresAction => {
            Begun::AlreadyDecided(Payment::RequiresAction)
        }
        OrderState::Paying => Begun::Go { payment_intent: row.payment_intent, hold_is_over },
        _ => Begun::OrderHasMovedOn,
    }
}

/// Answers whether it is kept.
pub fn keep_intent(order: &mut Order, intent: u8, guards: Guards) -> bool {
    let Some(row) = &mut order.row else { return false };
    let is_paying =
        row.state == OrderState::Paying || !guards.have(Guard::IntentKeptOnlyWhilePaying);
    let keeps = is_paying && row.payment_intent.is_none_or(|kept| kept == intent);
    if keeps {
        row.payment_intent = Some(intent);
    }
    keeps
}

pub fn keep_intent_of_closing(order: &mut Order, intent: u8) {
    if let Some(row) = &mut order.row
        && row.state == OrderState::Closing
        && row.payment_intent.is_none()
    {
        row.payment_intent = Some(intent);
    }
}

/// Records what was said of attempt `number`.
pub fn record_payment(
    order: &mut Order,
    number: u8,
    payment: Payment,
    guards: Guards,
    wrong: &mut Wrong,
) {
    let (state, payment_state) = match payment {
        Payment::Declined => (OrderState::AwaitingPayment, PaymentState::Declined),
        Payment::None => (OrderState::AwaitingPayment, PaymentState::None),
        Payment::RequiresAction => (OrderState::Paying, PaymentState::RequiresAction),
        Payment::Processing => (OrderState::Paying, PaymentState::Processing),
        Payment::Authorized | Payment::Canceled | Payment::OrderHasMovedOn => return,
    };
    let intents = &order.intents;
    let Some(row) = &mut order.row else { return };
    let is_of_it = row.attempts == number || !guards.have(Guard::AnswerOfItsAttempt);
    if row.state != OrderState::Paying || !is_of_it || row.payment_state == payment_state {
        return;
    }
    if payment == Payment::Declined
        && let Some(attempt) = usize::from(row.attempts).checked_sub(1)
        && intents.iter().any(|intent| intent.asked[attempt] > 0 && !intent.declined[attempt])
    {
        wrong.note(Wrong::UNTRUE_ROW);
    }
    row.state = state;
    row.payment_state = payment_state;
    row.declined = payment == Payment::Declined;
}

pub fn begin_closing(order: &mut Order) {
    if let Some(row) = &mut order.row
        && matches!(row.state, OrderState::AwaitingPayment | OrderState::Paying)
    {
        row.state = OrderState::Closing;
    }
}

/// Answers whether there is an open hold to which that matters.
pub fn begin_calling_off(order: &mut Order, intent: u8, guards: Guards) -> bool {
    let Some(row) = &mut order.row else { return false };
    let begins = row.hold == Hold::Open
        && row.payment_intent == Some(intent)
        && guards.have(Guard::CallingOffFirst);
    row.called_off += u8::from(begins);
    begins
}

pub fn calling_off_refused(order: &mut Order) {
    if let Some(row) = &mut order.row
        && row.hold == Hold::Open
    {
        row.called_off -= 1;
    }
}

pub fn record_payment_cancelled(order: &mut Order) {
    if let Some(row) = &mut order.row
        && matches!(
            row.state,
            OrderState::Closing
                | OrderState::Expired
                | OrderState::Cancelled
                | OrderState::PaymentFailed
        )
    {
        row.payment_state = PaymentState::Cancelled;
    }
}

pub fn record_captured(order: &mut Order) {
    if let Some(row) = &mut order.row
        && row.state == OrderState::Confirmed
    {
        row.state = OrderState::Paid;
        row.payment_state = PaymentState::Captured;
        row.captured = true;
    }
}

/// `inventory/commit.rs`. Answers whether the unit is the buyer's, by this call or an earlier one.
pub fn commit(stock: &mut Stock, order: &mut Order, guards: Guards) -> bool {
    let Some(row) = &mut order.row else { return false };
    let is_open = row.hold == Hold::Open && row.called_off == 0;
    if is_open || (!guards.have(Guard::CommitOnlyOpenHolds) && row.hold == Hold::Released) {
        stock.held -= i8::from(is_open);
        stock.sold += 1;
        row.close_hold(Hold::Committed);
        row.state = OrderState::Confirmed;
        row.payment_state = PaymentState::Authorized;
        return true;
    }
    row.hold == Hold::Committed && guards.have(Guard::CommitAnswersAlike)
}

/// `inventory/release.rs`. Answers whether the unit went back.
pub fn release(
    stock: &mut Stock,
    order: &mut Order,
    end_state: OrderState,
    guards: Guards,
) -> bool {
    let Some(row) = &mut order.row else { return false };
    let releases = match row.hold {
        Hold::Open => true,
        Hold::Committed => !guards.have(Guard::ReleaseOnlyOpenHolds),
        Hold::None | Hold::Released => false,
    };
    if releases {
        stock.held -= 1;
        row.close_hold(Hold::Released);
        row.state = end_state;
    }
    releases
}

/// `inventory/release.rs`. Answers whether the money has moved after all.
pub fn return_units(stock: &mut Stock, order: &mut Order, guards: Guards) -> bool {
    let Some(row) = &mut order.row else { return false };
    let returns = row.state == OrderState::Confirmed
        || (!guards.have(Guard::ReturnOnlyConfirmed) && row.hold == Hold::Committed);
    if returns {
        row.state = OrderState::PaymentFailed;
        row.payment_state = PaymentState::Cancelled;
        if row.hold == Hold::Committed {
            row.hold = Hold::Released;
            stock.sold -= 1;
        }
    }
    row.captured
}
