//! Sending events to endpoints, signed, again and again until they are taken
//! (Stripe, "Receive events", "Retry behavior" and "Verify webhook signatures").

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Sandbox,
    events::{now, now_ms},
    faults::{WebhookFaults, happens},
    objects::{API_VERSION, Delivery},
    store::State,
};

/// How many are on their way at once.
const AT_ONCE: usize = 64;
/// After three days an endpoint that does not take an event is not sent it any more.
const GIVE_UP_AFTER_MS: i64 = 3 * 24 * 3_600_000;
const LONGEST_PAUSE_MS: i64 = 3_600_000;
/// Within this time the fault `reorder` mixes events.
const REORDER_WITHIN_MS: i64 = 1_000;
/// How often is looked for what has fallen due.
const TICK: Duration = Duration::from_millis(200);

/// The value of `Stripe-Signature` for `body`, sent at `timestamp` (Unix seconds).
#[must_use]
pub fn sign(secret: &str, timestamp: i64, body: &str) -> String {
    let signature = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mut mac| {
        mac.update(format!("{timestamp}.{body}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    });
    format!("t={timestamp},v1={}", signature.unwrap_or_default())
}

/// Sends what is due until `stop`.
pub(crate) async fn deliver(sandbox: Arc<Sandbox>, stop: CancellationToken) {
    let Ok(http) = client() else {
        tracing::error!("no HTTP client: webhooks can't be sent");
        return;
    };
    let mut under_way = JoinSet::new();
    let mut ids = BTreeSet::new();
    loop {
        for delivery in due(&sandbox, &ids) {
            ids.insert(delivery.id.clone());
            let (sandbox, http) = (Arc::clone(&sandbox), http.clone());
            under_way.spawn(async move {
                let id = delivery.id.clone();
                attempt(&sandbox, &http, delivery).await;
                id
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Some(sent) = under_way.join_next() => { ids.remove(&sent.unwrap_or_default()); }
            () = sandbox.deliveries_due.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Follows no redirect, since Stripe takes one for a failure, and uses no proxy.
fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

/// What is to be sent now, as much as there is room for. It need not be on disk yet: `letter`
/// waits for that.
fn due(sandbox: &Sandbox, under_way: &BTreeSet<String>) -> Vec<Delivery> {
    let faults = sandbox.faults.get().webhooks;
    let now_ms = now_ms();
    let room = AT_ONCE - under_way.len();
    let is_due = |delivery: &&Delivery| {
        !under_way.contains(&delivery.id) && due_ms(delivery, &faults) <= now_ms
    };
    sandbox
        .store
        .peek(|state| state.outbox.due(now_ms).filter(is_due).take(room).cloned().collect())
}

/// When a delivery falls due under these faults.
fn due_ms(delivery: &Delivery, faults: &WebhookFaults) -> i64 {
    let delay_ms = i64::try_from(faults.delay_ms).unwrap_or(i64::MAX);
    let mixed_ms = if faults.reorder { place_in_a_shuffle(&delivery.id) } else { 0 };
    delivery.due_ms.saturating_add(delay_ms).saturating_add(mixed_ms)
}

/// The same for the same delivery, without rhyme or reason for different ones.
fn place_in_a_shuffle(id: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    i64::try_from(hasher.finish() % REORDER_WITHIN_MS.unsigned_abs()).unwrap_or_default()
}

/// What came of sending a delivery.
struct Sent {
    is_over: bool,
    result: String,
}

async fn attempt(sandbox: &Sandbox, http: &reqwest::Client, mut delivery: Delivery) {
    let faults = sandbox.faults.get().webhooks;
    let sent = if happens(faults.drop_rate) {
        Sent { is_over: true, result: "dropped by a fault".into() }
    } else {
        failpoints::reached(["sandbox", "webhook", "before"], &[&delivery.event]).await;
        let first = send(sandbox, http, &delivery).await;
        failpoints::reached(["sandbox", "webhook", "after"], &[&delivery.event]).await;
        if happens(faults.duplicate_rate) { send(sandbox, http, &delivery).await } else { first }
    };
    let now_ms = now_ms();
    delivery.attempts += 1;
    delivery.done = sent.is_over || now_ms - delivery.created_ms >= GIVE_UP_AFTER_MS;
    delivery.due_ms = now_ms + pause_ms(delivery.attempts);
    delivery.last_result = Some(sent.result);
    sandbox.store.change(|state| state.keep_delivery(delivery)).await;
}

/// A second, doubling, to an hour: Stripe's own pauses, shortened for a sandbox.
fn pause_ms(attempts: u32) -> i64 {
    let doubled = 1_i64 << attempts.saturating_sub(1).min(20);
    (1_000 * doubled).min(LONGEST_PAUSE_MS)
}

async fn send(sandbox: &Sandbox, http: &reqwest::Client, delivery: &Delivery) -> Sent {
    let Some(Letter { url, secret, body }) =
        sandbox.store.read(|state| letter(state, delivery)).await
    else {
        return Sent { is_over: true, result: "the endpoint is gone".into() };
    };
    let request = http
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks; sandbox)")
        .header("stripe-signature", sign(&secret, now(), &body))
        .body(body);
    match request.send().await {
        Ok(response) => Sent {
            is_over: response.status().is_success(),
            result: response.status().as_u16().to_string(),
        },
        Err(error) => Sent { is_over: false, result: error.without_url().to_string() },
    }
}

struct Letter {
    url: String,
    secret: String,
    body: String,
}

/// What is sent where; none when the endpoint does not exist any more.
fn letter(state: &State, delivery: &Delivery) -> Option<Letter> {
    let event = state.events.get(&delivery.event)?;
    let endpoint = state.endpoints.get(&delivery.endpoint).filter(|found| !found.disabled)?;
    let mut body = event.json(state.outbox.pending(&event.id));
    body["api_version"] = endpoint.api_version.as_deref().unwrap_or(API_VERSION).into();
    let (url, secret) = (endpoint.url.clone(), endpoint.secret.clone());
    Some(Letter { url, secret, body: body.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_an_hmac_over_time_and_body() {
        let signed = sign("whsec_test", 1_700_000_000, "{}");
        assert_eq!(signed.len(), "t=1700000000,v1=".len() + 64);
        assert_ne!(signed, sign("whsec_other", 1_700_000_000, "{}"));
        assert_ne!(signed, sign("whsec_test", 1_700_000_001, "{}"));
    }

    #[test]
    fn pauses_double_from_a_second_to_an_hour() {
        let pauses: Vec<_> = [1, 2, 3, 12, 13, 80].map(pause_ms).into();
        assert_eq!(pauses, [1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000]);
    }
}
