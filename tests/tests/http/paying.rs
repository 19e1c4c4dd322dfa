//! Paying: money and units move once.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use system_tests::{Reply, Shop, Shopper, assert_invariants, eventually};
use uuid::Uuid;

use crate::support::is_problem;

/// The one payment of the order `id`, which has to be all of `amount`, captured once.
async fn is_charged_once(shop: &Shop, id: Uuid, amount: i64) {
    let payments = shop.payments_of(id).await;
    assert_eq!(payments.len(), 1, "one intent an order: {payments:?}");
    let paid = &payments[0];
    let expected = json!({
        "payment_intent": paid["payment_intent"], "order_id": id, "status": "succeeded",
        "amount": amount, "currency": "EUR", "amount_capturable": 0, "captured": amount,
        "refunded": 0, "disputed": false,
    });
    assert_eq!(paid, &expected);
}

#[tokio::test]
async fn paying_moves_the_money_and_sells_the_units() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 2)]).await;
    let queued = shopper.pay("pm_card_visa").await;
    assert!(matches!(queued.status.as_u16(), 200 | 202), "{}", queued.body);
    assert_eq!(queued.header("location"), format!("/v1/checkouts/{}", shopper.order_id));
    assert_eq!(queued.header("cache-control"), "no-store");
    let paid = shopper.reaches("paid").await;
    let payment =
        json!({"state": "captured", "attempts": 1, "decline_code": null, "next_action": null});
    assert_eq!(paid["payment"], payment);
    is_charged_once(&shop, shopper.order_id, 2_400).await;
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 2));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn an_attempt_is_queued_and_not_awaited() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    // It stays with the shopper's bank until the shopper answers there.
    let queued = shopper.pay("pm_card_authenticationRequired").await;
    assert_eq!(queued.status, 202, "{}", queued.body);
    assert_eq!(queued.state(), "paying");
    assert_eq!(queued.body["payment"]["attempts"], 1);
}

#[tokio::test]
async fn the_same_attempt_twice_is_one_attempt() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let attempt = Uuid::new_v4();
    let clicks = (0..10).map(|_| shopper.pay_attempt(attempt, "pm_card_visa"));
    for reply in join_all(clicks).await {
        assert!(matches!(reply.status.as_u16(), 200 | 202), "{}", reply.body);
    }
    shopper.reaches("paid").await;
    let again = shopper.pay_attempt(attempt, "pm_card_visa").await;
    assert_eq!((again.status.as_u16(), again.state()), (200, "paid"));
    let order = shop.operator().order(shopper.order_id).await;
    assert_eq!(order["payments"].as_array().unwrap().len(), 1, "{order}");
    is_charged_once(&shop, shopper.order_id, 1_200).await;
}

#[tokio::test]
async fn twenty_clicks_at_once_are_one_charge() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    for reply in join_all((0..20).map(|_| click(&shopper))).await {
        assert!(matches!(reply.status.as_u16(), 200 | 202), "{}", reply.body);
    }
    let paid = shopper.reaches("paid").await;
    assert_eq!(paid["payment"]["attempts"], 1);
    is_charged_once(&shop, shopper.order_id, 1_200).await;
}

/// Clicks; told of an overload, clicks again.
async fn click(shopper: &Shopper) -> Reply {
    eventually("an answer", Duration::from_secs(20), || async {
        let reply = shopper.pay("pm_card_visa").await;
        (reply.status != 503).then_some(reply)
    })
    .await
}

#[tokio::test]
async fn a_click_while_an_attempt_is_in_flight_changes_nothing() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_authenticationRequired").await;
    let waiting = crate::three_d_secure::waits_for_the_shopper(&shopper).await;
    for reply in join_all((0..20).map(|_| shopper.pay("pm_card_visa"))).await {
        assert_eq!((reply.status.as_u16(), reply.state()), (202, "paying"));
        assert_eq!(reply.body["version"], waiting["version"]);
        assert_eq!(reply.body["payment"], waiting["payment"]);
    }
    shopper.cancel().await;
    shopper.reaches("cancelled").await;
    assert_eq!(
        shop.operator().order(shopper.order_id).await["payments"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_click_after_paying_is_200_and_charges_nothing() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    let paid = shopper.reaches("paid").await;
    let again = shopper.pay("pm_card_visa").await;
    assert_eq!((again.status.as_u16(), again.state()), (200, "paid"));
    assert_eq!(again.body["version"], paid["version"]);
    is_charged_once(&shop, shopper.order_id, 1_200).await;
}

#[tokio::test]
async fn a_cancelled_order_takes_no_attempt() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.cancel().await;
    is_problem(&shopper.pay("pm_card_visa").await, "hold-ended");
    assert_eq!(shop.payments_of(shopper.order_id).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_payment_method_that_there_is_not_is_a_decline() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_no_such").await;
    let declined = crate::declines::is_declined(&shopper, 1).await;
    assert!(declined["payment"]["decline_code"].is_string(), "{declined}");
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    is_charged_once(&shop, shopper.order_id, 1_200).await;
}

#[tokio::test]
async fn the_same_attempt_id_on_two_orders_is_two_attempts() {
    let shop = Shop::shared().await;
    let sku = shop.product(2).await;
    let attempt = Uuid::new_v4();
    let (one, other) = (shop.shopper(), shop.shopper());
    for shopper in [&one, &other] {
        shopper.hold(&[(&sku, 1)]).await;
        shopper.pay_attempt(attempt, "pm_card_visa").await;
        shopper.reaches("paid").await;
        is_charged_once(&shop, shopper.order_id, 1_200).await;
    }
}
