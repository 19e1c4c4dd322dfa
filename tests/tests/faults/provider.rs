//! A payment provider that is down, slow, forgetful or wrong for a while.

use serde_json::json;
use system_tests::{Shop, ShopOptions, assert_invariants};

use super::{
    buying,
    mishaps::Moment,
    paths::Stage,
    temporal::{self, Temporal},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_provider_is_down_is_paid_when_it_is_up_again() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 5).await;
    shop.faults(json!({"down": true})).await;
    let shopper = shop.shopper();
    buying::hold(&shopper, &sku, 2).await;
    buying::pay(&shopper, "pm_card_visa").await;
    is_found_by_its_state(&shop, "paying").await;

    shop.faults(json!({})).await;

    buying::is_paid_once(&shop, &shopper).await;
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_provider_repeats_stored_failures_is_paid_once() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 5).await;
    shop.faults(json!({"error_rate": 1})).await;
    let shopper = shop.shopper();
    buying::hold(&shopper, &sku, 2).await;
    buying::pay(&shopper, "pm_card_visa").await;
    is_found_by_its_state(&shop, "paying").await;

    // Better, not well: some requests still fail, and are stored as failed.
    shop.faults(json!({"error_rate": 0.2})).await;

    buying::is_paid_once(&shop, &shopper).await;
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_did_and_nobody_heard_of_is_done_once() {
    let stage = Stage::set().await;
    let shop = &stage.shop;
    let sku = buying::product(shop, 9).await;
    let [created, charged, captured] = [(); 3].map(|()| shop.shopper());
    for shopper in [&created, &charged, &captured] {
        buying::hold(shopper, &sku, 1).await;
    }
    // An attempt before makes the intent, so that the answer to be lost is the one to the charge.
    buying::pay(&charged, "pm_card_visa_chargeDeclined").await;
    buying::declined(&charged).await;
    let id = temporal::checkout(captured.order_id);
    let captures = stage.mishaps.waits(&id, "capture", Moment::BeforeEffect);
    buying::pay(&captured, "pm_card_visa").await;
    captures.has_happened().await;

    shop.faults(json!({"timeout_after_effect_rate": 1})).await;
    captures.end();
    for shopper in [&created, &charged] {
        buying::pay(shopper, "pm_card_visa").await;
    }
    buying::intent_in(shop, created.order_id, "requires_payment_method").await;
    buying::intent_in(shop, charged.order_id, "requires_capture").await;
    buying::intent_in(shop, captured.order_id, "succeeded").await;
    assert_eq!(charged.get().await.state(), "paying", "the shop can't know yet");
    assert_eq!(captured.get().await.state(), "confirmed", "the shop can't know yet");
    shop.faults(json!({})).await;

    for shopper in [&created, &charged, &captured] {
        buying::is_paid_once(shop, shopper).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (6, 0, 3));
    assert_invariants(shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_no_webhook_tells_of_is_found_by_asking() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 5).await;
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;
    let shopper = shop.shopper();
    buying::hold(&shopper, &sku, 2).await;
    buying::pay(&shopper, "pm_card_authenticationRequired").await;

    buying::approve(&buying::bank_page(&shopper).await).await;

    buying::is_paid_once(&shop, &shopper).await;
    let heard: i64 = sqlx::query_scalar("select count(*) from webhook_inbox")
        .fetch_one(&shop.database().await)
        .await
        .unwrap();
    assert_eq!(heard, 0, "webhooks that came through");
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_come_twice_and_in_any_order_change_no_end() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 50).await;
    shop.faults(json!({"webhooks": {"delay_ms": 400, "duplicate_rate": 1, "reorder": true}})).await;
    let shoppers: Vec<_> = (0..6).map(|_| shop.shopper()).collect();
    for (turn, shopper) in shoppers.iter().enumerate() {
        buying::hold(shopper, &sku, 1).await;
        match turn % 3 {
            0 => {
                buying::pay(shopper, "pm_card_visa_chargeDeclined").await;
                buying::declined(shopper).await;
                buying::pay(shopper, "pm_card_visa").await;
            }
            _ => drop(buying::pay(shopper, "pm_card_authenticationRequired").await),
        }
    }
    for (turn, shopper) in shoppers.iter().enumerate() {
        match turn % 3 {
            0 => {}
            1 => buying::approve(&buying::bank_page(shopper).await).await,
            _ => {
                buying::bank_page(shopper).await;
                shopper.cancel().await;
            }
        }
    }
    for (turn, shopper) in shoppers.iter().enumerate() {
        match turn % 3 {
            2 => drop(shopper.reaches("cancelled").await),
            _ => buying::is_paid_once(&shop, shopper).await,
        }
    }

    buying::every_webhook_has_an_outcome(&shop).await;
    assert_eq!(shop.operator().stock(&sku).await, (46, 0, 4));
    assert_invariants(&shop).await;
}

/// An order that its provider keeps in a state is found by it, however long that lasts.
async fn is_found_by_its_state(shop: &Shop, state: &str) {
    let temporal = Temporal::of(shop).await;
    temporal.found(&format!("CheckoutState = '{state}' and ExecutionStatus = 'Running'")).await;
}
