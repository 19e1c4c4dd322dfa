//! Attempts that the bank declines.

use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use system_tests::{Shop, Shopper, eventually};
use uuid::Uuid;

use crate::support::{EventStream, is_problem};

/// Waits until attempt `number` is declined and the order takes another; answers the checkout.
pub async fn is_declined(shopper: &Shopper, number: i64) -> Value {
    let what = format!("attempt {number} is declined");
    eventually(&what, Duration::from_secs(20), || async {
        let reply = shopper.get().await;
        let payment = &reply.body["payment"];
        let declined = payment["state"] == "declined" && payment["attempts"] == number;
        (declined && reply.state() == "awaiting_payment").then_some(reply.body)
    })
    .await
}

/// Makes attempt `number`, which is declined.
async fn decline(shopper: &Shopper, number: i64) {
    // The order may show the last decline a moment before it takes another attempt.
    eventually("the attempt is made", Duration::from_secs(10), || async {
        let reply = shopper.pay("pm_card_visa_chargeDeclined").await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        (reply.body["payment"]["attempts"] == number).then_some(())
    })
    .await;
    is_declined(shopper, number).await;
}

#[tokio::test]
async fn a_declined_attempt_says_why_and_the_next_one_pays() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa_chargeDeclinedInsufficientFunds").await;
    let declined = is_declined(&shopper, 1).await;
    assert_eq!(declined["payment"]["decline_code"], "insufficient_funds");
    assert_eq!(shop.operator().stock(&sku).await, (0, 1, 0), "the units stay held");
    shopper.pay("pm_card_visa").await;
    let paid = shopper.reaches("paid").await;
    assert_eq!(paid["payment"]["attempts"], 2);
    assert_eq!(paid["payment"]["decline_code"], Value::Null);
    let payments = shop.payments_of(shopper.order_id).await;
    assert_eq!(payments.len(), 1, "one intent an order: {payments:?}");
    assert_eq!(payments[0]["captured"], 1_200);
}

#[tokio::test]
async fn a_declined_attempt_posted_again_stays_declined() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let attempt = Uuid::new_v4();
    shopper.pay_attempt(attempt, "pm_card_visa_chargeDeclined").await;
    let declined = is_declined(&shopper, 1).await;
    assert_eq!(declined["payment"]["decline_code"], "generic_decline");
    for _ in 0..3 {
        // Even with another payment method: the id says which attempt it is.
        let again = shopper.pay_attempt(attempt, "pm_card_visa").await;
        assert_eq!(again.status, 202, "{}", again.body);
        assert_eq!(again.body["version"], declined["version"]);
    }
    decline(&shopper, 2).await;
    let order = shop.operator().order(shopper.order_id).await;
    assert_eq!(order["payments"].as_array().unwrap().len(), 2, "{order}");
}

#[tokio::test]
async fn after_five_declines_no_further_attempt_is_taken() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    for number in 1..=5 {
        decline(&shopper, number).await;
    }
    eventually("the sixth is refused", Duration::from_secs(5), || async {
        let sixth = shopper.pay("pm_card_visa").await;
        (sixth.status != 202).then(|| is_problem(&sixth, "too-many-attempts"))
    })
    .await;
    let order = shop.operator().order(shopper.order_id).await;
    assert_eq!(order["payments"].as_array().unwrap().len(), 5);
    assert_eq!(shopper.cancel().await.state(), "cancelled", "it can still be called off");
}

#[tokio::test]
async fn an_attempt_posted_the_moment_a_decline_shows_is_really_made() {
    let shop = Shop::shared().await;
    let sku = shop.product(20).await;
    for round in 0..20 {
        let shopper = shop.shopper();
        shopper.hold(&[(&sku, 1)]).await;
        let mut events = EventStream::open(&shopper).await;
        shopper.pay("pm_card_visa_chargeDeclined").await;
        events.until(|event| event.payment_state() == "declined").await;
        let second = shopper.pay("pm_card_visa").await;
        assert!(matches!(second.status.as_u16(), 200 | 202), "{}", second.body);
        let last = events.until(|event| event.state() == "paid").await;
        assert_eq!(last.checkout["payment"]["attempts"], 2, "round {round}");
    }
}

#[tokio::test]
async fn many_clicks_the_moment_a_decline_shows_are_one_attempt() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    for _ in 0..5 {
        let shopper = shop.shopper();
        shopper.hold(&[(&sku, 1)]).await;
        let mut events = EventStream::open(&shopper).await;
        shopper.pay("pm_card_visa_chargeDeclined").await;
        events.until(|event| event.payment_state() == "declined").await;
        join_all((0..10).map(|_| shopper.pay("pm_card_visa"))).await;
        let paid = events.until(|event| event.state() == "paid").await;
        assert_eq!(paid.checkout["payment"]["attempts"], 2);
        assert_eq!(shop.payments_of(shopper.order_id).await[0]["captured"], 1_200);
    }
}
