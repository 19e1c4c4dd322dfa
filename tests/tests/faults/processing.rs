//! A bank that takes its time. The hold is kept for it to the end of the grace and no longer; what
//! it says after that moves no unit, and the money goes back by itself.

use std::time::Duration;

use serde_json::json;
use system_tests::{Shop, ShopOptions, assert_invariants, http_client};
use temporalio_client::WorkflowExecutionStatus;

use super::{
    buying,
    temporal::{self, Temporal},
};

/// A card whose bank decides when the sandbox's console is told to.
const BANK_THINKS: &str = "pm_sandbox_processing";
/// The longest hold here, its grace, and the time in which a provider is asked in any case.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_the_bank_approves_within_the_grace_buys_the_units() {
    let options = ShopOptions { hold_ttl: "8s", expiry_grace: "2m", ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let sku = buying::product(&shop, 3).await;
    let shopper = shop.shopper();
    buying::hold(&shopper, &sku, 1).await;
    buying::pay(&shopper, BANK_THINKS).await;
    let intent = buying::intent_in(&shop, shopper.order_id, "processing").await;
    shopper.reaches_within("closing", ENDS_WITHIN).await;
    assert_eq!(shop.operator().stock(&sku).await, (2, 1, 0), "the hold outlives its time");

    decide(&shop, &intent, "approve").await;

    buying::is_paid_once(&shop, &shopper).await;
    assert_eq!(shop.operator().stock(&sku).await, (2, 0, 1));
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_the_bank_approves_when_the_order_is_long_over_is_let_go_by_itself() {
    let options = ShopOptions { hold_ttl: "8s", expiry_grace: "2s", ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let temporal = Temporal::of(&shop).await;
    let sku = buying::product(&shop, 3).await;
    let [approved, declined] = [(); 2].map(|()| shop.shopper());
    let mut intents = Vec::new();
    for shopper in [&approved, &declined] {
        buying::hold(shopper, &sku, 1).await;
        buying::pay(shopper, BANK_THINKS).await;
        intents.push(buying::intent_in(&shop, shopper.order_id, "processing").await);
    }
    for shopper in [&approved, &declined] {
        shopper.reaches_within("expired", ENDS_WITHIN).await;
        let checkout = temporal.ended(&temporal::checkout(shopper.order_id)).await;
        assert_eq!(checkout, WorkflowExecutionStatus::Completed);
    }
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 0), "the units are back");

    decide(&shop, &intents[0], "approve").await;
    decide(&shop, &intents[1], "decline").await;

    for (shopper, intent) in [&approved, &declined].into_iter().zip(&intents) {
        let settled = temporal.ended(&format!("settle/{intent}")).await;
        assert_eq!(settled, WorkflowExecutionStatus::Completed, "settle/{intent}");
        let payment = &shop.payments_of(shopper.order_id).await[0];
        assert_eq!(payment["amount_capturable"], 0, "{payment}");
        assert_eq!(payment["captured"], payment["refunded"], "{payment}");
        assert_eq!(shopper.get().await.state(), "expired");
    }
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 0));
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_the_bank_thinks_about_is_not_tried_a_second_time() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 3).await;
    let shopper = shop.shopper();
    buying::hold(&shopper, &sku, 1).await;
    buying::pay(&shopper, BANK_THINKS).await;
    let intent = buying::intent_in(&shop, shopper.order_id, "processing").await;

    let again = buying::pay(&shopper, "pm_card_visa").await;
    assert_eq!((again.status.as_u16(), again.state()), (202, "paying"), "{}", again.body);
    assert_eq!(again.body["payment"]["attempts"], 1, "{}", again.body);

    decide(&shop, &intent, "decline").await;
    buying::declined(&shopper).await;
    buying::pay(&shopper, "pm_card_visa").await;
    buying::is_paid_once(&shop, &shopper).await;
    assert_eq!(shop.payments_of(shopper.order_id).await[0]["payment_intent"], json!(intent));
    assert_invariants(&shop).await;
}

/// Presses a button of the sandbox's console.
async fn decide(shop: &Shop, intent: &str, button: &str) {
    let url = format!("{}/console/{button}/{intent}", shop.sandbox_url());
    let pressed = http_client().post(url).send().await.unwrap();
    assert!(pressed.status().is_success(), "{button} {intent}: {}", pressed.status());
}
