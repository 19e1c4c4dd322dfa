//! What a payment may do, decided from what the provider says of its intent.

use serde::{Deserialize, Serialize};

use crate::{EndReason, OrderState};

/// How many declined attempts an order has before no further one is taken.
pub const MOST_ATTEMPTS: u32 = 5;

/// The status of a `PaymentIntent`
/// (Stripe, "The `PaymentIntent` object", attribute `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    /// Nothing has been tried, or the last try was declined.
    RequiresPaymentMethod,
    /// Has a payment method, is not confirmed.
    RequiresConfirmation,
    /// The shopper has to do something.
    RequiresAction,
    /// The provider is still at it.
    Processing,
    /// Authorized: the money is set aside.
    RequiresCapture,
    /// Called off; no money can move on it any more.
    Canceled,
    /// Captured.
    Succeeded,
}

/// Why an attempt to pay is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayRefusal {
    /// The stock is not held yet.
    StillReserving,
    /// Another attempt is under way, or one has succeeded: nothing to do.
    AlreadyUnderWay,
    /// The hold is over.
    HoldEnded,
    /// Five attempts were declined.
    TooManyAttempts,
}

/// Whether an order in `state`, after `attempts` attempts, takes another one.
pub const fn admit_attempt(
    state: OrderState,
    attempts: u32,
    hold_is_over: bool,
) -> Result<(), PayRefusal> {
    match state {
        OrderState::Reserving => Err(PayRefusal::StillReserving),
        OrderState::AwaitingPayment if hold_is_over => Err(PayRefusal::HoldEnded),
        OrderState::AwaitingPayment if attempts >= MOST_ATTEMPTS => {
            Err(PayRefusal::TooManyAttempts)
        }
        OrderState::AwaitingPayment => Ok(()),
        OrderState::Paying
        | OrderState::Confirmed
        | OrderState::Paid
        | OrderState::PartiallyRefunded
        | OrderState::Refunded
        | OrderState::Disputed => Err(PayRefusal::AlreadyUnderWay),
        OrderState::Closing
        | OrderState::Refused
        | OrderState::Expired
        | OrderState::Cancelled
        | OrderState::PaymentFailed => Err(PayRefusal::HoldEnded),
    }
}

/// What closing an unpaid order does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// No money can move any more: the units may go back.
    Release,
    /// Cancel the intent, then look again.
    CancelIntent,
    /// It was paid in time: the order goes forward.
    PaidInTime,
    /// The money has moved on an order that was called off: give it back.
    Refund,
    /// The provider does not know yet: ask again.
    AskAgain,
}

/// Decides what closing does, by why the order ends and what was observed at the provider.
#[must_use]
pub const fn close(reason: EndReason, observed: IntentStatus) -> Closing {
    match (observed, reason) {
        (IntentStatus::Canceled, _) => Closing::Release,
        (
            IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction,
            _,
        )
        | (IntentStatus::RequiresCapture, EndReason::Cancelled) => Closing::CancelIntent,
        (IntentStatus::RequiresCapture | IntentStatus::Succeeded, EndReason::HoldEnded) => {
            Closing::PaidInTime
        }
        (IntentStatus::Succeeded, EndReason::Cancelled) => Closing::Refund,
        (IntentStatus::Processing, _) => Closing::AskAgain,
    }
}

/// Decides what `settle` does with an intent whose order has ended without it.
#[must_use]
pub const fn settle(observed: IntentStatus) -> Closing {
    close(EndReason::Cancelled, observed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_observed_cancellation_releases() {
        use IntentStatus::*;
        for observed in [
            RequiresPaymentMethod,
            RequiresConfirmation,
            RequiresAction,
            Processing,
            RequiresCapture,
            Canceled,
            Succeeded,
        ] {
            for reason in [EndReason::HoldEnded, EndReason::Cancelled] {
                let releases = close(reason, observed) == Closing::Release;
                assert_eq!(releases, observed == Canceled, "{observed:?} {reason:?}");
            }
        }
    }

    #[test]
    fn an_attempt_is_taken_only_while_the_hold_waits_for_one() {
        for &state in OrderState::ALL {
            let taken = admit_attempt(state, 0, false).is_ok();
            assert_eq!(taken, state == OrderState::AwaitingPayment, "{state}");
        }
        assert_eq!(admit_attempt(OrderState::AwaitingPayment, 0, true), Err(PayRefusal::HoldEnded));
        assert_eq!(
            admit_attempt(OrderState::AwaitingPayment, MOST_ATTEMPTS, false),
            Err(PayRefusal::TooManyAttempts)
        );
    }
}
