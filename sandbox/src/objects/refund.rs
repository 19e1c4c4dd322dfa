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
    #[serde(default)]
    pub status: RefundStatus,
    /// When it succeeds or fails after all, Unix time in milliseconds.
    #[serde(default)]
    pub changes_ms: Option<i64>,
}

/// The statuses of a refund that the sandbox knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    Pending,
    #[default]
    Succeeded,
    Failed,
}

impl RefundStatus {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Refund {
    /// The API's view of it.
    pub fn json(&self) -> Value {
        let kind = if self.is_release { "reversal" } else { "refund" };
        let mut refund = json!({
            "id": self.id, "object": "refund", "amount": self.amount, "balance_transaction": null,
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "customer": null, "customer_account": null,
            "destination_details": {"card": {"type": kind}, "type": "card"},
            "metadata": self.metadata, "payment_intent": self.payment_intent,
            "reason": self.reason, "receipt_number": null, "source_transfer_reversal": null,
            "status": self.status, "transfer_reversal": null,
        });
        match self.status {
            RefundStatus::Pending => refund["pending_reason"] = "processing".into(),
            RefundStatus::Succeeded => {}
            RefundStatus::Failed => {
                refund["failure_balance_transaction"] = Value::Null;
                refund["failure_reason"] = "expired_or_canceled_card".into();
            }
        }
        refund
    }
}
