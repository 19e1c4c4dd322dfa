//! A payment.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::with_nulls;

/// What a payment of the sandbox never has.
const NOT_HERE: [&str; 10] = [
    "application",
    "application_fee_amount",
    "customer",
    "customer_account",
    "excluded_payment_method_types",
    "on_behalf_of",
    "payment_method_configuration_details",
    "review",
    "source",
    "transfer_data",
];

/// A payment (Stripe, "The `PaymentIntent` object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    pub client_secret: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub capture_method: CaptureMethod,
    pub status: Status,
    pub payment_method: Option<String>,
    pub payment_method_types: Vec<String>,
    pub automatic_payment_methods: Option<Value>,
    pub metadata: Map<String, Value>,
    pub description: Option<String>,
    pub receipt_email: Option<String>,
    pub return_url: Option<String>,
    /// What was captured, in minor units.
    pub captured: i64,
    pub latest_charge: Option<String>,
    pub last_payment_error: Option<Value>,
    pub canceled_at: Option<i64>,
    pub cancellation_reason: Option<String>,
    pub next_action_url: Option<String>,
    /// When the bank decides, in milliseconds: while it is processing, and not for ever.
    #[serde(default)]
    pub decided_ms: Option<i64>,
    /// When the authorization ends, Unix time in seconds: once there is one.
    #[serde(default)]
    pub capture_before: Option<i64>,
    /// What is kept only to be shown again.
    pub shown_again: Map<String, Value>,
}

/// When the money is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMethod {
    Automatic,
    AutomaticAsync,
    Manual,
}

/// The statuses of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
}

impl Status {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }

    /// Whether nothing is charged yet.
    pub const fn is_before_charge(self) -> bool {
        match self {
            Self::RequiresPaymentMethod | Self::RequiresConfirmation | Self::RequiresAction => true,
            Self::Processing | Self::RequiresCapture | Self::Canceled | Self::Succeeded => false,
        }
    }
}

impl Intent {
    /// What may be captured now.
    pub const fn capturable(&self) -> i64 {
        if matches!(self.status, Status::RequiresCapture) { self.amount } else { 0 }
    }

    /// When it changes by itself: the bank decides, or the authorization ends.
    pub const fn due_ms(&self) -> Option<i64> {
        match (self.status, self.capture_before) {
            (Status::Processing, _) => self.decided_ms,
            (Status::RequiresCapture, Some(capture_before)) => Some(capture_before * 1_000),
            _ => None,
        }
    }

    /// The API's view of it.
    pub fn json(&self) -> Value {
        let next_action = self.next_action_url.as_ref().map(|url| {
            let back = &self.return_url;
            json!({"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": back}})
        });
        let processing = (self.status == Status::Processing)
            .then(|| json!({"type": "card", "card": {"customer_notification": null}}));
        let shown_again = |name: &str| self.shown_again.get(name).cloned().unwrap_or_default();
        let intent = json!({
            "id": self.id, "object": "payment_intent", "amount": self.amount,
            "amount_capturable": self.capturable(), "amount_details": {"tip": {}},
            "amount_received": self.captured,
            "automatic_payment_methods": self.automatic_payment_methods,
            "canceled_at": self.canceled_at, "cancellation_reason": self.cancellation_reason,
            "capture_method": self.capture_method, "client_secret": self.client_secret,
            "confirmation_method": "automatic", "created": self.created,
            "currency": self.currency, "description": self.description,
            "last_payment_error": self.last_payment_error, "latest_charge": self.latest_charge,
            "livemode": false, "metadata": self.metadata, "next_action": next_action,
            "payment_method": self.payment_method,
            "payment_method_options": {"card": {
                "installments": null, "mandate_options": null, "network": null,
                "request_three_d_secure": "automatic",
            }},
            "payment_method_types": self.payment_method_types,
            "processing": processing, "receipt_email": self.receipt_email,
            "setup_future_usage": shown_again("setup_future_usage"),
            "shipping": shown_again("shipping"),
            "statement_descriptor": shown_again("statement_descriptor"),
            "statement_descriptor_suffix": shown_again("statement_descriptor_suffix"),
            "status": self.status, "transfer_group": shown_again("transfer_group"),
        });
        with_nulls(intent, &NOT_HERE)
    }
}
