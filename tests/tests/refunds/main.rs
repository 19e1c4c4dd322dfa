//! Money that goes back: what operators ask for, what is made at the provider, and disputes.
#![allow(clippy::unwrap_used, reason = "a helper that can't go on fails the test")]

mod asked;
mod at_once;
mod faults;
mod seen;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Operator, Reply, Shop, Shopper, eventually, http_client};
use uuid::Uuid;

/// How long a refund may take with everything up.
const SOON: Duration = Duration::from_mins(1);

/// An order of these lines, paid by a card.
async fn paid(shop: &Shop, lines: &[(&str, u32)]) -> Shopper {
    paid_by(shop, lines, "pm_card_visa").await
}

async fn paid_by(shop: &Shop, lines: &[(&str, u32)], card: &str) -> Shopper {
    let shopper = shop.shopper();
    shopper.hold(lines).await;
    shopper.pay(card).await;
    shopper.reaches("paid").await;
    shopper
}

/// Asks for a refund; `ask` is the body without its id.
async fn refund_as(operator: &Operator, order: Uuid, id: Uuid, mut ask: Value) -> Reply {
    ask["refund_id"] = json!(id);
    let path = format!("/v1/orders/{order}/refunds");
    // On a busy machine told to come back, an operator asks for the same refund again.
    eventually(&format!("an answer to refund {id}"), SOON, || async {
        let reply = Shopper::send(operator.request(Method::POST, &path).json(&ask)).await;
        (reply.status != 503).then_some(reply)
    })
    .await
}

async fn refund(operator: &Operator, order: Uuid, ask: Value) -> Reply {
    refund_as(operator, order, Uuid::new_v4(), ask).await
}

/// Waits until each refund of an order is in one of these states, in their order.
async fn refunds_are(operator: &Operator, order: Uuid, states: &[&str]) -> Vec<Value> {
    eventually(&format!("refunds of {order} are {states:?}"), SOON, || async {
        let refunds = operator.order(order).await["refunds"].as_array().cloned()?;
        let found: Vec<_> = refunds.iter().filter_map(|refund| refund["state"].as_str()).collect();
        (found == states).then_some(refunds)
    })
    .await
}

/// What the provider gave back of an order.
async fn refunded_at_provider(shop: &Shop, order: Uuid) -> i64 {
    let payments = shop.payments_of(order).await;
    payments.iter().filter_map(|payment| payment["refunded"].as_i64()).sum()
}

/// How many refunds of an order the provider has.
async fn count_at_provider(shop: &Shop, order: Uuid) -> usize {
    let intent = shop.payments_of(order).await[0]["payment_intent"].clone();
    let path = format!("refunds?limit=100&payment_intent={}", intent.as_str().unwrap());
    provider(shop, Method::GET, &path, &[]).await["data"].as_array().unwrap().len()
}

/// A call of the provider's API by somebody else than the shop.
async fn provider(shop: &Shop, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
    let url = format!("{}/v1/{path}", shop.sandbox_url());
    let request = http_client().request(method.clone(), url).bearer_auth("sk_test_sandbox");
    let request = if method == Method::POST { request.form(form) } else { request };
    let reply = Shopper::send(request).await;
    assert!(reply.status.is_success(), "{path}: {}", reply.body);
    reply.body
}

fn eur(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}
