//! What the sandbox keeps, and how Stripe's API shows it.

mod charge;
mod delivery;
mod dispute;
mod endpoint;
mod event;
mod intent;
mod payment_method;
mod refund;

pub use charge::Charge;
pub use delivery::Delivery;
pub use dispute::{Dispute, DisputeStatus};
pub use endpoint::Endpoint;
pub use event::Event;
pub use intent::{CaptureMethod, Intent, Status};
pub use payment_method::PaymentMethod;
pub use refund::{Refund, RefundStatus};

use serde_json::Value;

/// The version of Stripe's API whose shapes these are.
pub const API_VERSION: &str = "2025-06-30.basil";

/// An object with members that are always null here.
fn with_nulls(mut object: Value, names: &[&str]) -> Value {
    for name in names {
        object[*name] = Value::Null;
    }
    object
}

/// Something with an id and a time, that can be listed.
pub trait Listed {
    /// Unix time at which it was made, in seconds.
    fn created(&self) -> i64;
}

macro_rules! listed {
    ($($object:ty),*) => {
        $(impl Listed for $object {
            fn created(&self) -> i64 {
                self.created
            }
        })*
    };
}

listed!(Intent, PaymentMethod, Charge, Refund, Dispute, Event, Endpoint);
