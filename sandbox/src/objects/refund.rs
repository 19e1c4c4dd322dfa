//! Money given back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Money given back (Stripe, "The Refund object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refund {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub payment_intent: String,
    pub charge: String,
    pub reason: Option<String>,
    pub metadata: Map<String, Value>,
    /// Whether it lets go of money that was never captured.
    pub is_release: bool,
}

impl Refund {
    /// The API's view of it.
    pub fn json(&self) -> Value {
        let kind = if self.is_release { "reversal" } else { "refund" };
        json!({
            "id": self.id, "object": "refund", "amount": self.amount, "balance_transaction": null,
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "customer": null, "customer_account": null,
            "destination_details": {"card": {"type": kind}, "type": "card"},
            "metadata": self.metadata, "payment_intent": self.payment_intent,
            "reason": self.reason, "receipt_number": null, "source_transfer_reversal": null,
            "status": "succeeded", "transfer_reversal": null,
        })
    }
}
