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
        Task::InspectPayment { .. } => "inspect_payment",
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
            Task::InspectPayment { .. } | Task::Capture => "payment_of",
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
        Step::ResumeAttempt => "resume_attempt",
        Step::Confirm { .. } => "confirm",
        Step::Look { .. } => "look",
        Step::RecordPayment { .. } => "record_payment",
        Step::Retrieve { .. } => "retrieve",
        Step::BeginCallingOff { .. } => "begin_calling_off",
        Step::StillUnpaid { .. } => "still_unpaid",
        Step::Cancel { .. } => "cancel",
        Step::CallingOffRefused { .. } => "calling_off_refused",
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
    let State { stock, orders, wrong, .. } = state;
    let order = &mut orders[order];
    let mut world = World { stock, order, wrong, guards };
    let copy = world.order.runs[run];
    let then = match copy.task {
        Task::Reserve { run_id } => world.reserve(run_id, copy.step),
        Task::Authorize { .. } => world.authorize(copy),
        Task::InspectPayment { number } => world.inspect(number, copy.step),
        Task::Commit => Then::Answer(world.commit()),
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

    fn commit(&mut self) -> Answer {
        let was_bought = self.order.is_bought();
        let intent = self.order.row.and_then(|row| row.payment_intent);
        let is_canceled = intent
            .is_some_and(|intent| intent_of(self.order, intent).status == IntentStatus::Canceled);
        // Else the bank has let it go by itself.
        let called_off = is_canceled && self.order.clock < Clock::AuthorizationOver;
        let committed = database::commit(self.stock, self.order, self.guards);
        if called_off && committed && !was_bought {
            self.wrong.note(Wrong::BOUGHT_UNPAID);
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
                match confirmed {
                    _ if !kept && self.guards.have(Guard::DecisionReadAgain) => {
                        GoOn(Step::ResumeAttempt)
                    }
                    _ if !kept => self.moved_on(run, number),
                    Some(said) => Self::record(number, said),
                    None => GoOn(Step::Confirm { intent }),
                }
            }
            Step::ResumeAttempt => {
                match database::resume_attempt(self.order, number, self.guards) {
                    Begun::AlreadyDecided(said) => payment(said),
                    Begun::OrderHasMovedOn => self.moved_on(run, number),
                    // It is tried again, with the intent that was kept.
                    Begun::Go { .. } => GoOn(Step::First),
                }
            }
            Step::Confirm { intent } => self.confirm(run, intent, number, card),
            Step::Look { intent, why, .. } => {
                let now = *intent_of(self.order, intent);
                match why {
                    _ if !has_not_moved(now.status) => Self::record(number, observed(&now)),
                    Why::TooLate => payment(Payment::Processing),
                    _ => Self::record(number, Payment::Declined),
                }
            }
            Step::RecordPayment { number, payment } => self.recorded(number, payment),
            _ => self.begin_attempt(number),
        }
    }

    /// The attempt was declined, which leaves its order open: it is not to be called off for that.
    fn moved_on(&mut self, run: Run, number: u8) -> Then {
        let is_its = |row: Row| row.declined && row.attempts == number;
        if !run.standing.is_left_behind() && self.order.row.is_some_and(is_its) {
            self.wrong.note(Wrong::ATTEMPT_LOST);
        }
        payment(Payment::OrderHasMovedOn)
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
            self.wrong.note(Wrong::UNTRUE_ROW);
        }
        let said = match confirmed {
            Confirmed::Intent(status) => of_status(status, false),
            Confirmed::Declined => Payment::Declined,
            Confirmed::Refused => {
                return GoOn(Step::Look { intent, number, why: Why::ConfirmRefused });
            }
        };
        if self.guards.have(Guard::IntentKeptBeforeConfirm) {
            Self::record(number, said)
        } else {
            GoOn(Step::KeepIntent { intent, confirmed: Some(said) })
        }
    }

    /// `Payments::inspect`
    fn inspect(&mut self, number: u8, step: Step) -> Then {
        match (step, self.order.row) {
            (Step::Look { intent, number, why }, _) => {
                let now = *intent_of(self.order, intent);
                if why == Why::TooLate && has_not_moved(now.status) {
                    return payment(Payment::Processing);
                }
                Self::record(number, observed(&now))
            }
            (Step::RecordPayment { number, payment }, _) => self.recorded(number, payment),
            (_, Some(row)) => {
                let says = self.guards.have(Guard::LookOfItsAttempt);
                let number = if says { number } else { row.attempts };
                let is_over = self.order.clock > Clock::HoldOpen;
                let too_late = is_over && self.guards.have(Guard::NoDeclineAfterHold);
                let why = if too_late { Why::TooLate } else { Why::Inspect };
                match row.payment_intent {
                    Some(intent) => GoOn(Step::Look { intent, number, why }),
                    None if too_late => payment(Payment::Processing),
                    None => Self::record(number, Payment::None),
                }
            }
            (_, None) => payment(Payment::None),
        }
    }

    /// What is not written down is answered at once.
    const fn record(number: u8, said: Payment) -> Then {
        match said {
            Payment::Authorized | Payment::Canceled | Payment::OrderHasMovedOn => payment(said),
            Payment::None | Payment::Declined | Payment::RequiresAction | Payment::Processing => {
                GoOn(Step::RecordPayment { number, payment: said })
            }
        }
    }

    fn recorded(&mut self, number: u8, said: Payment) -> Then {
        database::record_payment(self.order, number, said, self.guards, self.wrong);
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
            Step::BeginCallingOff { intent, next } => {
                let begun = database::begin_calling_off(self.order, intent, self.guards);
                GoOn(Step::StillUnpaid { intent, next, begun })
            }
            Step::StillUnpaid { intent, next, begun } => {
                let is_its = self.order.row.is_some_and(|row| row.payment_intent == Some(intent));
                if is_its && self.order.is_bought() && self.guards.have(Guard::StillUnpaid) {
                    let seen = intent_of(self.order, intent).status;
                    // `close_payment` begins anew and finds it bought; `settle_intent` does not.
                    let bought = matches!(run.task, Task::SettleIntent { .. });
                    return GoOn(Step::TryAgain { intent, seen, bought });
                }
                GoOn(match next {
                    Closing::Refund => Step::RefundAll { intent },
                    Closing::Release => Step::RecordPaymentCancelled { intent },
                    _ => Step::Cancel { intent, begun },
                })
            }
            Step::Cancel { intent, begun } => {
                let cancelled = provider::cancel(self.order, intent);
                if cancelled {
                    self.note_if_bought(intent);
                }
                if cancelled || !self.guards.have(Guard::CancelObserved) {
                    GoOn(Step::RecordPaymentCancelled { intent })
                } else if begun && self.guards.have(Guard::RefusalTakenBack) {
                    GoOn(Step::CallingOffRefused { intent })
                } else {
                    GoOn(Step::Retrieve { intent })
                }
            }
            Step::CallingOffRefused { intent } => {
                database::calling_off_refused(self.order);
                GoOn(Step::Retrieve { intent })
            }
            Step::RefundAll { intent } => {
                self.note_if_bought(intent);
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
                GoOn(Step::BeginCallingOff {
                    intent,
                    next: if seen == IntentStatus::Succeeded {
                        Closing::Refund
                    } else {
                        Closing::CancelIntent
                    },
                })
            }
            Closing::PaidInTime => Then::Answer(Answer::PaidInTime),
            Closing::CancelIntent if !self.guards.have(Guard::CancelBeforeRelease) => {
                GoOn(Step::RecordPaymentCancelled { intent })
            }
            Closing::Release if !self.guards.have(Guard::RestIsDecided) => {
                GoOn(Step::RecordPaymentCancelled { intent })
            }
            Closing::Release | Closing::CancelIntent | Closing::Refund => {
                GoOn(Step::BeginCallingOff { intent, next: decided })
            }
            Closing::AskAgain => self.try_again(intent, seen),
        }
    }

    fn try_again(&self, intent: u8, seen: IntentStatus) -> Then {
        GoOn(Step::TryAgain { intent, seen, bought: self.order.is_bought() })
    }

    /// The buyer has the unit: their payment is not to be called off, while it can be captured.
    fn note_if_bought(&mut self, intent: u8) {
        let is_its = self.order.row.is_some_and(|row| row.payment_intent == Some(intent));
        if is_its && self.order.is_bought() {
            self.wrong.note(Wrong::BOUGHT_CALLED_OFF);
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
pub const fn has_not_moved(status: IntentStatus) -> bool {
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
