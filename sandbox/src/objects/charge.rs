//! An attempt to take a payment's money.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{PaymentMethod, with_nulls};

/// What a charge of the sandbox never has.
const NOT_HERE: [&str; 18] = [
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "calculated_statement_descriptor",
    "customer",
    "failure_balance_transaction",
    "on_behalf_of",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
];

/// An attempt to take a payment's money (Stripe, "The Charge object"). Amounts are minor units.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    pub created: i64,
    pub payment_intent: String,
    pub payment_method: String,
    /// The payment method as it was, unless it is one that is always there.
    #[serde(default)]
    pub paid_with: Option<PaymentMethod>,
    pub amount: i64,
    pub currency: String,
    pub description: Option<String>,
    pub metadata: Map<String, Value>,
    /// The error, if the card was declined.
    pub failure: Option<Value>,
    pub captured: i64,
    /// Given back of what was captured.
    pub refunded: i64,
    /// Set aside once, and let go uncaptured.
    pub released: i64,
    pub disputed: bool,
    /// Whether the shopper approved it with their bank.
    pub authenticated: bool,
    /// When the authorization ends, Unix time in seconds.
    pub capture_before: i64,
}

impl Charge {
    /// What may still be given back.
    pub const fn refundable(&self) -> i64 {
        self.captured - self.refunded
    }

    /// What it was paid with.
    pub fn method(&self) -> Option<PaymentMethod> {
        self.paid_with.clone().or_else(|| PaymentMethod::built_in(&self.payment_method))
    }

    /// The API's view of it. What is let go uncaptured counts as refunded.
    pub fn json(&self) -> Value {
        let failure = |name: &str| self.failure.as_ref().map(|failure| &failure[name]);
        let status = if self.failure.is_some() { "failed" } else { "succeeded" };
        let amount_refunded = self.refunded + self.released;
        let method = self.method();
        let charge = json!({
            "id": self.id, "object": "charge", "amount": self.amount,
            "amount_captured": self.captured, "amount_refunded": amount_refunded,
            "billing_details": method.as_ref().map(PaymentMethod::billing_details_json), "captured": self.captured > 0,
            "created": self.created, "currency": self.currency, "description": self.description,
            "disputed": self.disputed, "failure_code": failure("code"),
            "failure_message": failure("message"), "fraud_details": {}, "livemode": false,
            "metadata": self.metadata, "outcome": self.outcome(),
            "paid": self.failure.is_none(), "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": method.and_then(|method| self.method_details(&method)),
            "refunded": amount_refunded == self.amount, "status": status,
        });
        with_nulls(charge, &NOT_HERE)
    }

    fn outcome(&self) -> Value {
        let why = self.failure.as_ref().map(|failure| &failure["decline_code"]);
        let (network, kind, told) = match why {
            None => ("approved_by_network", "authorized", "Payment complete."),
            Some(_) => (
                "declined_by_network",
                "issuer_declined",
                "The bank did not return any further details with this decline.",
            ),
        };
        json!({
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": network, "reason": why, "risk_level": "normal", "risk_score": 20,
            "seller_message": told, "type": kind,
        })
    }

    fn method_details(&self, method: &PaymentMethod) -> Option<Value> {
        let card = method.card()?;
        let three_d_secure = self.authenticated.then(|| {
            json!({
                "authentication_flow": "challenge", "electronic_commerce_indicator": "05",
                "exemption_indicator": null, "result": "authenticated", "result_reason": null,
                "transaction_id": null, "version": "2.2.0",
            })
        });
        let capture_before = self.failure.is_none().then_some(self.capture_before);
        Some(json!({"type": "card", "card": {
            "amount_authorized": self.failure.is_none().then_some(self.amount),
            "authorization_code": null, "brand": card.brand, "capture_before": capture_before,
            "checks": method.checks("pass"), "country": "US", "exp_month": method.exp_month,
            "exp_year": method.exp_year,
            "extended_authorization": {"status": "disabled"},
            "fingerprint": card.fingerprint(), "funding": card.funding,
            "incremental_authorization": {"status": "unavailable"}, "installments": null,
            "last4": card.last4(), "mandate": null, "multicapture": {"status": "unavailable"},
            "network": card.brand, "network_token": {"used": false},
            "overcapture": {"maximum_amount_capturable": self.amount, "status": "unavailable"},
            "regulated_status": "unregulated", "three_d_secure": three_d_secure, "wallet": null,
        }}))
    }
}
