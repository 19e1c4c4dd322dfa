//! What runs of activities do, step by step, as `activities/src/payments` does: each step is one
//! statement or one request, and anything may happen between two.

use domain::{Closing, IntentStatus, OrderState, payment};

use crate::{
    database::{self, Begun, Reservation},
    guards::{Guard, Guards},
    provider::{self, Confirmed, intent_of},
    state::{Caller, Clock, Order, Payment, Row, Run, State, Step, Stock, Task, Why, Wrong},
};

/// What an activity answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Held,
    Refused,
    TakenByAnotherRun,
    Payment(Payment),
    Committed,
    HoldGone,
    Captured,
    RefusedForGood,
    AtRest,
    PaidInTime,
    Released,
    Returned,
    PaidAfterAll,
    Settled,
}

/// What comes of a step.
enum Then {
    GoOn(Step),
    Answer(Answer),
}

use Then::GoOn;

/// The names of a run's task and of its next step, as the code has them.
pub fn names(run: &Run) -> (&'static str, &'static str) {
    let task = match run.task {
        Task::Reserve { .. } => "reserve",
        Task::Authorize { .. } => "authorize",
        Task::InspectPayment => "inspect_payment",
        Task::Commit => "commit",
        Task::Capture => "capture",
        Task::ClosePayment { .. } => "close_payment",
        Task::Release { .. } => "release",
        Task::ReturnUnits => "return_units",
        Task::SettleIntent { .. } => "settle_intent",
    };
    let step = match run.step {
        Step::First => match run.task {
            Task::ClosePayment { .. } => "begin_closing",
            Task::Authorize { .. } => "begin_attempt",
            Task::InspectPayment | Task::Capture => "payment_of",
            Task::SettleIntent { .. } => "retrieve",
            Task::Reserve { .. } | Task::Commit | Task::Release { .. } | Task::ReturnUnits => "",
        },
        Step::Write { .. } => "write",
        Step::BeginAttempt => "begin_attempt",
        Step::PaymentOf => "payment_of",
        Step::Create => "create",
        Step::KeepIntent { .. } => match run.task {
            Task::ClosePayment { .. } => "keep_intent_of_closing",
            _ => "keep_intent",
        },
        Step::Confirm { .. } => "confirm",
        Step::Look { .. } => "look",
        Step::RecordPayment { .. } => "record_payment",
        Step::Retrieve { .. } => "retrieve",
        Step::StillUnpaid { .. } => "still_unpaid",
        Step::Cancel { .. } => "cancel",
        Step::RefundAll { .. } => "refund_all",
        Step::RecordPaymentCancelled { .. } => "record_payment_cancelled",
        Step::Captures { .. } => "capture",
        Step::RecordCaptured => "record_captured",
        Step::TryAgain { .. } => "not_decided",
    };
    (task, step)
}

/// Whether its next step would find everything as the last one did.
pub fn waits_for_change(run: &Run, order: &Order) -> bool {
    match run.step {
        Step::TryAgain { intent, seen, bought } => {
            order.intents[usize::from(intent)].status == seen && order.is_bought() == bought
        }
        _ => false,
    }
}

/// Makes the next step of a run. Answers what the run answers, when it was the last one.
pub fn perform(state: &mut State, order: usize, run: usize, guards: Guards) -> Option<Answer> {
    let State { stock, orders, wrong, gaps, .. } = state;
    let order = &mut orders[order];
    let mut world = World { stock, order, wrong, gaps, guards };
    let copy = world.order.runs[run];
    let then = match copy.task {
        Task::Reserve { run_id } => world.reserve(run_id, copy.step),
        Task::Authorize { .. } => world.authorize(copy),
        Task::InspectPayment => world.inspect(copy.step),
        Task::Commit => Then::Answer(world.commit(copy)),
        Task::Capture => world.capture(copy.step),
        Task::ClosePayment { .. } | Task::SettleIntent { .. } => world.close(copy),
        Task::Release { end_state } => world.release(end_state, copy.by),
        Task::ReturnUnits => {
            let is_paid = database::return_units(world.stock, world.order, guards);
            Then::Answer(if is_paid { Answer::PaidAfterAll } else { Answer::Returned })
        }
    };
    match then {
        GoOn(step) => {
            world.order.runs[run].step = step;
            None
        }
        Then::Answer(answer) => Some(answer),
    }
}

