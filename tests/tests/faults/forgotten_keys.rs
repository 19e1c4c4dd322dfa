//! What was sent a day ago: the provider has forgotten its keys, and it is asked for, not sent again.

use serde_json::json;
use system_tests::{Running, Shop, ShopOptions, assert_invariants, eventually};

use super::{buying, mishaps::Mishaps, temporal::SOON, worker::BroughtWorker};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_id_and_key_are_lost_is_found_and_not_created_again() {
    let shop = Shop::open(ShopOptions { running: Running::ApiAlone, ..Default::default() }).await;
    let dies = BroughtWorker::start(&shop, Mishaps::default());
    let sku = buying::product(&shop, 5).await;
    let (buyer, leaver) = (shop.shopper(), shop.shopper());
    for shopper in [&buyer, &leaver] {
        buying::hold(shopper, &sku, 1).await;
    }
    // The provider makes both payments, and nobody hears of it.
    shop.faults(json!({"timeout_after_effect_rate": 1})).await;
    for shopper in [&buyer, &leaver] {
        buying::pay(shopper, "pm_card_visa").await;
    }
    let mut made = Vec::new();
    for shopper in [&buyer, &leaver] {
        let status = "requires_payment_method";
        made.push(buying::intent_in(&shop, shopper.order_id, status).await);
    }
    drop(dies);

    // A day goes by.
    let database = shop.database().await;
    let day = "update payment_attempts set started_at = started_at - interval '1 day'";
    assert_eq!(sqlx::query(day).execute(&database).await.unwrap().rows_affected(), 2);
    shop.faults(json!({"idempotency_key_seconds": 0})).await;
    let _lives = BroughtWorker::start(&shop, Mishaps::default());
    for shopper in [&buyer, &leaver] {
        eventually("the attempt is over, without a charge", SOON, || async {
            let checkout = shopper.get().await.body;
            let waits = checkout["state"] == "awaiting_payment";
            (waits && checkout["payment"]["state"] == "none").then_some(())
        })
        .await;
    }

    buying::pay(&buyer, "pm_card_visa").await;
    leaver.cancel().await;
    buying::is_paid_once(&shop, &buyer).await;
    leaver.reaches("cancelled").await;
    assert_eq!(buying::intent_in(&shop, buyer.order_id, "succeeded").await, made[0]);
    assert_eq!(buying::intent_in(&shop, leaver.order_id, "canceled").await, made[1]);
    assert_eq!(shop.operator().stock(&sku).await, (4, 0, 1));
    assert_invariants(&shop).await;
}
