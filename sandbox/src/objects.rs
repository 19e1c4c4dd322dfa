//! What the sandbox keeps, and how Stripe's API shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A payment (Stripe, "The `PaymentIntent` object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intent {
    pub id: String,
    pub client_secret: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub manual_capture: bool,
    pub status: Status,
    pub payment_method: Option<String>,
    pub payment_method_types: Vec<String>,
    pub metadata: Map<String, Value>,
    pub description: Option<String>,
    pub receipt_email: Option<String>,
    pub return_url: Option<String>,
    pub captured: i64,
    pub charge: Option<Charge>,
    pub last_payment_error: Option<Value>,
    pub canceled_at: Option<i64>,
    pub cancellation_reason: Option<String>,
    pub next_action_url: Option<String>,
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

/// The charge of a payment that was confirmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Charge {
    pub id: String,
    pub created: i64,
    pub refunded: i64,
    pub disputed: bool,
    pub capture_before: i64,
}

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
    pub status: String,
}

/// Something that happened (Stripe, "The Event object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub created: i64,
    pub kind: String,
    pub object: Value,
    pub idempotency_key: Option<String>,
}

/// Where events are sent (Stripe, "The Webhook Endpoint object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: String,
    pub created: i64,
    pub url: String,
    pub secret: String,
    pub enabled_events: Vec<String>,
}

/// An event on its way to an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    pub id: String,
    pub event: String,
    pub endpoint: String,
    pub attempts: u32,
    pub due_ms: i64,
    pub done: bool,
    pub last_result: Option<String>,
}

impl Intent {
    /// What may be captured now.
    pub const fn capturable(&self) -> i64 {
        if matches!(self.status, Status::RequiresCapture) { self.amount } else { 0 }
    }

    /// The API's view of it.
    pub fn json(&self) -> Value {
        let next_action = self.next_action_url.as_ref().map(|url| {
            let back = self.return_url.clone();
            json!({"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": back}})
        });
        json!({
            "id": self.id, "object": "payment_intent", "livemode": false,
            "created": self.created, "amount": self.amount, "currency": self.currency,
            "amount_capturable": self.capturable(), "amount_received": self.captured,
            "amount_details": {"tip": {}}, "application": null, "application_fee_amount": null,
            "automatic_payment_methods": null, "customer": null, "excluded_payment_method_types": null,
            "canceled_at": self.canceled_at, "cancellation_reason": self.cancellation_reason,
            "capture_method": if self.manual_capture { "manual" } else { "automatic" },
            "client_secret": self.client_secret, "confirmation_method": "automatic",
            "description": self.description, "last_payment_error": self.last_payment_error,
            "latest_charge": self.charge.as_ref().map(|charge| &charge.id),
            "metadata": self.metadata, "next_action": next_action, "on_behalf_of": null,
            "payment_method": self.payment_method, "payment_method_options": {},
            "payment_method_types": self.payment_method_types, "processing": null,
            "receipt_email": self.receipt_email, "review": null, "setup_future_usage": null,
            "shipping": null, "source": null, "statement_descriptor": null,
            "statement_descriptor_suffix": null, "status": self.status, "transfer_data": null,
            "transfer_group": null,
        })
    }

    /// The API's view of its charge.
    pub fn charge_json(&self) -> Option<Value> {
        let charge = self.charge.as_ref()?;
        Some(json!({
            "id": charge.id, "object": "charge", "livemode": false, "created": charge.created,
            "amount": self.amount, "amount_captured": self.captured,
            "amount_refunded": charge.refunded, "currency": self.currency,
            "captured": self.captured > 0, "paid": true, "status": "succeeded",
            "refunded": self.captured > 0 && charge.refunded == self.captured,
            "disputed": charge.disputed, "payment_intent": self.id,
            "payment_method": self.payment_method, "metadata": self.metadata,
            "description": self.description,
            "payment_method_details": {"type": "card", "card": {
                "brand": "visa", "last4": "4242", "capture_before": charge.capture_before,
            }},
        }))
    }
}

impl Refund {
    /// The API's view of it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "refund", "created": self.created, "amount": self.amount,
            "currency": self.currency, "payment_intent": self.payment_intent,
            "charge": self.charge, "reason": self.reason, "metadata": self.metadata,
            "status": self.status, "balance_transaction": null, "receipt_number": null,
        })
    }
}

impl Event {
    /// The API's view of it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "event", "api_version": API_VERSION, "created": self.created,
            "data": {"object": self.object}, "livemode": false, "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": self.idempotency_key}, "type": self.kind,
        })
    }
}

impl Endpoint {
    /// The API's view of it; the secret is shown when it is made, and never again.
    pub fn json(&self, with_secret: bool) -> Value {
        let mut value = json!({
            "id": self.id, "object": "webhook_endpoint", "created": self.created,
            "url": self.url, "enabled_events": self.enabled_events, "status": "enabled",
            "livemode": false, "api_version": null, "application": null, "description": null,
            "metadata": {},
        });
        if with_secret {
            value["secret"] = json!(self.secret);
        }
        value
    }
}

/// The version of Stripe's API whose shapes these are.
pub const API_VERSION: &str = "2025-06-30.basil";
