//! What must be nowhere: keys, secrets of shoppers and webhooks, tokens, an email; not in logs at
//! their most talkative, not in Temporal, not in what operators are shown.

use std::{fs, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Operator, Running, Shop, ShopOptions, Shopper, eventually};

use super::{
    buying,
    temporal::{self, Temporal},
};

const EMAIL: &str = "somebody@shop.example";
/// What the product's processes are given by default: the sandbox's own, and no other's.
const KEYS: [&str; 2] = ["sk_test_sandbox", "whsec_sandbox"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_secrets_and_emails_are_in_no_log_no_history_and_no_answer() {
    let environment = vec![("RUST_LOG", "debug".to_owned())];
    let options =
        ShopOptions { running: Running::Split, environment, hold_ttl: "40s", ..<_>::default() };
    let shop = Shop::open(options).await;
    let temporal = Temporal::of(&shop).await;
    let sku = buying::product(&shop, 9).await;
    let [paid, expired, stranger] = [(); 3].map(|()| shop.shopper());
    for shopper in [&paid, &expired] {
        let mut cart = Shopper::cart(&[(&sku, 1)]);
        cart["email"] = json!(EMAIL);
        shopper.put_until_decided(&cart).await;
        buying::pay(shopper, "pm_card_visa_chargeDeclined").await;
        buying::declined(shopper).await;
    }
    buying::pay(&paid, "pm_card_visa").await;
    buying::is_paid_once(&shop, &paid).await;
    // What goes wrong is logged most.
    shop.faults(json!({"error_rate": 0.5, "timeout_after_effect_rate": 0.3})).await;
    buying::pay(&expired, "pm_card_visa").await;
    let mut nosy = stranger.clone();
    nosy.order_id = paid.order_id;
    assert_eq!(nosy.get().await.status, 404);
    shop.faults(json!({})).await;
    eventually("the other order ends", Duration::from_secs(90), || async {
        let state = expired.get().await.state().to_owned();
        ["paid", "expired"].contains(&state.as_str()).then_some(())
    })
    .await;
    buying::every_webhook_has_an_outcome(&shop).await;

    let operator = shop.operator();
    let mut secrets = vec![EMAIL, paid.secret.as_str(), expired.secret.as_str(), operator.token()];
    secrets.push(&stranger.secret);
    secrets.extend(KEYS);
    let mut places = logs(&shop);
    for shopper in [&paid, &expired] {
        let id = temporal::checkout(shopper.order_id);
        let history = temporal.history(&id).to_json().await.unwrap();
        let history = readable(&serde_json::from_slice(&history).unwrap());
        places.push((format!("the history of {id}"), history));
        places.push((format!("what operators see of {id}"), shown(&operator, shopper).await));
    }
    for (place, text) in &places {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
    // The search finds what is there.
    for (place, text) in &places {
        let there = if place.contains("log") { "DEBUG" } else { sku.as_str() };
        assert!(text.contains(there), "{there} is in {place}");
    }
}

/// Everything that the shop's API and worker have said.
fn logs(shop: &Shop) -> Vec<(String, String)> {
    let is_ours = |name: &str| name.starts_with(&shop.name) && !name.contains("sandbox");
    let files = fs::read_dir(&shop.servers.logs).unwrap().map(Result::unwrap);
    let texts: Vec<_> = files
        .filter(|file| is_ours(&file.file_name().to_string_lossy()))
        .map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            (format!("the log {name}"), fs::read_to_string(file.path()).unwrap())
        })
        .filter(|(_, text)| text.contains("DEBUG"))
        .collect();
    assert!(texts.len() >= 2, "the API and the worker have logs");
    texts
}

async fn shown(operator: &Operator, shopper: &Shopper) -> String {
    let mut text = String::new();
    for path in [format!("/v1/orders/{}", shopper.order_id), "/v1/webhooks?limit=100".to_owned()] {
        let reply = Shopper::send(operator.request(Method::GET, &path)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        text += &reply.body.to_string();
    }
    text
}

/// Every text of a history, those in payloads included.
fn readable(history: &Value) -> String {
    match history {
        Value::String(text) => {
            let payload = BASE64_STANDARD.decode(text).unwrap_or_default();
            format!("{text}\n{}\n", String::from_utf8_lossy(&payload))
        }
        Value::Array(items) => items.iter().map(readable).collect(),
        Value::Object(members) => members.values().map(readable).collect(),
        _ => String::new(),
    }
}
