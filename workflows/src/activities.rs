//! What the sagas need done. Declared here, with the shapes that travel; done in the crate
//! `activities`. Every one of them may run twice, late, or on two workers at once.

use domain::{
    AttemptId, CartLines, DisputeStanding, EndReason, Fingerprint, Money, OrderId, OrderState,
    RefundId, RefundRefusal, RefundState, Refusal, SecretHash,
};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use time::OffsetDateTime;

use crate::{
    ChangeOutcome, ChangeRequest, Finding, ReconcileInput, RefundRequest, SeenDispute, SeenRefund,
};

/// Asks for stock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reserve {
    /// For which order.
    pub order_id: OrderId,
    /// What to hold.
    pub lines: CartLines,
    /// The total that the shopper saw, if it said so.
    pub expected_total: Option<Money>,
    /// How long to hold it, in milliseconds.
    pub hold_ttl_ms: u64,
    /// Of the order's secret.
    pub secret_hash: SecretHash,
    /// Of the request's body.
    pub fingerprint: Fingerprint,
    /// Whose open holds this one counts among, if they are counted.
    pub client_key: Option<String>,
}

/// What came of asking for stock.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Reservation {
    /// All of it is held.
    Held {
        /// Until when.
        #[serde(with = "time::serde::rfc3339")]
        expires_at: OffsetDateTime,
        /// At which price.
        total: Money,
    },
    /// None of it is held.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// The order belongs to an earlier run, which Temporal has forgotten and we have not.
    TakenByAnotherRun,
}

/// One try to pay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Authorize {
    /// Which order.
    pub order_id: OrderId,
    /// Which try.
    pub attempt_id: AttemptId,
    /// The how-manieth, from 1.
    pub number: u32,
    /// The provider's id of what to charge.
    pub payment_method: String,
}

/// Asks where a payment stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "InspectPaymentInput")]
pub struct InspectPayment {
    /// Which order.
    pub order_id: OrderId,
    /// About which attempt, as [`Authorize::number`]; checkouts that an earlier version runs do not
    /// say.
    pub number: Option<u32>,
}

/// As it is written now, and as the plain id that it was.
#[derive(Deserialize)]
#[serde(untagged)]
enum InspectPaymentInput {
    OfAttempt { order_id: OrderId, number: Option<u32> },
    OfOrder(OrderId),
}

impl From<InspectPaymentInput> for InspectPayment {
    fn from(input: InspectPaymentInput) -> Self {
        match input {
            InspectPaymentInput::OfAttempt { order_id, number } => Self { order_id, number },
            InspectPaymentInput::OfOrder(order_id) => Self { order_id, number: None },
        }
    }
}

/// Where a payment stands, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "payment", rename_all = "snake_case")]
pub enum Payment {
    /// Nothing is under way.
    None,
    /// The money is set aside.
    Authorized,
    /// The card was declined; another attempt may be made.
    Declined {
        /// The provider's code.
        code: String,
    },
    /// The shopper has to do something at the provider.
    RequiresAction,
    /// The provider is still at it.
    Processing,
    /// The provider has called the payment off: nothing can be paid on it any more.
    Canceled,
    /// The order is past paying; nothing was sent to the provider.
    OrderHasMovedOn,
}

/// Whether held units became the buyer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// They are, by this call or an earlier one.
    Committed,
    /// There was no hold any more, or its payment is being called off.
    HoldGone,
}

/// What came of capturing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// The money has moved.
    Captured,
    /// It never will: the authorization is gone.
    RefusedForGood,
}

/// Asks that a payment be brought to rest because its order ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClosePayment {
    /// Which order.
    pub order_id: OrderId,
    /// Why it ends.
    pub reason: EndReason,
}

/// How a payment came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedPayment {
    /// No money can move any more.
    AtRest,
    /// It was paid before the hold ended: the order goes forward.
    PaidInTime,
}

/// Asks that held units go back on the shelf.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Release {
    /// Which order.
    pub order_id: OrderId,
    /// The state that the order ends in.
    pub end_state: OrderState,
}

/// Whether sold units went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnUnits {
    /// They did, by this call or an earlier one.
    Returned,
    /// A capture that was thought lost has gone through: they stay the buyer's.
    PaidAfterAll,
}

/// What came of asking for a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BegunRefund {
    /// It is decided and written down; the provider has to move the money.
    Pending,
    /// It was asked for before, and is over.
    Ended {
        /// How.
        state: RefundState,
    },
    /// It is not to be.
    Refused {
        /// Why.
        refusal: RefundRefusal,
    },
    /// This id was used for another request.
    IdReused,
    /// There is no such order.
    UnknownOrder,
}

/// Where a refund stands, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum RefundStanding {
    /// It is under way.
    Pending,
    /// The money is back.
    Succeeded,
    /// It is not, and will not be.
    Failed {
        /// The provider's word for why.
        why: String,
    },
    /// It gives back nothing that was taken, such as an authorization that is let go.
    NotCounted,
}

/// Asks that the end of a refund be written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FinishRefund {
    /// Which.
    pub refund_id: RefundId,
    /// How it ended.
    pub standing: RefundStanding,
}

/// What one side of a reconciliation came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Checked {
    /// How many were looked at.
    pub checked: u64,
    /// What does not agree.
    pub findings: Vec<Finding>,
}

