//! Something that happened.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::API_VERSION;

/// Something that happened (Stripe, "The Event object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub created: i64,
    pub kind: String,
    pub object: Value,
    /// What changed, for an update: the members as they were.
    pub previous: Option<Value>,
    /// The request that it came of; none for what the sandbox's pages did.
    pub request: Option<String>,
    pub idempotency_key: Option<String>,
}

impl Event {
    /// The API's view of it, of which `pending` deliveries are not taken yet.
    pub fn json(&self, pending: usize) -> Value {
        let mut data = json!({"object": self.object});
        if let Some(previous) = &self.previous {
            data["previous_attributes"] = previous.clone();
        }
        json!({
            "id": self.id, "object": "event", "api_version": API_VERSION, "created": self.created,
            "data": data, "livemode": false, "pending_webhooks": pending,
            "request": {"id": self.request, "idempotency_key": self.idempotency_key},
            "type": self.kind,
        })
    }
}
