//! The sagas: what happens to an order, in which order, and how it is undone.
//!
//! Workflow code is replayed from history, so that nothing here reads a clock, an environment
//! variable, a random number or the order of a hash map (`clippy.toml` forbids them). What has
//! to be done outside is declared in [`activities`] and done by the crate of that name.

pub mod activities;
pub mod checkout;
pub mod conclude;
pub mod dispute;
pub mod operator;
mod patience;
pub mod reconcile;
pub mod refund;
pub mod search;
pub mod settle;

pub use checkout::{
    CancelAnswer, Checkout, CheckoutInput, CheckoutMemo, CheckoutStatus, Pay, PayAnswer,
    PaymentEvent,
};
pub use conclude::Conclude;
pub use dispute::{Dispute, SeenDispute};
pub use operator::{Change, ChangeOutcome, ChangeRequest, Operator, StockLevel};
pub use reconcile::{Finding, FindingKind, Reconcile, ReconcileInput, Repair};
pub use refund::{Refund, RefundEnd, RefundEvent, RefundInput, RefundRequest, SeenRefund};
pub use settle::{Settle, SettleInput};

/// The task queue that every worker of ours polls.
pub const TASK_QUEUE: &str = "checkout";
