//! Payments that the shopper has to approve at the bank.

use std::time::Duration;

use serde_json::Value;
use system_tests::{Shop, Shopper, eventually};

use crate::{
    declines::is_declined,
    support::{Bank, EventStream},
};

/// Waits until the payment waits for the shopper; answers the checkout.
pub async fn waits_for_the_shopper(shopper: &Shopper) -> Value {
    eventually("the payment requires action", Duration::from_secs(20), || async {
        let reply = shopper.get().await;
        (reply.body["payment"]["state"] == "requires_action").then_some(reply.body)
    })
    .await
}

/// Holds one unit and tries to pay with a card that has to be approved.
async fn at_the_bank(shop: &Shop, sku: &str) -> (Shopper, Value) {
    let shopper = shop.shopper();
    shopper.hold(&[(sku, 1)]).await;
    shopper.pay("pm_card_authenticationRequired").await;
    let checkout = waits_for_the_shopper(&shopper).await;
    assert_eq!(checkout["state"], "paying");
    (shopper, checkout)
}

#[tokio::test]
async fn approving_at_the_bank_pays() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, checkout) = at_the_bank(&shop, &sku).await;
    let mut events = EventStream::open(&shopper).await;
    let bank = Bank::of(&checkout);
    assert!(bank.page().await.contains("approve"));
    assert!(bank.answer("approve").await.is_redirection(), "back to the shop");
    let paid = events.until(|event| event.state() == "paid").await.checkout;
    assert_eq!(paid["payment"]["next_action"], Value::Null);
    assert_eq!(paid["payment"]["attempts"], 1);
    assert_eq!(shop.payments_of(shopper.order_id).await[0]["captured"], 1_200);
}

#[tokio::test]
async fn refusing_at_the_bank_is_a_decline_and_the_next_attempt_pays() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, checkout) = at_the_bank(&shop, &sku).await;
    Bank::of(&checkout).answer("refuse").await;
    let declined = is_declined(&shopper, 1).await;
    assert_eq!(declined["payment"]["next_action"], Value::Null);
    assert!(declined["payment"]["decline_code"].is_string(), "{declined}");
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    assert_eq!(shop.payments_of(shopper.order_id).await.len(), 1);
}

#[tokio::test]
async fn calling_off_while_the_bank_waits_leaves_nothing_to_approve() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, checkout) = at_the_bank(&shop, &sku).await;
    let reply = shopper.cancel().await;
    assert!(matches!(reply.status.as_u16(), 200 | 202), "{}", reply.body);
    let cancelled = shopper.reaches("cancelled").await;
    assert_eq!(cancelled["payment"]["state"], "cancelled");
    assert_eq!(cancelled["payment"]["next_action"], Value::Null);
    Bank::of(&checkout).answer("approve").await;
    let payments = shop.payments_of(shopper.order_id).await;
    assert_eq!((&payments[0]["status"], &payments[0]["captured"]), (&"canceled".into(), &0.into()));
    assert_eq!(shopper.get().await.body["version"], cancelled["version"]);
    assert_eq!(shop.operator().stock(&sku).await, (1, 0, 0));
}

#[tokio::test]
async fn a_shopper_who_refused_may_be_sent_to_the_bank_again() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, checkout) = at_the_bank(&shop, &sku).await;
    Bank::of(&checkout).answer("refuse").await;
    is_declined(&shopper, 1).await;
    shopper.pay("pm_card_authenticationRequired").await;
    let again = waits_for_the_shopper(&shopper).await;
    assert_eq!(again["payment"]["attempts"], 2);
    Bank::of(&again).answer("approve").await;
    shopper.reaches("paid").await;
    let payments = shop.payments_of(shopper.order_id).await;
    assert_eq!((payments.len(), &payments[0]["captured"]), (1, &1_200.into()));
}