struct World<'a> {
    stock: &'a mut Stock,
    order: &'a mut Order,
    wrong: &'a mut Wrong,
    gaps: &'a mut Wrong,
    guards: Guards,
}

impl World<'_> {
    fn reserve(&mut self, run_id: u8, step: Step) -> Then {
        let mut available = self.stock.on_hand - self.stock.held - self.stock.sold;
        if let Step::Write { available: read } = step {
            available = read;
        } else if !self.guards.have(Guard::StockLockedWhileDecided) {
            return GoOn(Step::Write { available });
        }
        let came = database::reserve(self.stock, self.order, run_id, available, self.guards);
        Then::Answer(match came {
            Reservation::Held => Answer::Held,
            Reservation::Refused => Answer::Refused,
            Reservation::TakenByAnotherRun => Answer::TakenByAnotherRun,
        })
    }

    fn commit(&mut self, run: Run) -> Answer {
        let was_bought = self.order.is_bought();
        let intent = self.order.row.and_then(|row| row.payment_intent);
        let called_off = intent
            .map(|intent| *intent_of(self.order, intent))
            .filter(|intent| intent.status == IntentStatus::Canceled)
            // The bank has let it go by itself.
            .filter(|_| self.order.clock < Clock::AuthorizationOver);
        let committed = database::commit(self.stock, self.order, self.guards);
        if let Some(intent) = called_off
            && committed
            && !was_bought
        {
            let is_known = intent.cancelled_unseen || run.standing.is_left_behind();
            let noted = if is_known { &mut *self.gaps } else { &mut *self.wrong };
            noted.note(Wrong::BOUGHT_UNPAID);
        }
        if committed { Answer::Committed } else { Answer::HoldGone }
    }

    /// `Payments::authorize`
    fn authorize(&mut self, run: Run) -> Then {
        let Task::Authorize { number, card } = run.task else { return payment(Payment::None) };
        match run.step {
            Step::Create => {
                let intent = provider::create(self.order, self.guards);
                if self.guards.have(Guard::IntentKeptBeforeConfirm) {
                    GoOn(Step::KeepIntent { intent, confirmed: None })
                } else {
                    GoOn(Step::Confirm { intent })
                }
            }
            Step::KeepIntent { intent, confirmed } => {
                let kept = database::keep_intent(self.order, intent, self.guards);
                let is_its = |row: &Row| row.declined && row.attempts == number;
                if !kept
                    && !run.standing.is_left_behind()
                    && self.order.row.as_ref().is_some_and(is_its)
                {
                    self.gaps.note(Wrong::ATTEMPT_LOST);
                }
                match confirmed {
                    _ if !kept => payment(Payment::OrderHasMovedOn),
                    Some(said) => Self::record(number, number, said),
                    None => GoOn(Step::Confirm { intent }),
                }
            }
            Step::Confirm { intent } => self.confirm(run, intent, number, card),
            Step::Look { intent, why, .. } => {
                let now = *intent_of(self.order, intent);
                match why {
                    _ if !has_not_moved(now.status) => Self::record(number, number, observed(&now)),
                    Why::TooLate => payment(Payment::Processing),
                    _ => Self::record(number, number, Payment::Declined),
                }
            }
            Step::RecordPayment { number, read, payment } => self.recorded(number, read, payment),
            _ => self.begin_attempt(number),
        }
    }

    fn begin_attempt(&mut self, number: u8) -> Then {
        match database::begin_attempt(self.order, number, self.guards) {
            Begun::AlreadyDecided(said) => payment(said),
            Begun::OrderHasMovedOn => payment(Payment::OrderHasMovedOn),
            Begun::Go { payment_intent, hold_is_over: true }
                if self.guards.have(Guard::NoChargeAfterHold) =>
            {
                match payment_intent {
                    Some(intent) => GoOn(Step::Look { intent, number, why: Why::TooLate }),
                    None => payment(Payment::Processing),
                }
            }
            Begun::Go { payment_intent: Some(intent), .. } => GoOn(Step::Confirm { intent }),
            Begun::Go { payment_intent: None, .. } => GoOn(Step::Create),
        }
    }

    fn confirm(&mut self, run: Run, intent: u8, number: u8, card: crate::scenario::Card) -> Then {
        let asked = |order: &Order| -> u8 { order.intents[usize::from(intent)].asked.iter().sum() };
        let before = asked(self.order);
        let confirmed =
            provider::confirm(self.order, intent, number, card, self.guards, self.wrong);
        if run.began_late && asked(self.order) > before {
            self.wrong.note(Wrong::CHARGED_LATE);
        }
        let told_declined = |row: &Row| row.declined && row.attempts == number;
        if asked(self.order) > before && self.order.row.as_ref().is_some_and(told_declined) {
            self.gaps.note(Wrong::UNTRUE_ROW);
        }
        let said = match confirmed {
            Confirmed::Intent(status) => of_status(status, false),
            Confirmed::Declined => Payment::Declined,
            Confirmed::Refused => {
                return GoOn(Step::Look { intent, number, why: Why::ConfirmRefused });
            }
        };
        if self.guards.have(Guard::IntentKeptBeforeConfirm) {
            Self::record(number, number, said)
        } else {
            GoOn(Step::KeepIntent { intent, confirmed: Some(said) })
        }
    }

    /// `Payments::inspect`
    fn inspect(&mut self, step: Step) -> Then {
        match step {
            Step::Look { intent, number, .. } => {
                let said = observed(intent_of(self.order, intent));
                let read = number;
                let number = match self.order.row {
                    Some(row) if !self.guards.have(Guard::AttemptReadBeforeLook) => row.attempts,
                    _ => number,
                };
                Self::record(number, read, said)
            }
            Step::RecordPayment { number, read, payment } => self.recorded(number, read, payment),
            _ => match self.order.row {
                Some(row) => match row.payment_intent {
                    Some(intent) => {
                        GoOn(Step::Look { intent, number: row.attempts, why: Why::Inspect })
                    }
                    None => Self::record(row.attempts, row.attempts, Payment::None),
                },
                None => payment(Payment::None),
            },
        }
    }

    /// What is not written down is answered at once.
    const fn record(number: u8, read: u8, said: Payment) -> Then {
        match said {
            Payment::Authorized | Payment::Canceled | Payment::OrderHasMovedOn => payment(said),
            Payment::None | Payment::Declined | Payment::RequiresAction | Payment::Processing => {
                GoOn(Step::RecordPayment { number, read, payment: said })
            }
        }
    }

    fn recorded(&mut self, number: u8, read: u8, said: Payment) -> Then {
        let noted = (&mut *self.wrong, &mut *self.gaps);
        database::record_payment(self.order, number, read, said, self.guards, noted);
        payment(said)
    }

    /// `Payments::capture`
    fn capture(&mut self, step: Step) -> Then {
        match step {
            Step::Captures { intent, was_confirmed } => {
                let is_first = intent_of(self.order, intent).captures == 0;
                if provider::capture(self.order, intent, self.guards) {
                    if is_first && !was_confirmed {
                        self.wrong.note(Wrong::CAPTURED_UNBOUGHT);
                    }
                    return GoOn(Step::RecordCaptured);
                }
                GoOn(Step::Look { intent, number: 0, why: Why::CaptureRefused })
            }
            Step::Look { intent, .. } => match intent_of(self.order, intent).status {
                IntentStatus::Succeeded => GoOn(Step::RecordCaptured),
                IntentStatus::Canceled | IntentStatus::RequiresPaymentMethod => {
                    Then::Answer(Answer::RefusedForGood)
                }
                seen => self.try_again(intent, seen),
            },
            Step::RecordCaptured => {
                database::record_captured(self.order);
                Then::Answer(Answer::Captured)
            }
            _ => {
                let Some(row) = self.order.row else {
                    return Then::Answer(Answer::RefusedForGood);
                };
                let was_confirmed = row.state == OrderState::Confirmed;
                let is_confirmed = was_confirmed || !self.guards.have(Guard::CaptureOnlyConfirmed);
                match row.payment_intent {
                    Some(intent) if is_confirmed => GoOn(Step::Captures { intent, was_confirmed }),
                    _ if row.state.is_bought() => Then::Answer(Answer::Captured),
                    _ => Then::Answer(Answer::RefusedForGood),
                }
            }
        }
    }

    /// `Payments::close` and `Payments::settle`, which share `bring_to_rest`.
    fn close(&mut self, run: Run) -> Then {
        match run.step {
            Step::First => {
                if let Task::SettleIntent { intent } = run.task {
                    return self.retrieve(run, intent);
                }
                if self.guards.have(Guard::ClosingBeforeLook) {
                    database::begin_closing(self.order);
                }
                GoOn(Step::PaymentOf)
            }
            Step::PaymentOf => self.payment_to_close(),
            Step::Create => {
                let intent = provider::create(self.order, self.guards);
                GoOn(Step::KeepIntent { intent, confirmed: None })
            }
            Step::KeepIntent { intent, .. } => {
                database::keep_intent_of_closing(self.order, intent);
                GoOn(Step::Retrieve { intent })
            }
            Step::Retrieve { intent } => self.retrieve(run, intent),
            Step::StillUnpaid { intent, refund } => {
                let is_its = self.order.row.is_some_and(|row| row.payment_intent == Some(intent));
                if is_its && self.order.is_bought() && self.guards.have(Guard::StillUnpaid) {
                    let seen = intent_of(self.order, intent).status;
                    // `close_payment` begins anew and finds it bought; `settle_intent` does not.
                    let bought = matches!(run.task, Task::SettleIntent { .. });
                    return GoOn(Step::TryAgain { intent, seen, bought });
                }
                let was_bought = is_its && self.order.is_bought();
                GoOn(if refund {
                    Step::RefundAll { intent, was_bought }
                } else {
                    Step::Cancel { intent, was_bought }
                })
            }
            Step::Cancel { intent, was_bought } => {
                let cancelled = provider::cancel(self.order, intent);
                if cancelled {
                    intent_of(self.order, intent).cancelled_unseen = run.standing.is_left_behind();
                    self.note_if_bought(intent, was_bought);
                }
                if cancelled || !self.guards.have(Guard::CancelObserved) {
                    GoOn(Step::RecordPaymentCancelled { intent })
                } else {
                    GoOn(Step::Retrieve { intent })
                }
            }
            Step::RefundAll { intent, was_bought } => {
                self.note_if_bought(intent, was_bought);
                provider::refund_all(self.order, intent);
                GoOn(Step::RecordPaymentCancelled { intent })
            }
            Step::RecordPaymentCancelled { intent } => {
                let is_its = self.order.row.is_some_and(|row| row.payment_intent == Some(intent));
                if is_its || matches!(run.task, Task::ClosePayment { .. }) {
                    database::record_payment_cancelled(self.order);
                }
                at_rest(run)
            }
            _ => GoOn(Step::First),
        }
    }

    fn payment_to_close(&self) -> Then {
        let Some(row) = self.order.row else { return Then::Answer(Answer::AtRest) };
        match row.payment_intent {
            _ if row.state.is_bought() => Then::Answer(Answer::PaidInTime),
            Some(intent) => GoOn(Step::Retrieve { intent }),
            None if row.attempts == 0 => Then::Answer(Answer::AtRest),
            None if self.guards.have(Guard::CreateToClose) => GoOn(Step::Create),
            None => Then::Answer(Answer::AtRest),
        }
    }

    /// Looks, and decides as the product does.
    fn retrieve(&mut self, run: Run, intent: u8) -> Then {
        let seen = intent_of(self.order, intent).status;
        let decided = match run.task {
            Task::ClosePayment { reason } => payment::close(reason, seen),
            _ => payment::settle(seen),
        };
        match decided {
            Closing::PaidInTime if !self.guards.have(Guard::PaidInTimeBuys) => {
                GoOn(Step::StillUnpaid { intent, refund: seen == IntentStatus::Succeeded })
            }
            Closing::PaidInTime => Then::Answer(Answer::PaidInTime),
            Closing::CancelIntent if !self.guards.have(Guard::CancelBeforeRelease) => {
                GoOn(Step::RecordPaymentCancelled { intent })
            }
            Closing::Release => GoOn(Step::RecordPaymentCancelled { intent }),
            Closing::CancelIntent => GoOn(Step::StillUnpaid { intent, refund: false }),
            Closing::Refund => GoOn(Step::StillUnpaid { intent, refund: true }),
            Closing::AskAgain => self.try_again(intent, seen),
        }
    }

    fn try_again(&self, intent: u8, seen: IntentStatus) -> Then {
        GoOn(Step::TryAgain { intent, seen, bought: self.order.is_bought() })
    }

    /// The buyer has the unit: their payment is not to be called off, while it can be captured. That
    /// they came to have it since the row was read last is a gap that is known.
    fn note_if_bought(&mut self, intent: u8, was_bought: bool) {
        let is_its = self.order.row.is_some_and(|row| row.payment_intent == Some(intent));
        if is_its && self.order.is_bought() {
            let noted = if was_bought { &mut *self.wrong } else { &mut *self.gaps };
            noted.note(Wrong::BOUGHT_CALLED_OFF);
        }
    }

    fn release(&mut self, end_state: OrderState, by: Caller) -> Then {
        let released = database::release(self.stock, self.order, end_state, self.guards);
        // `conclude` has a grace of its own: see docs/model.md.
        let is_early = self.order.clock < Clock::GraceOver && by == Caller::Checkout;
        let can_move = self.order.intents.iter().any(|intent| match intent.status {
            IntentStatus::Canceled => false,
            IntentStatus::Succeeded => !intent.refunded,
            // Nobody knows its id: it can't be confirmed.
            IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation => {
                self.order.row.is_some_and(|row| row.payment_intent.is_some())
            }
            _ => true,
        });
        if released && is_early && can_move {
            self.wrong.note(Wrong::RELEASED_UNSEEN);
        }
        Then::Answer(Answer::Released)
    }
}

const fn payment(said: Payment) -> Then {
    Then::Answer(Answer::Payment(said))
}

const fn at_rest(run: Run) -> Then {
    Then::Answer(match run.task {
        Task::ClosePayment { .. } => Answer::AtRest,
        _ => Answer::Settled,
    })
}

/// Whether a confirmation has left no trace on the intent.
const fn has_not_moved(status: IntentStatus) -> bool {
    matches!(status, IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation)
}

const fn observed(intent: &crate::state::Intent) -> Payment {
    of_status(intent.status, intent.decline_shown)
}

/// `Payments::observed`
const fn of_status(status: IntentStatus, decline_shown: bool) -> Payment {
    match status {
        IntentStatus::RequiresCapture | IntentStatus::Succeeded => Payment::Authorized,
        IntentStatus::RequiresAction => Payment::RequiresAction,
        IntentStatus::Processing => Payment::Processing,
        IntentStatus::Canceled => Payment::Canceled,
        IntentStatus::RequiresPaymentMethod if decline_shown => Payment::Declined,
        IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation => Payment::None,
    }
}
