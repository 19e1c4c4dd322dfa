//! A charge that the cardholder disputes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Charge;
use crate::cards::Reason;

/// How long evidence may be submitted, in seconds.
const RESPONSE_SECONDS: i64 = 14 * 24 * 3600;

/// A charge that the cardholder disputes (Stripe, "The Dispute object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub created: i64,
    pub charge: String,
    pub payment_intent: String,
    pub amount: i64,
    pub currency: String,
    pub metadata: Map<String, Value>,
    pub status: DisputeStatus,
    #[serde(default)]
    pub reason: Reason,
    pub evidence: Map<String, Value>,
    pub submissions: i64,
}

/// The statuses of a dispute that the sandbox knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

impl DisputeStatus {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

impl Dispute {
    /// The dispute of all that is left of `charge`.
    pub fn of(charge: &Charge, id: String, created: i64) -> Self {
        Self {
            id,
            created,
            charge: charge.id.clone(),
            payment_intent: charge.payment_intent.clone(),
            amount: charge.refundable(),
            currency: charge.currency.clone(),
            metadata: Map::new(),
            status: DisputeStatus::NeedsResponse,
            reason: Reason::default(),
            evidence: Map::new(),
            submissions: 0,
        }
    }

    /// Whether it is decided.
    pub const fn is_closed(&self) -> bool {
        match self.status {
            DisputeStatus::Won | DisputeStatus::Lost => true,
            DisputeStatus::NeedsResponse | DisputeStatus::UnderReview => false,
        }
    }

    /// The API's view of it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "dispute", "amount": self.amount, "balance_transactions": [],
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "enhanced_eligibility_types": [], "evidence": self.evidence_json(),
            "evidence_details": {
                "due_by": self.created + RESPONSE_SECONDS, "enhanced_eligibility": {},
                "has_evidence": !self.evidence.is_empty(), "past_due": false,
                "submission_count": self.submissions,
            },
            "is_charge_refundable": false, "livemode": false, "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "payment_method_details": {"type": "card", "card": {
                "brand": "visa", "case_type": "chargeback", "network_reason_code": self.reason.network_code(),
            }},
            "reason": self.reason, "status": self.status,
        })
    }

    fn evidence_json(&self) -> Value {
        let given = |name: &&str| {
            ((*name).to_owned(), self.evidence.get(*name).cloned().unwrap_or_default())
        };
        Value::Object(EVIDENCE.iter().map(given).collect())
    }
}

/// What evidence consists of (Stripe, "The Dispute object", `evidence`).
pub const EVIDENCE: &[&str] = &[
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];
