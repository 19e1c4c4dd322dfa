//! A provider that is down until the hold and its grace are over: the units go back without its
//! word, and what it has is settled when it can be asked again.

use std::time::Duration;

use serde_json::json;
use system_tests::{Shop, ShopOptions, assert_invariants};
use temporalio_client::WorkflowExecutionStatus;

use super::{
    buying,
    temporal::{Temporal, checkout},
};

/// The hold, its grace, and the time in which a provider is asked to close in any case.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_go_back_without_the_providers_word_and_the_payment_is_settled_later() {
    let options = ShopOptions { hold_ttl: "15s", expiry_grace: "3s", ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let temporal = Temporal::of(&shop).await;
    temporal.pause_reconciliations().await;
    let sku = buying::product(&shop, 9).await;
    let (unapproved, charged, captured) = (shop.shopper(), shop.shopper(), shop.shopper());
    let unheard = shop.shopper();
    // One waits for the bank. Two are charged, and nobody in the shop hears of it; of one not even
    // that its payment was made.
    buying::hold(&unapproved, &sku, 2).await;
    buying::pay(&unapproved, "pm_card_authenticationRequired").await;
    buying::bank_page(&unapproved).await;
    for shopper in [&charged, &captured] {
        buying::hold(shopper, &sku, 2).await;
        buying::pay(shopper, "pm_card_visa_chargeDeclined").await;
        buying::declined(shopper).await;
    }
    shop.faults(json!({"timeout_after_effect_rate": 1})).await;
    for shopper in [&charged, &captured] {
        buying::pay(shopper, "pm_card_visa").await;
    }
    let mut intents = vec![buying::intent_in(&shop, unapproved.order_id, "requires_action").await];
    for shopper in [&charged, &captured] {
        intents.push(buying::intent_in(&shop, shopper.order_id, "requires_capture").await);
    }
    shop.faults(json!({})).await;
    buying::at_provider(&shop, &intents[2], "capture").await;
    shop.faults(json!({"timeout_after_effect_rate": 1})).await;
    buying::hold(&unheard, &sku, 2).await;
    buying::pay(&unheard, "pm_card_visa").await;
    buying::intent_in(&shop, unheard.order_id, "requires_payment_method").await;
    shop.faults(json!({"down": true})).await;

    for shopper in [&unapproved, &charged, &captured, &unheard] {
        shopper.reaches_within("expired", ENDS_WITHIN).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (9, 0, 0), "the units are back");
    let settling: Vec<_> = intents.iter().map(|intent| format!("settle/{intent}")).collect();
    for settle in &settling {
        let workflow = temporal.describe(settle).await.expect("what is left is being settled");
        assert_eq!(workflow.status(), WorkflowExecutionStatus::Running, "{settle}");
    }

    shop.faults(json!({})).await;

    for settle in &settling {
        assert_eq!(temporal.ended(settle).await, WorkflowExecutionStatus::Completed, "{settle}");
    }
    let conclude = format!("conclude/{}", unheard.order_id);
    assert_eq!(temporal.ended(&conclude).await, WorkflowExecutionStatus::Completed);
    for shopper in [&unapproved, &charged, &unheard] {
        buying::intent_in(&shop, shopper.order_id, "canceled").await;
    }
    let given_back = &shop.payments_of(captured.order_id).await[0];
    assert_eq!(given_back["captured"], 2_400, "{given_back}");
    assert_eq!(given_back["refunded"], 2_400, "{given_back}");
    assert_invariants(&shop).await;
    temporal.assert_replays(&[checkout(unheard.order_id), conclude]).await;
}
