//! The checkout workflow's public face: what it is started with, told and asked.

use domain::{
    AttemptId, CartLines, Fingerprint, Money, OrderId, OrderState, PayRefusal, PricedLine,
    SecretHash,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What a checkout is started with. Nothing personal: histories are kept and shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckoutInput {
    /// Which order.
    pub order_id: OrderId,
    /// What the shopper wants.
    pub lines: CartLines,
    /// The total that the shopper saw, if it said so.
    pub expected_total: Option<Money>,
    /// Of the order's secret.
    pub secret_hash: SecretHash,
    /// Of the request's body.
    pub fingerprint: Fingerprint,
    /// How long the hold lasts, in milliseconds; fixed for this order.
    pub hold_ttl_ms: u64,
    /// How long past it a hold is kept while the provider can't be asked, in milliseconds.
    pub expiry_grace_ms: u64,
    /// A keyed hash of the shopper's address, where open holds are counted by address.
    pub client_key: Option<String>,
}

/// What the API needs to answer for an order whose row is not written yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckoutMemo {
    /// Of the order's secret.
    pub secret_hash: SecretHash,
    /// Of the request's body.
    pub fingerprint: Fingerprint,
    /// The lines at the prices that the API knew.
    pub lines: Vec<PricedLine>,
    /// Their sum.
    pub total: Money,
}

impl CheckoutMemo {
    /// The memo's only key.
    pub const KEY: &'static str = "checkout";
}

/// The shopper's try to pay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pay {
    /// Which try: also the update's id.
    pub attempt_id: AttemptId,
    /// The provider's id of what to charge.
    pub payment_method: String,
    /// How many attempts the shopper's view of the waiting order had. The order's row can be ahead
    /// of its workflow for a moment; a shopper who acts on it is right.
    pub seen_attempts: u32,
}

/// What becomes of a try to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum PayAnswer {
    /// It will be made.
    Queued {
        /// The how-manieth it is, from 1.
        number: u32,
    },
    /// It will not.
    Refused {
        /// Why.
        refusal: PayRefusal,
    },
}

/// What becomes of calling an order off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelAnswer {
    /// It is being called off, or has ended.
    Cancelling,
    /// The units are the buyer's.
    AlreadyPaid,
}

/// Says that the provider has said something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PaymentEvent {
    /// The provider's id of the event.
    pub event_id: String,
}

/// Where an order stands, as its workflow knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckoutStatus {
    /// The state.
    pub state: OrderState,
    /// Attempts to pay so far.
    pub attempts: u32,
    /// When the hold ends, once there is one.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}
