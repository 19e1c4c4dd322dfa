//! What to do with something that the payment provider says, given what is known already.

use crate::{OrderState, PaymentState};

/// Where a provider's event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Not a kind of event that means anything to an order.
    Ignore,
    /// About a payment that is not ours.
    Foreign,
    /// The order knows already.
    Known,
    /// A call of ours is under way that will say the same: look again in a moment.
    Wait,
    /// The order's workflow has to look at its payment.
    Wake,
    /// The order has ended without this payment: it has to be cancelled or refunded.
    Settle,
    /// Not before the order is paid or has ended: then it may mean something.
    Later,
    /// Money of the order goes back: somebody has to look at the refund.
    Refund,
    /// The order's payment is disputed: somebody has to look at the dispute.
    Dispute,
}

/// Decides where an event of `event_type` goes, by where its order stands. An event is a wake-up
/// and never a fact, so that an older one can't move an order back.
#[must_use]
pub fn route(event_type: &str, order: Option<(OrderState, PaymentState)>) -> Route {
    use OrderState as O;
    if let Some(on_paid) = about_paid_orders(event_type) {
        return order.map_or(Route::Foreign, |(state, _)| once_paid(state, on_paid));
    }
    let news = match event_type {
        "payment_intent.amount_capturable_updated" => News::Authorized,
        "payment_intent.succeeded" => News::Captured,
        "payment_intent.requires_action" => News::RequiresAction,
        "payment_intent.payment_failed" => News::Declined,
        "payment_intent.canceled" => News::Cancelled,
        "payment_intent.processing" => News::Processing,
        _ => return Route::Ignore,
    };
    let Some((state, payment)) = order else {
        return Route::Foreign;
    };
    match state {
        O::Paid | O::PartiallyRefunded | O::Refunded | O::Disputed => Route::Known,
        O::Confirmed => match news {
            News::Captured => Route::Wait,
            News::Authorized
            | News::RequiresAction
            | News::Declined
            | News::Cancelled
            | News::Processing => Route::Known,
        },
        O::Expired | O::Cancelled | O::PaymentFailed | O::Refused => match news {
            News::Authorized | News::Captured => Route::Settle,
            News::RequiresAction | News::Declined | News::Cancelled | News::Processing => {
                Route::Known
            }
        },
        O::Closing => Route::Known,
        O::Reserving | O::AwaitingPayment | O::Paying => match (news, payment) {
            (News::Declined, PaymentState::Declined)
            | (News::RequiresAction, PaymentState::RequiresAction) => Route::Known,
            (News::RequiresAction | News::Processing, PaymentState::Declined) => Route::Known,
            (_, PaymentState::Processing) => Route::Wait,
            _ => Route::Wake,
        },
    }
}

/// Where an event goes that only a paid order can meet.
fn about_paid_orders(event_type: &str) -> Option<Route> {
    match event_type {
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            Some(Route::Refund)
        }
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => Some(Route::Dispute),
        _ => None,
    }
}

/// An authorization that is let go is told as a refund, too: of an order that has ended unpaid
/// it is nothing, and of one that is not paid yet nobody can tell.
const fn once_paid(state: OrderState, on_paid: Route) -> Route {
    use OrderState as O;
    match state {
        O::Paid | O::PartiallyRefunded | O::Refunded | O::Disputed => on_paid,
        O::Reserving | O::AwaitingPayment | O::Paying | O::Confirmed | O::Closing => Route::Later,
        O::Expired | O::Cancelled | O::PaymentFailed | O::Refused => Route::Known,
    }
}

enum News {
    Authorized,
    Captured,
    RequiresAction,
    Declined,
    Cancelled,
    Processing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_that_comes_after_the_end_is_settled() {
        for end in [OrderState::Expired, OrderState::Cancelled, OrderState::PaymentFailed] {
            for event in ["payment_intent.amount_capturable_updated", "payment_intent.succeeded"] {
                assert_eq!(route(event, Some((end, PaymentState::Cancelled))), Route::Settle);
            }
        }
    }

    #[test]
    fn what_a_paid_order_is_told_again_changes_nothing() {
        for event in ["payment_intent.amount_capturable_updated", "payment_intent.payment_failed"] {
            let order = Some((OrderState::Paid, PaymentState::Captured));
            assert_eq!(route(event, order), Route::Known);
        }
    }

    #[test]
    fn only_of_a_paid_order_is_a_refund_a_refund() {
        let refunded = |state| route("refund.created", Some((state, PaymentState::None)));
        for state in [OrderState::Paid, OrderState::PartiallyRefunded, OrderState::Disputed] {
            assert_eq!(refunded(state), Route::Refund, "{state}");
        }
        for state in [OrderState::Paying, OrderState::Closing, OrderState::Confirmed] {
            assert_eq!(refunded(state), Route::Later, "{state}");
        }
        for state in [OrderState::Cancelled, OrderState::Expired, OrderState::PaymentFailed] {
            assert_eq!(refunded(state), Route::Known, "{state}");
        }
        assert_eq!(route("charge.dispute.created", None), Route::Foreign);
    }

    #[test]
    fn approval_by_the_shopper_wakes_the_order() {
        let order = Some((OrderState::Paying, PaymentState::RequiresAction));
        assert_eq!(route("payment_intent.amount_capturable_updated", order), Route::Wake);
    }

    #[test]
    fn a_payment_that_is_not_ours_is_told_from_an_event_that_means_nothing() {
        assert_eq!(route("payment_intent.succeeded", None), Route::Foreign);
        assert_eq!(route("customer.created", None), Route::Ignore);
    }
}
