//! An event on its way to an endpoint.

use serde::{Deserialize, Serialize};

/// An event on its way to an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    pub id: String,
    pub event: String,
    pub endpoint: String,
    pub created_ms: i64,
    pub attempts: u32,
    pub due_ms: i64,
    pub done: bool,
    pub last_result: Option<String>,
}
