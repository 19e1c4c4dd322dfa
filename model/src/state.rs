//! What is where: the rows in Postgres, the intents at the provider, the workflows in Temporal, the
//! runs of activities in workers, the events under way.

use domain::{Closing, EndReason, IntentStatus, OrderState, PaymentState};

use crate::scenario::Card;

/// All of it at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub stock: Stock,
    pub orders: Vec<Order>,
    /// How many workers may still die or go on unseen.
    pub faults_left: u8,
    /// What must never happen and did: see `properties`.
    pub wrong: Wrong,
}

/// The row of the one product. It has one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stock {
    pub on_hand: i8,
    pub held: i8,
    pub sold: i8,
}

/// An order, and everything that is about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    pub clock: Clock,
    pub row: Option<Row>,
    pub intents: Vec<Intent>,
    pub checkout: Checkout,
    pub conclude: Conclude,
    /// The payment that `settle` is at.
    pub settle: Option<u8>,
    pub runs: Vec<Run>,
    pub events: Vec<Event>,
    /// Reconciliation has found the order without a workflow, and is about to begin `conclude`.
    pub found: bool,
    /// The provider gave no word within the grace.
    pub given_up: bool,
    /// The shopper or an operator has called it off.
    pub called_off: bool,
}

/// Where time stands for one hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clock {
    HoldOpen,
    HoldOver,
    GraceOver,
    AuthorizationOver,
}

/// The order's row, with its hold and its latest attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub run_id: u8,
    pub state: OrderState,
    pub payment_state: PaymentState,
    /// `payment_attempts`: the number of the latest attempt.
    pub attempts: u8,
    /// Whether the latest attempt's outcome is `declined`.
    pub declined: bool,
    pub payment_intent: Option<u8>,
    pub hold: Hold,
    /// `called_off`: how many calls to cancel or refund are, or may be, on their way.
    pub called_off: u8,
    /// `captured_minor` is above zero.
    pub captured: bool,
}

/// The hold's row; a refused order has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    None,
    Open,
    Committed,
    Released,
}

/// A PaymentIntent, and what its bank was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    pub status: IntentStatus,
    /// Of the confirmation under way.
    pub card: Option<Card>,
    /// `last_payment_error` is set.
    pub decline_shown: bool,
    /// By attempt: how often its card was asked.
    pub asked: [u8; 2],
    /// By attempt: what was answered under its key.
    pub answered: [Option<Answered>; 2],
    /// By attempt: whether the bank said no.
    pub declined: [bool; 2],
    /// Authorized while the hold was open.
    pub in_time: bool,
    /// Authorized when the order had ended.
    pub late: bool,
    pub captures: u8,
    pub refunded: bool,
}

/// What the provider keeps under an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answered {
    Intent(IntentStatus),
    Declined,
}

/// The workflow `checkout/<order_id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checkout {
    pub at: At,
    pub run_id: u8,
    pub state: OrderState,
    pub attempts: u8,
    /// The number of the attempt that was last sent to the provider.
    pub last_sent: u8,
    pub queued: Option<Card>,
    pub cancel_requested: bool,
    pub provider_spoke: bool,
    /// `Undo::ClosePayment` is recorded.
    pub undo_close: bool,
    /// `Undo::FindPayment` is.
    pub undo_find: bool,
}

/// Where the story of a checkout stands: what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    NotStarted,
    Reserve,
    /// For what comes first.
    Next,
    Authorize,
    /// In `follow`, after this was seen.
    Follow(IntentStatus),
    Inspect,
    /// For a call that was cancelled.
    CutShort(EndReason),
    /// `hold_gone` after a commit that was refused: then the payment is cancelled in any case.
    ClosePayment {
        reason: EndReason,
        hold_gone: bool,
    },
    HandOver(EndReason),
    Release(EndReason),
    /// So ends the order if its payment is being called off.
    Commit(EndReason),
    Capture,
    ReturnUnits,
    HandOverFailed,
    Ended,
    Terminated,
}

impl At {
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::NotStarted | Self::Ended | Self::Terminated)
    }
}

/// The workflow `conclude/<order_id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conclude {
    NotRunning,
    Close,
    /// Its grace is over: the units do not wait any longer.
    ReleaseEarly,
    CloseForEver,
    Release,
    Capture,
    ReturnUnits,
    CloseReturned,
}

/// A run of an activity in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    pub task: Task,
    pub step: Step,
    pub by: Caller,
    pub standing: Standing,
    /// It began when the hold was over.
    pub began_late: bool,
}

/// Who waits for it, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    Checkout,
    Conclude,
    Settle,
}

