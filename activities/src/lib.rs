//! What the sagas do: Postgres writes and the payment provider.
//!
//! Each activity is bound here to its declaration in `workflows` and is thin; the work is in
//! [`inventory`], [`orders`], [`attempts`], [`payments`], [`refunds`], [`disputes`],
//! [`operator_changes`] and [`reconciliation`]. What is counted of it is in [`funnel`].
//! Every one of them may run twice, late, or on two workers at once: what protects the order is
//! the state of its row, never a clock and never the workflow's memory.

pub mod attempts;
pub mod batches;
pub mod changes;
pub mod database;
pub mod disputes;
pub mod funnel;
pub mod inbox;
pub mod inventory;
pub mod metrics;
pub mod operator_changes;
pub mod orders;
pub mod payments;
pub mod provider;
pub mod reconciliation;
pub mod refunds;

mod pause;
mod saga;

pub use changes::{ChangeSink, Changes, HeldOrder, Turn};
pub use database::Database;
pub use provider::Provider;
pub use reconciliation::Reconciler;
pub use saga::Saga;
