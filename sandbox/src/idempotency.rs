//! Idempotency as Stripe has it (Stripe, "Idempotent requests"): the first status and body are
//! replayed, failures included; another request under the same key is refused; a request that
//! was refused before it was executed is not remembered.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{error::ApiError, store::State};

/// How long a key is remembered, in seconds (Stripe, "Idempotent requests").
pub const REMEMBERED_SECONDS: i64 = 24 * 3600;
const LONGEST_KEY: usize = 255;

/// What was asked and answered under a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored {
    pub path: String,
    pub parameters: String,
    pub status: u16,
    pub body: Value,
    pub created: i64,
    /// The id of the request that was executed.
    pub request: String,
}

/// The keys of requests that are under way.
#[derive(Clone, Default)]
pub struct KeysInUse(Arc<Mutex<BTreeSet<String>>>);

/// A key that is in use; free again when dropped.
pub struct InUse {
    key: String,
    keys: KeysInUse,
}

impl KeysInUse {
    /// Takes `key`, unless a request under way has it.
    pub fn take(&self, key: &str) -> Result<InUse, ApiError> {
        if key.len() > LONGEST_KEY {
            return Err(ApiError::key_too_long());
        }
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.insert(key.to_owned()) {
            Ok(InUse { key: key.to_owned(), keys: self.clone() })
        } else {
            Err(ApiError::key_in_use(key))
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What was answered to this request under `key` since `since`, if it was; refuses another request.
pub fn replay(
    state: &State,
    key: &str,
    path: &str,
    parameters: &str,
    since: i64,
) -> Result<Option<Stored>, ApiError> {
    match state.keys.get(key) {
        Some(stored) if stored.created <= since => Ok(None),
        Some(stored) if stored.path != path => {
            Err(ApiError::key_of_another_path(key, &stored.path, path))
        }
        Some(stored) if stored.parameters != parameters => Err(ApiError::key_reused(key)),
        stored => Ok(stored.cloned()),
    }
}

/// Remembers an answer, in the change that it is the answer of.
pub fn remember(state: &mut State, key: &str, stored: Stored) {
    let now = stored.created;
    state.put("key", key, &stored);
    state.keys.insert(key.to_owned(), stored);
    if state.keys.len().is_multiple_of(1_000) {
        forget_old(state, now);
    }
}

/// Forgets keys that are too old to be replayed.
fn forget_old(state: &mut State, now: i64) {
    let old = |(key, stored): (&String, &Stored)| {
        (now - stored.created > REMEMBERED_SECONDS).then(|| key.clone())
    };
    let old: Vec<_> = state.keys.iter().filter_map(old).collect();
    for key in old {
        state.keys.remove(&key);
        state.delete("key", &key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(created: i64) -> State {
        let mut state = State::default();
        let stored = Stored {
            path: "/v1/refunds".into(),
            parameters: "a=1".into(),
            status: 500,
            body: Value::Null,
            created,
            request: "req_1".into(),
        };
        remember(&mut state, "key", stored);
        state
    }

    #[test]
    fn a_key_is_taken_once_at_a_time() {
        let keys = KeysInUse::default();
        let taken = keys.take("key");
        assert_eq!(keys.take("key").err().map(|error| error.status), Some(409));
        drop(taken);
        assert!(keys.take("key").is_ok());
    }

    #[test]
    fn the_same_request_is_answered_as_before_and_another_is_refused() {
        let state = remembered(1_000);
        let replayed = replay(&state, "key", "/v1/refunds", "a=1", 999).unwrap();
        assert_eq!(replayed.map(|stored| stored.status), Some(500));
        let refused = |path, parameters| replay(&state, "key", path, parameters, 999).is_err();
        assert!(refused("/v1/refunds", "a=2") && refused("/v1/payment_intents", "a=1"));
    }

    #[test]
    fn a_key_is_forgotten_after_a_day() {
        let state = remembered(1_000);
        let since = |now: i64| now - REMEMBERED_SECONDS;
        let asked = |now| replay(&state, "key", "/v1/refunds", "a=1", since(now)).unwrap();
        assert!(asked(1_000 + REMEMBERED_SECONDS - 1).is_some());
        assert!(asked(1_000 + REMEMBERED_SECONDS).is_none());
    }
}
