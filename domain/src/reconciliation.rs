//! What is said of a payment when the provider's books are held against the shop's.

use crate::{IntentStatus, OrderState};

/// A payment, as the provider has it; minor units.
#[derive(Clone, Copy, Debug)]
pub struct AtProvider {
    /// Where it stands.
    pub status: IntentStatus,
    /// Taken.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
}

impl AtProvider {
    /// Whether no money is set aside or taken on it, and none can be.
    const fn is_at_rest(self) -> bool {
        match self.status {
            IntentStatus::Canceled => true,
            IntentStatus::Succeeded => self.refunded >= self.captured,
            IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction
            | IntentStatus::Processing
            | IntentStatus::RequiresCapture => false,
        }
    }
}

/// The order that a payment names, by the shop's books; minor units.
#[derive(Clone, Copy, Debug)]
pub struct InBooks {
    /// Where it stands.
    pub state: OrderState,
    /// Whether this is the order's one payment.
    pub is_its_payment: bool,
    /// Taken.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
    /// On its way back.
    pub pending: i64,
}

/// What comes of holding one against the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They agree, or the order's workflow is about to see to it.
    Agrees,
    /// There is money on it, or can be, and no order that it is for: it has to be settled.
    LeftOver,
    /// The order is paid by another payment: a person has to look.
    SecondPayment,
    /// Another sum was taken than the order has.
    CapturedDiffers,
    /// Another sum was given back than the order has.
    RefundedDiffers,
}

/// Holds a payment against the order that it names; none when the shop has no such order.
#[must_use]
pub fn judge(payment: AtProvider, order: Option<InBooks>) -> Verdict {
    use OrderState as O;
    let left_over = || if payment.is_at_rest() { Verdict::Agrees } else { Verdict::LeftOver };
    let Some(order) = order else { return left_over() };
    match order.state {
        O::Reserving | O::AwaitingPayment | O::Paying | O::Confirmed | O::Closing => {
            Verdict::Agrees
        }
        O::Refused | O::Expired | O::Cancelled | O::PaymentFailed => left_over(),
        O::Paid | O::PartiallyRefunded | O::Refunded | O::Disputed => {
            if !order.is_its_payment {
                if payment.is_at_rest() { Verdict::Agrees } else { Verdict::SecondPayment }
            } else if payment.captured != order.captured {
                Verdict::CapturedDiffers
            } else if (order.refunded..=order.refunded + order.pending).contains(&payment.refunded)
            {
                Verdict::Agrees
            } else {
                Verdict::RefundedDiffers
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAID: AtProvider =
        AtProvider { status: IntentStatus::Succeeded, captured: 500, refunded: 0 };

    fn order(state: OrderState) -> InBooks {
        let captured = if state.is_bought() { 500 } else { 0 };
        InBooks { state, is_its_payment: true, captured, refunded: 0, pending: 0 }
    }

    #[test]
    fn money_without_an_order_that_it_is_for_is_left_over() {
        let authorized = AtProvider { status: IntentStatus::RequiresCapture, ..PAID };
        for state in [OrderState::Expired, OrderState::Cancelled, OrderState::PaymentFailed] {
            assert_eq!(judge(PAID, Some(order(state))), Verdict::LeftOver, "{state}");
            assert_eq!(judge(authorized, Some(order(state))), Verdict::LeftOver, "{state}");
        }
        assert_eq!(judge(authorized, None), Verdict::LeftOver);
        assert_eq!(judge(AtProvider { refunded: 500, ..PAID }, None), Verdict::Agrees);
    }

    #[test]
    fn an_open_order_is_its_workflows() {
        for state in [OrderState::Paying, OrderState::Closing, OrderState::Confirmed] {
            assert_eq!(judge(PAID, Some(order(state))), Verdict::Agrees, "{state}");
        }
    }

    #[test]
    fn sums_agree_or_are_told() {
        let paid = order(OrderState::Paid);
        assert_eq!(judge(PAID, Some(paid)), Verdict::Agrees);
        assert_eq!(
            judge(AtProvider { captured: 400, ..PAID }, Some(paid)),
            Verdict::CapturedDiffers
        );
        let given_back = AtProvider { refunded: 200, ..PAID };
        assert_eq!(judge(given_back, Some(paid)), Verdict::RefundedDiffers);
        assert_eq!(judge(given_back, Some(InBooks { pending: 200, ..paid })), Verdict::Agrees);
    }

    #[test]
    fn a_second_payment_of_a_paid_order_is_for_a_person() {
        let other = InBooks { is_its_payment: false, ..order(OrderState::Paid) };
        assert_eq!(judge(PAID, Some(other)), Verdict::SecondPayment);
    }
}
