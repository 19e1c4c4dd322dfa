//! Where events are sent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Where events are sent (Stripe, "The Webhook Endpoint object").
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: String,
    pub created: i64,
    pub url: String,
    pub secret: String,
    pub enabled_events: Vec<String>,
    pub api_version: Option<String>,
    pub description: Option<String>,
    pub metadata: Map<String, Value>,
    pub disabled: bool,
}

impl Endpoint {
    /// Whether it is to be told of this kind of event.
    pub fn wants(&self, kind: &str) -> bool {
        !self.disabled && self.enabled_events.iter().any(|wanted| wanted == "*" || wanted == kind)
    }

    /// The API's view of it, without the secret: that is shown once, when it is made.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "webhook_endpoint", "api_version": self.api_version,
            "application": null, "created": self.created, "description": self.description,
            "enabled_events": self.enabled_events, "livemode": false, "metadata": self.metadata,
            "status": if self.disabled { "disabled" } else { "enabled" }, "url": self.url,
        })
    }
}
