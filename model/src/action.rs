//! What can happen to an order, and how it reads.

use std::fmt;

use domain::EndReason;

use crate::{scenario::Card, state::Clock};

/// Something that happens to an order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Action {
    pub order: u8,
    pub what: What,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// `PUT /v1/checkouts/{order_id}`: `checkout/<order_id>` is started.
    StartCheckout,
    /// The update `pay` is queued.
    Pay(Card),
    /// The update `cancel`.
    Cancel,
    /// Time goes on.
    Time(Clock),
    /// The workflow `checkout` goes on with what came first.
    Next(Came),
    /// A run of an activity makes its next step.
    Activity { run: u8, task: &'static str, step: &'static str, fate: Fate },
    /// Temporal gives a call up whose time is over; its request may still be on its way.
    GiveUp { run: u8, request_lands: bool },
    /// `hand_over_to_settle`
    HandOver,
    /// The shopper approves at the bank, and the bank decides at once or later.
    Approve { at_once: bool },
    /// The shopper refuses at the bank.
    Refuse,
    /// The bank has thought.
    Decide { approves: bool },
    /// The authorization ends uncaptured.
    Expire,
    /// A stored event is delivered.
    Deliver { event_type: &'static str },
    /// An operator terminates the checkout in the Temporal UI.
    Terminate,
    /// `check_orders` finds the order without a workflow.
    CheckOrders,
    /// Reconciliation begins `conclude/<order_id>`.
    BeginConclude,
    /// `check_payments` finds money that no order is owed, and begins `settle/<payment_intent>`.
    CheckPayments { intent: u8 },
    /// Nothing can go on, and something is owed.
    Stuck,
}

/// What came first for a checkout that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    Pay,
    ProviderSpoke,
    TimeToAsk,
    Ends(EndReason),
}

/// What becomes of a run with its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Goes,
    /// Its worker dies with the answer: the activity begins anew.
    Dies,
    /// Before it, its worker is thought dead: another run begins, this one goes on.
    Unseen,
    /// Before it, it stops, as it was asked to.
    Stops,
    /// It stops when its request is on its way.
    StopsInFlight,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.order > 0 {
            write!(f, "rival: ")?;
        }
        match self.what {
            What::Activity { run, task, step, fate } => {
                write!(f, "{task}")?;
                if run > 0 {
                    write!(f, " (run {run})")?;
                }
                if !step.is_empty() {
                    write!(f, ": {step}")?;
                }
                f.write_str(match fate {
                    Fate::Goes => "",
                    Fate::Dies => ", and its worker dies with the answer",
                    Fate::Unseen => " is next, and another worker begins it anew",
                    Fate::Stops => " is next, and it stops",
                    Fate::StopsInFlight => " is on its way, and it stops",
                })
            }
            what => write!(f, "{what:?}"),
        }
    }
}

impl What {
    /// Nobody has to pay, to cancel, to approve, to die or to terminate: what is right at rest is
    /// right without.
    pub(crate) const fn has_to_happen(&self) -> bool {
        match self {
            Self::Pay(_)
            | Self::Cancel
            | Self::Approve { .. }
            | Self::Refuse
            | Self::Terminate
            | Self::Expire
            | Self::Deliver { .. } => false,
            Self::Activity { fate, .. } => matches!(fate, Fate::Goes),
            _ => true,
        }
    }
}
