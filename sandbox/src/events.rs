//! Events, the endpoints that want them, and a delivery for each (Stripe, "Receive events").

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    Sandbox,
    faults::random_u32,
    intents::Moment,
    objects::{Delivery, Endpoint, Event},
    store::State,
};

/// The id of the endpoint that the sandbox is started with.
const BUILT_IN: &str = "we_built_in";

/// Records that something happened, and owes it to every endpoint that wants it.
pub fn emit(state: &mut State, at: &Moment<'_>, kind: &str, object: Value) {
    emit_change(state, at, kind, object, None);
}

/// As `emit`, with the changed members as they were.
pub fn emit_change(
    state: &mut State,
    at: &Moment<'_>,
    kind: &str,
    object: Value,
    previous: Option<Value>,
) {
    let event = Event {
        id: new_id("evt"),
        created: at.now,
        kind: kind.to_owned(),
        object,
        previous,
        request: at.request.map(str::to_owned),
        idempotency_key: at.key.map(str::to_owned),
    };
    let wanting = state.endpoints.values().filter(|endpoint| endpoint.wants(kind));
    let wanting: Vec<_> = wanting.map(|endpoint| endpoint.id.clone()).collect();
    for endpoint in wanting {
        owe(state, &event.id, &endpoint);
    }
    state.keep(event);
}

/// Owes an event to an endpoint, now.
pub fn owe(state: &mut State, event: &str, endpoint: &str) {
    let now_ms = now_ms();
    state.keep_delivery(Delivery {
        id: new_id("del"),
        event: event.to_owned(),
        endpoint: endpoint.to_owned(),
        created_ms: now_ms,
        attempts: 0,
        due_ms: now_ms,
        done: false,
        last_result: None,
    });
}

/// Registers the endpoint that the sandbox was started with, or forgets an earlier one.
pub async fn use_built_in_endpoint(sandbox: &Sandbox, url: Option<String>, secret: String) {
    let endpoint = url.map(|url| Endpoint {
        id: BUILT_IN.into(),
        created: now(),
        url,
        secret,
        enabled_events: vec!["*".into()],
        api_version: None,
        description: Some("The endpoint that the sandbox was started with".into()),
        metadata: serde_json::Map::new(),
        disabled: false,
    });
    let register = |state: &mut State| {
        if let Some(endpoint) = endpoint {
            state.keep(endpoint);
        } else {
            state.delete("endpoint", BUILT_IN);
            state.endpoints.remove(BUILT_IN);
        }
    };
    sandbox.store.change(register).await;
}

/// An id as Stripe makes them; later ones sort after earlier ones.
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{:016x}{:08x}", next_moment(), random_u32())
}

/// Milliseconds since 1970, times 65,536 so that each call has a moment of its own.
fn next_moment() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let now = now_ms() << 16;
    let later = |last: i64| now.max(last + 1);
    let before = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last)));
    later(before.unwrap_or_else(|last| last))
}

/// A secret as Stripe makes them.
pub fn new_secret(prefix: &str) -> String {
    let random: [u32; 8] = std::array::from_fn(|_| random_u32());
    let random: Vec<u8> = random.iter().flat_map(|number| number.to_be_bytes()).collect();
    format!("{prefix}_{}", hex::encode(random))
}

/// Unix time in seconds.
pub fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Unix time in milliseconds.
pub fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_after_earlier_ones_within_a_millisecond_too() {
        let ids: Vec<_> = (0..1_000).map(|_| new_id("evt")).collect();
        assert!(ids.is_sorted());
    }
}