/// Asks that a finding be written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordFinding {
    /// What was found.
    pub finding: Finding,
    /// Whether its repair was begun.
    pub begun: bool,
}

/// The activities of the sagas. Those marked local touch only our own database.
pub struct SagaActivities;

#[activity_definitions]
impl SagaActivities {
    /// Local. Holds all lines of an order, or none; writes the order.
    #[activity(name = "reserve")]
    pub fn reserve(input: Reserve) -> Result<Reservation, ActivityError> {
        unimplemented!()
    }

    /// Has the provider set the money aside.
    #[activity(name = "authorize")]
    pub fn authorize(input: Authorize) -> Result<Payment, ActivityError> {
        unimplemented!()
    }

    /// Asks the provider where the order's payment stands.
    #[activity(name = "inspect_payment")]
    pub fn inspect_payment(input: InspectPayment) -> Result<Payment, ActivityError> {
        unimplemented!()
    }

    /// Local. Makes the held units the buyer's.
    #[activity(name = "commit")]
    pub fn commit(order_id: OrderId) -> Result<Commit, ActivityError> {
        unimplemented!()
    }

    /// Has the provider move the money.
    #[activity(name = "capture")]
    pub fn capture(order_id: OrderId) -> Result<Capture, ActivityError> {
        unimplemented!()
    }

    /// Undo of `authorize`: no attempt may begin any more, and the intent comes to rest.
    #[activity(name = "close_payment")]
    pub fn close_payment(input: ClosePayment) -> Result<ClosedPayment, ActivityError> {
        unimplemented!()
    }

    /// Local. Undo of `reserve`: the units go back, the order ends.
    #[activity(name = "release")]
    pub fn release(input: Release) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Local. Undo of `commit`: sold units go back, the order ends as `payment_failed`.
    #[activity(name = "return_units")]
    pub fn return_units(order_id: OrderId) -> Result<ReturnUnits, ActivityError> {
        unimplemented!()
    }

    /// Local. The provider's id of the order's payment, if it has one.
    #[activity(name = "payment_intent_of")]
    pub fn payment_intent_of(order_id: OrderId) -> Result<Option<String>, ActivityError> {
        unimplemented!()
    }

    /// Cancels or refunds an intent whose order has ended without it.
    #[activity(name = "settle_intent")]
    pub fn settle_intent(payment_intent: String) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Local. Decides what a refund is worth and writes it down, with its audit row.
    #[activity(name = "begin_refund")]
    pub fn begin_refund(request: RefundRequest) -> Result<BegunRefund, ActivityError> {
        unimplemented!()
    }

    /// Has the provider give the money of a refund back.
    #[activity(name = "send_refund")]
    pub fn send_refund(refund_id: RefundId) -> Result<RefundStanding, ActivityError> {
        unimplemented!()
    }

    /// Asks the provider where a refund stands; one that was made there is written down.
    #[activity(name = "look_at_refund")]
    pub fn look_at_refund(seen: SeenRefund) -> Result<RefundStanding, ActivityError> {
        unimplemented!()
    }

    /// Local. Writes down how a refund ended; units go back on the shelf.
    #[activity(name = "finish_refund")]
    pub fn finish_refund(input: FinishRefund) -> Result<RefundState, ActivityError> {
        unimplemented!()
    }

    /// Asks the provider where a dispute stands, and brings the order in step with it.
    #[activity(name = "look_at_dispute")]
    pub fn look_at_dispute(seen: SeenDispute) -> Result<DisputeStanding, ActivityError> {
        unimplemented!()
    }

    /// Local. Writes down that this run of a reconciliation has begun; asked for, it is audited.
    #[activity(name = "begin_reconciliation")]
    pub fn begin_reconciliation(input: ReconcileInput) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Looks for open orders and refunds without a workflow, and for stock that does not add up.
    #[activity(name = "check_orders")]
    pub fn check_orders(input: ReconcileInput) -> Result<Checked, ActivityError> {
        unimplemented!()
    }

    /// Holds the provider's payments, refunds and disputes against ours.
    #[activity(name = "check_payments")]
    pub fn check_payments(input: ReconcileInput) -> Result<Checked, ActivityError> {
        unimplemented!()
    }

    /// Local. Writes down a finding; a repair that was begun is audited.
    #[activity(name = "record_finding")]
    pub fn record_finding(input: RecordFinding) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Local. Writes down that this run has ended, and how many orders and payments it looked at.
    #[activity(name = "finish_reconciliation")]
    pub fn finish_reconciliation(checked: (u64, u64)) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Local. Makes an operator's change, with its audit row.
    #[activity(name = "apply_change")]
    pub fn apply_change(request: ChangeRequest) -> Result<ChangeOutcome, ActivityError> {
        unimplemented!()
    }
}

/// The declarations as types, for the crate that binds each to what does it.
pub mod declared {
    pub use super::saga_activities::*;
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_look_that_an_earlier_version_asks_for_is_one_at_the_latest_attempt() {
        let order_id = OrderId(Uuid::from_u128(7));
        let earlier: InspectPayment = from_value(json!(order_id)).unwrap();
        assert_eq!((earlier.order_id, earlier.number), (order_id, None));
        let asked = InspectPayment { order_id, number: Some(2) };
        let read: InspectPayment = from_value(to_value(asked).unwrap()).unwrap();
        assert_eq!((read.order_id, read.number), (order_id, Some(2)));
    }
}
