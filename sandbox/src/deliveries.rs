//! Sending events to endpoints, signed, again and again until they are taken
//! (Stripe, "Receive events", "Retry behavior" and "Verify webhook signatures").

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Sandbox,
    events::{now, now_ms},
    faults::{happens, random_u32},
    objects::Delivery,
};

/// How many are on their way at once.
const AT_ONCE: usize = 32;
/// After three days an endpoint that does not take an event is not sent it any more.
const GIVE_UP_AFTER: u32 = 24;
/// Finished deliveries kept for the console.
const KEPT: usize = 500;

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
    let Ok(http) = reqwest::Client::builder().timeout(Duration::from_secs(10)).build() else {
        tracing::error!("no HTTP client: webhooks can't be sent");
        return;
    };
    let mut under_way = JoinSet::new();
    let mut ids = BTreeSet::new();
    loop {
        for delivery in due(&sandbox, &ids, AT_ONCE - ids.len()) {
            ids.insert(delivery.id.clone());
            let (sandbox, http) = (Arc::clone(&sandbox), http.clone());
            under_way.spawn(async move {
                let id = delivery.id.clone();
                send(&sandbox, &http, delivery).await;
                id
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Some(sent) = under_way.join_next() => { ids.remove(&sent.unwrap_or_default()); }
            () = sandbox.deliveries_due.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}

fn due(sandbox: &Sandbox, under_way: &BTreeSet<String>, most: usize) -> Vec<Delivery> {
    let faults = sandbox.faults.get().webhooks;
    let by = now_ms() - i64::try_from(faults.delay_ms).unwrap_or(i64::MAX);
    let mut due: Vec<Delivery> = sandbox.store.read(|state| {
        let waits = |delivery: &&Delivery| {
            !delivery.done && delivery.due_ms <= by && !under_way.contains(&delivery.id)
        };
        state.deliveries.values().filter(waits).take(most.max(1) * 4).cloned().collect()
    });
    if faults.reorder {
        due.sort_by_cached_key(|_| random_u32());
    }
    due.truncate(most);
    due
}

async fn send(sandbox: &Sandbox, http: &reqwest::Client, mut delivery: Delivery) {
    let faults = sandbox.faults.get().webhooks;
    let times = if happens(faults.duplicate_rate) { 2 } else { 1 };
    delivery.attempts += 1;
    if happens(faults.drop_rate) {
        delivery.done = true;
        delivery.last_result = Some("dropped by a fault".into());
    }
    for _ in 0..times {
        if delivery.done && delivery.last_result.as_deref() != Some("200") {
            break;
        }
        let result = post(sandbox, http, &delivery).await;
        delivery.done = result.starts_with('2') || delivery.attempts >= GIVE_UP_AFTER;
        delivery.last_result = Some(result);
    }
    // A second, doubling, to an hour: Stripe's own pauses, shortened for a sandbox.
    let pause = 1_000 << delivery.attempts.min(12) >> 1;
    delivery.due_ms = now_ms() + i64::from(pause.min(3_600_000));
    sandbox
        .store
        .change(|state| {
            state.put_delivery(delivery);
            forget_finished(state);
        })
        .await;
}

async fn post(sandbox: &Sandbox, http: &reqwest::Client, delivery: &Delivery) -> String {
    let found = sandbox.store.read(|state| {
        let event = state.events.get(&delivery.event)?;
        let endpoint = state.endpoints.get(&delivery.endpoint)?;
        Some((endpoint.url.clone(), endpoint.secret.clone(), event.json().to_string()))
    });
    let Some((url, secret, body)) = found else {
        return "200".into();
    };
    let request = http
        .post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (+holdfast sandbox)")
        .header("stripe-signature", sign(&secret, now(), &body))
        .body(body);
    match request.send().await {
        Ok(response) => response.status().as_u16().to_string(),
        Err(error) => error.without_url().to_string(),
    }
}

fn forget_finished(state: &mut crate::store::State) {
    if state.deliveries.len() <= 2 * KEPT {
        return;
    }
    let finished = |(id, delivery): (&String, &Delivery)| delivery.done.then(|| id.clone());
    let finished: Vec<_> = state.deliveries.iter().filter_map(finished).collect();
    for id in finished.iter().take(finished.len().saturating_sub(KEPT)) {
        state.deliveries.remove(id);
        state.delete("delivery", id);
    }
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
}
