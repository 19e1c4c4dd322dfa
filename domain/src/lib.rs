//! What an order is and may become.
//!
//! Pure types and decisions: no I/O, no clock, no randomness. Everything that reaches
//! the rest of the system from outside is parsed into one of these types at the door,
//! and is not checked again.

pub mod allocation;
#[cfg(test)]
mod bad_input;
pub mod cart;
pub mod dispute;
pub mod id;
pub mod money;
pub mod order;
pub mod payment;
pub mod reconciliation;
pub mod refund;
pub mod secret;
pub mod webhook;

pub use allocation::{Refusal, ShortLine, StockLine, allocate};
pub use cart::{CartLine, CartLines, Fingerprint, Quantity};
pub use dispute::DisputeStanding;
pub use id::{AttemptId, OrderId, RefundId, Sku};
pub use money::{Currency, Money};
pub use order::{EndReason, OrderState, PaymentState, PricedLine};
pub use payment::{Closing, IntentStatus, PayRefusal};
pub use refund::{RefundAsk, RefundLine, RefundLines, RefundRefusal, RefundState};
pub use secret::{OrderSecret, SecretHash};
