//! Events, the endpoints that want them, and a delivery for each (Stripe, "Receive events").

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
    let event = Event {
        id: new_id("evt"),
        created: at.now,
        kind: kind.to_owned(),
        object,
        idempotency_key: at.key.map(str::to_owned),
    };
    let wants = |endpoint: &&Endpoint| {
        endpoint.enabled_events.iter().any(|wanted| wanted == "*" || wanted == kind)
    };
    let endpoints: Vec<_> =
        state.endpoints.values().filter(wants).map(|endpoint| endpoint.id.clone()).collect();
    for endpoint in endpoints {
        owe(state, &event.id, &endpoint);
    }
    state.put("event", &event.id, &event);
    state.events.insert(event.id.clone(), event);
}

/// Owes an event to an endpoint, now.
pub fn owe(state: &mut State, event: &str, endpoint: &str) {
    state.put_delivery(Delivery {
        id: new_id("del"),
        event: event.to_owned(),
        endpoint: endpoint.to_owned(),
        attempts: 0,
        due_ms: now_ms(),
        done: false,
        last_result: None,
    });
}

/// Registers the endpoint that the sandbox was started with, or forgets an earlier one.
pub async fn use_built_in_endpoint(
    sandbox: &Sandbox,
    url: Option<String>,
    secret: String,
) -> anyhow::Result<()> {
    sandbox
        .store
        .change(|state| match url {
            Some(url) => {
                let endpoint = Endpoint {
                    id: BUILT_IN.into(),
                    created: now(),
                    url,
                    secret,
                    enabled_events: vec!["*".into()],
                };
                state.put("endpoint", BUILT_IN, &endpoint);
                state.endpoints.insert(BUILT_IN.into(), endpoint);
            }
            None => {
                state.delete("endpoint", BUILT_IN);
                state.endpoints.remove(BUILT_IN);
            }
        })
        .await;
    Ok(())
}

/// An id as Stripe makes them; later ones sort after earlier ones.
pub fn new_id(prefix: &str) -> String {
    let (high, low) = (random_u32(), random_u32());
    format!("{prefix}_{:012x}{high:08x}{low:08x}", now_ms())
}

/// Unix time in seconds.
pub fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Unix time in milliseconds.
pub fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
