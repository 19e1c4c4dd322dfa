//! What every handler shares.

use std::{sync::Arc, time::Duration};

use read_model::ReadModel;
use tokio::sync::Semaphore;

use crate::{
    addresses::ClientAddresses,
    admission::Admission,
    analytics::Limits,
    metrics::Metrics,
    operator::Tokens,
    pages::{CardScript, Pages},
    proxies::TrustedProxies,
    refusals::Refusals,
    temporal::Temporal,
    turns::Turns,
};

/// The application: one for both listeners.
#[derive(Clone)]
pub struct App(pub Arc<Shared>);

/// What handlers read.
pub struct Shared {
    pub model: ReadModel,
    pub temporal: Temporal,
    pub turns: Turns,
    pub admission: Admission,
    pub addresses: ClientAddresses,
    /// Looks at Temporal for orders that can't be had, at the same time.
    pub memo_turns: Semaphore,
    pub refusals: Refusals,
    pub analytics_limits: Limits,
    pub pages: Pages,
    pub public_url: String,
    pub card_script: CardScript,
    pub publishable_key: String,
    pub hold_ttl: Duration,
    pub expiry_grace: Duration,
    pub webhook_secrets: Vec<String>,
    pub tokens: Tokens,
    pub trusted_proxies: TrustedProxies,
    pub holds_per_address: u32,
    pub temporal_ui_url: String,
    pub namespace: String,
    pub metrics: Metrics,
    pub stop: tokio_util::sync::CancellationToken,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
