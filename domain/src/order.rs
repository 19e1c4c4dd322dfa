//! The states of an order and of its payment, as shoppers and operators see them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Money, Quantity, Sku};

/// Declares an enum whose text form is the same in JSON, in Postgres and in Temporal.
macro_rules! named_states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value, in the order of an order's life.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name used in JSON, in Postgres and in Temporal's search attributes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownState;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(UnknownState(text.to_owned())),
                }
            }
        }
    };
}

/// A text that names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' names no state")]
pub struct UnknownState(pub String);

named_states!(
    /// Where an order stands.
    OrderState {
        /// The stock has been asked for; the answer is not known yet.
        Reserving => "reserving",
        /// The units are held; nobody has paid yet.
        AwaitingPayment => "awaiting_payment",
        /// An attempt to pay is under way.
        Paying => "paying",
        /// Money authorized, units the buyer's for good.
        Confirmed => "confirmed",
        /// On the way out; the provider's word is awaited.
        Closing => "closing",
        /// Nothing was held.
        Refused => "refused",
        /// The hold ran out.
        Expired => "expired",
        /// The shopper, or an operator, called it off.
        Cancelled => "cancelled",
        /// The capture was refused for good; the units went back.
        PaymentFailed => "payment_failed",
        /// Captured.
        Paid => "paid",
        /// Paid, and some of it given back.
        PartiallyRefunded => "partially_refunded",
        /// Paid, and all of it given back.
        Refunded => "refunded",
        /// Paid, and the cardholder disputes it.
        Disputed => "disputed",
    }
);

impl OrderState {
    /// Whether the checkout is over: its event stream closes here.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Reserving
            | Self::AwaitingPayment
            | Self::Paying
            | Self::Confirmed
            | Self::Closing => false,
            Self::Refused
            | Self::Expired
            | Self::Cancelled
            | Self::PaymentFailed
            | Self::Paid
            | Self::PartiallyRefunded
            | Self::Refunded
            | Self::Disputed => true,
        }
    }

    /// Whether the units are the buyer's, so that nothing can be called off any more.
    #[must_use]
    pub const fn is_bought(self) -> bool {
        match self {
            Self::Confirmed
            | Self::Paid
            | Self::PartiallyRefunded
            | Self::Refunded
            | Self::Disputed => true,
            Self::Reserving
            | Self::AwaitingPayment
            | Self::Paying
            | Self::Closing
            | Self::Refused
            | Self::Expired
            | Self::Cancelled
            | Self::PaymentFailed => false,
        }
    }
}

named_states!(
    /// Where an order's payment stands.
    PaymentState {
        /// Nobody has tried to pay.
        None => "none",
        /// An attempt is queued or with the provider.
        Processing => "processing",
        /// The shopper has to do something at the provider, such as 3-D Secure.
        RequiresAction => "requires_action",
        /// The last attempt was declined.
        Declined => "declined",
        /// The money is set aside.
        Authorized => "authorized",
        /// The money has moved.
        Captured => "captured",
        /// The provider has cancelled the payment.
        Cancelled => "cancelled",
    }
);

/// Why an unpaid order ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The hold's time is up.
    HoldEnded,
    /// Somebody called it off.
    Cancelled,
}

impl EndReason {
    /// The state that an order ends in for this reason.
    #[must_use]
    pub const fn end_state(self) -> OrderState {
        match self {
            Self::HoldEnded => OrderState::Expired,
            Self::Cancelled => OrderState::Cancelled,
        }
    }
}

/// A line with the price at which it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedLine {
    /// Which product.
    pub sku: Sku,
    /// Its name when it was held.
    pub name: String,
    /// How many of it.
    pub quantity: Quantity,
    /// For one unit.
    pub unit_price: Money,
}

impl PricedLine {
    /// The price of the whole line; `None` when it does not fit.
    #[must_use]
    pub fn total(&self) -> Option<Money> {
        self.unit_price.times(self.quantity.get())
    }
}

/// The sum of `lines`; `None` for none, for two currencies, or when it does not fit.
#[must_use]
pub fn total(lines: &[PricedLine]) -> Option<Money> {
    let (first, rest) = lines.split_first()?;
    rest.iter().try_fold(first.total()?, |sum, line| sum.plus(line.total()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_name() {
        for state in OrderState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        for state in PaymentState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
    }

    #[test]
    fn an_order_that_is_bought_was_never_unpaid_at_its_end() {
        for reason in [EndReason::HoldEnded, EndReason::Cancelled] {
            assert!(reason.end_state().has_ended());
            assert!(!reason.end_state().is_bought());
        }
    }
}
