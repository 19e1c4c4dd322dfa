//! Refunds while the provider fails.

use reqwest::Method;
use serde_json::json;
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants, eventually};

use crate::{
    SOON, count_at_provider, eur, paid, provider, refund, refunded_at_provider, refunds_are,
};

/// A shop of its own, with an order that is paid.
async fn shop_with_order() -> (Shop, Shopper) {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(5).await;
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    (shop, shopper)
}

#[tokio::test]
async fn a_provider_that_is_down_refunds_when_it_is_back() {
    let (shop, shopper) = shop_with_order().await;
    let operator = shop.operator();
    shop.faults(json!({"down": true})).await;
    let reply = refund(&operator, shopper.order_id, json!({"amount": eur(700)})).await;
    assert_eq!((reply.status.as_u16(), &reply.body["state"]), (202, &json!("pending")));
    assert_eq!(shopper.get().await.body["refund_pending"], eur(700));
    let rest = refund(&operator, shopper.order_id, json!({"amount": eur(600)})).await;
    assert_eq!(rest.problem(), "refund-exceeds-payment", "what is pending is spoken for");
    shop.faults(json!({})).await;
    refunds_are(&operator, shopper.order_id, &["succeeded"]).await;
    let checkout = shopper.reaches("partially_refunded").await;
    assert_eq!((&checkout["refunded"], &checkout["refund_pending"]), (&eur(700), &eur(0)));
    assert_eq!(refunded_at_provider(&shop, shopper.order_id).await, 700);
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_made_once() {
    let (shop, shopper) = shop_with_order().await;
    let operator = shop.operator();
    let lost = json!({"timeout_after_effect_rate": 1, "webhooks": {"drop_rate": 1}});
    shop.faults(lost).await;
    refund(&operator, shopper.order_id, json!({"amount": eur(700)})).await;
    refunds_are(&operator, shopper.order_id, &["succeeded"]).await;
    assert_eq!(count_at_provider(&shop, shopper.order_id).await, 1);
    shop.faults(json!({})).await;
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_failure_that_the_provider_stores_is_not_the_end() {
    let (shop, shopper) = shop_with_order().await;
    let operator = shop.operator();
    shop.faults(json!({"error_rate": 0.5})).await;
    for _ in 0..6 {
        refund(&operator, shopper.order_id, json!({"amount": eur(100)})).await;
    }
    // By then, some were answered 500, and always would be under the same key.
    eventually("a refund has got through", SOON, || async {
        let refunds = operator.order(shopper.order_id).await["refunds"].as_array().cloned()?;
        refunds.iter().any(|refund| refund["state"] == "succeeded").then_some(())
    })
    .await;
    shop.faults(json!({})).await;
    refunds_are(&operator, shopper.order_id, &["succeeded"; 6]).await;
    assert_eq!(count_at_provider(&shop, shopper.order_id).await, 6);
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_refund_that_the_provider_refuses_is_shown_and_its_amount_can_be_given_back_again() {
    let (shop, shopper) = shop_with_order().await;
    let (order, operator) = (shopper.order_id, shop.operator());
    // Somebody gives money back at the provider, and the shop does not hear of it yet.
    shop.faults(json!({"webhooks": {"delay_ms": 4_000}})).await;
    let intent = shop.payments_of(order).await[0]["payment_intent"].clone();
    let form = [("payment_intent", intent.as_str().unwrap()), ("amount", "700")];
    provider(&shop, Method::POST, "refunds", &form).await;
    let reply = refund(&operator, order, json!({"restock": true})).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let refunds = refunds_are(&operator, order, &["failed", "succeeded"]).await;
    assert_eq!(refunds[0]["failure"], "amount_too_large");
    let checkout = shopper.reaches("partially_refunded").await;
    assert_eq!((&checkout["refunded"], &checkout["refund_pending"]), (&eur(700), &eur(0)));

    let rest = refund(&operator, order, json!({"restock": true})).await;
    assert_eq!((rest.status.as_u16(), &rest.body["amount"]), (202, &eur(500)), "{}", rest.body);
    shopper.reaches("refunded").await;
    let sku = rest.body["lines"][0]["sku"].as_str().unwrap();
    assert_eq!(operator.stock(sku).await, (5, 0, 0), "the unit went back once");
    assert_invariants(&shop).await;
}