/// How a run stands to whoever called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Its answer is awaited.
    Awaited,
    /// It is asked to stop; its answer is awaited all the same.
    Cancelled,
    /// It is thought dead, and goes on.
    Unseen,
    /// It was stopped with one request on its way, which still lands.
    LastRequest,
}

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    Reserve { run_id: u8 },
    Authorize { number: u8, card: Card },
    InspectPayment { number: u8 },
    Commit,
    Capture,
    ClosePayment { reason: EndReason },
    Release { end_state: OrderState },
    ReturnUnits,
    SettleIntent { intent: u8 },
}

/// Its next statement or request: each happens at once, and others happen between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The first one of its task.
    First,
    /// `reserve` without the lock: writes what it decided by what it read.
    Write {
        available: i8,
    },
    BeginAttempt,
    PaymentOf,
    Create,
    KeepIntent {
        intent: u8,
        confirmed: Option<Payment>,
    },
    ResumeAttempt,
    Confirm {
        intent: u8,
    },
    Look {
        intent: u8,
        number: u8,
        why: Why,
    },
    RecordPayment {
        number: u8,
        payment: Payment,
    },
    Retrieve {
        intent: u8,
    },
    /// Before what is next: a cancel, a refund, or nothing.
    BeginCallingOff {
        intent: u8,
        next: Closing,
    },
    /// `begun`: there is an open hold, which says so.
    StillUnpaid {
        intent: u8,
        next: Closing,
        begun: bool,
    },
    Cancel {
        intent: u8,
        begun: bool,
    },
    CallingOffRefused {
        intent: u8,
    },
    RefundAll {
        intent: u8,
    },
    RecordPaymentCancelled {
        intent: u8,
    },
    /// `was_confirmed` by what was read first.
    Captures {
        intent: u8,
        was_confirmed: bool,
    },
    RecordCaptured,
    /// It is to be tried again; nothing comes of that until this has changed.
    TryAgain {
        intent: u8,
        seen: IntentStatus,
        bought: bool,
    },
}

/// Why a payment is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    Inspect,
    TooLate,
    ConfirmRefused,
    CaptureRefused,
}

/// What an activity says of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payment {
    None,
    Authorized,
    Declined,
    RequiresAction,
    Processing,
    Canceled,
    OrderHasMovedOn,
}

/// A provider's event on its way to the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    pub kind: &'static str,
    pub intent: u8,
    /// How often it may still come.
    pub copies: u8,
}

impl Standing {
    /// Whether its caller has gone on without it.
    pub const fn is_left_behind(self) -> bool {
        matches!(self, Self::Unseen | Self::LastRequest)
    }
}

/// What must never happen, and did; a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wrong(pub u16);

impl Wrong {
    pub const ASKED_TWICE: u16 = 1;
    pub const CHARGED_LATE: u16 = 1 << 1;
    pub const LATE_PAY_TAKEN: u16 = 1 << 2;
    pub const UNTRUE_ROW: u16 = 1 << 3;
    pub const RELEASED_UNSEEN: u16 = 1 << 4;
    pub const BOUGHT_CALLED_OFF: u16 = 1 << 5;
    pub const HELD_UNTRULY: u16 = 1 << 6;
    pub const STUCK: u16 = 1 << 7;
    pub const BOUGHT_UNPAID: u16 = 1 << 8;
    pub const CAPTURED_UNBOUGHT: u16 = 1 << 9;
    pub const ATTEMPT_LOST: u16 = 1 << 10;

    pub const fn has(self, what: u16) -> bool {
        self.0 & what != 0
    }

    pub const fn note(&mut self, what: u16) {
        self.0 |= what;
    }
}

impl Row {
    /// A unit is held for it, or its money is still to be taken.
    pub const fn is_open(&self) -> bool {
        matches!(self.hold, Hold::Open) || matches!(self.state, OrderState::Confirmed)
    }

    /// Nobody asks any more how many calls are on their way.
    pub const fn close_hold(&mut self, hold: Hold) {
        self.hold = hold;
        self.called_off = 0;
    }
}

impl Order {
    pub fn new() -> Self {
        Self {
            clock: Clock::HoldOpen,
            row: None,
            intents: Vec::new(),
            checkout: Checkout {
                at: At::NotStarted,
                run_id: 0,
                state: OrderState::Reserving,
                attempts: 0,
                last_sent: 0,
                queued: None,
                cancel_requested: false,
                provider_spoke: false,
                undo_close: false,
                undo_find: false,
            },
            conclude: Conclude::NotRunning,
            settle: None,
            runs: Vec::new(),
            events: Vec::new(),
            found: false,
            given_up: false,
            called_off: false,
        }
    }

    pub fn is_bought(&self) -> bool {
        self.row.is_some_and(|row| row.state.is_bought())
    }

    pub fn has_ended(&self) -> bool {
        self.row.is_some_and(|row| row.state.has_ended())
    }
}
