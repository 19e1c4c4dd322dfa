//! Idempotency as Stripe has it (Stripe, "Idempotent requests"): the first status and body are
//! replayed, failures included; another request under the same key is refused; a request that
//! was refused before it was executed is not remembered.

use std::{
    collections::BTreeSet,
    sync::{LazyLock, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{error::ApiError, store::State};

/// How long a key is remembered, in seconds.
const REMEMBERED: i64 = 24 * 3600;

/// What was answered under a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored {
    pub request: String,
    pub status: u16,
    pub body: Value,
    pub created: i64,
}

static UNDER_WAY: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

/// A key that is in use; free again when dropped.
pub struct InUse(String);

impl InUse {
    /// Takes `key`, unless a request under way has it.
    pub fn take(key: &str) -> Result<Self, ApiError> {
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.insert(key.to_owned()) {
            Ok(Self(key.to_owned()))
        } else {
            Err(ApiError::key_in_use())
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// What was answered to `request` under `key`, if it was; refuses another request.
pub fn replay(
    state: &State,
    key: &str,
    request: &str,
    now: i64,
) -> Result<Option<Stored>, ApiError> {
    match state.keys.get(key) {
        Some(stored) if now - stored.created > REMEMBERED => Ok(None),
        Some(stored) if stored.request == request => Ok(Some(stored.clone())),
        Some(_) => Err(ApiError::key_reused(key)),
        None => Ok(None),
    }
}

/// Remembers an answer, in the change that it is the answer of.
pub fn remember(state: &mut State, key: &str, stored: Stored) {
    state.put("key", key, &stored);
    state.keys.insert(key.to_owned(), stored);
}

/// Forgets keys that are too old to be replayed.
pub fn forget_old(state: &mut State, now: i64) {
    let old = |(key, stored): (&String, &Stored)| {
        (now - stored.created > REMEMBERED).then(|| key.clone())
    };
    let old: Vec<_> = state.keys.iter().filter_map(old).collect();
    for key in old {
        state.keys.remove(&key);
        state.delete("key", &key);
    }
}
