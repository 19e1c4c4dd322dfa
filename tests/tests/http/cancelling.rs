//! Calling an order off.

use futures::future::join_all;
use system_tests::{Shop, Shopper};

use crate::support::is_problem;

#[tokio::test]
async fn calling_off_releases_the_units_at_once() {
    let shop = Shop::shared().await;
    let sku = shop.product(3).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 3)]).await;
    let reply = shopper.cancel().await;
    assert_eq!((reply.status.as_u16(), reply.state()), (200, "cancelled"));
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 0));
    shop.shopper().hold(&[(&sku, 3)]).await;
}

#[tokio::test]
async fn calling_off_again_answers_the_same() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let first = shopper.cancel().await;
    for _ in 0..3 {
        let again = shopper.cancel().await;
        assert_eq!((again.status.as_u16(), again.state()), (200, "cancelled"));
        assert_eq!(again.body["version"], first.body["version"]);
    }
    assert_eq!(shop.operator().stock(&sku).await, (1, 0, 0));
}

#[tokio::test]
async fn calling_off_many_times_at_once_releases_once() {
    let shop = Shop::shared().await;
    let sku = shop.product(3).await;
    for _ in 0..5 {
        let shopper = shop.shopper();
        shopper.hold(&[(&sku, 2)]).await;
        for reply in join_all((0..20).map(|_| shopper.cancel())).await {
            assert!(matches!(reply.status.as_u16(), 200 | 202), "{}", reply.body);
        }
        shopper.reaches("cancelled").await;
        assert_eq!(shop.operator().stock(&sku).await, (3, 0, 0));
    }
}

#[tokio::test]
async fn calling_off_after_a_decline_cancels_the_payment_as_well() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa_chargeDeclined").await;
    crate::declines::is_declined(&shopper, 1).await;
    shopper.cancel().await;
    shopper.reaches("cancelled").await;
    let payments = shop.payments_of(shopper.order_id).await;
    assert_eq!(payments[0]["status"], "canceled");
    assert_eq!(shop.operator().stock(&sku).await, (1, 0, 0));
}

#[tokio::test]
async fn a_paid_order_is_not_called_off() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    let paid = shopper.reaches("paid").await;
    is_problem(&shopper.cancel().await, "already-paid");
    assert_eq!(shopper.get().await.body["version"], paid["version"]);
    assert_eq!(shop.operator().stock(&sku).await, (0, 0, 1));
}

/// Pays and calls off at the same time; answers the state that the order ends in.
async fn race(shop: &Shop, sku: &str) -> (Shopper, String) {
    let shopper = shop.shopper();
    shopper.hold(&[(sku, 1)]).await;
    let (pay, cancel) = tokio::join!(shopper.pay("pm_card_visa"), shopper.cancel());
    assert!(matches!(pay.status.as_u16(), 200 | 202 | 409), "{}", pay.body);
    assert!(matches!(cancel.status.as_u16(), 200 | 202 | 409), "{}", cancel.body);
    let end = shopper.ends().await;
    if cancel.status == 200 {
        assert_eq!(end, "cancelled", "200 says that it is called off");
    }
    (shopper, end)
}

#[tokio::test]
async fn paying_and_calling_off_at_once_ends_in_one_of_both() {
    let shop = Shop::shared().await;
    let sku = shop.product(20).await;
    let ends = join_all((0..20).map(|_| race(&shop, &sku))).await;
    let paid = ends.iter().filter(|(_, end)| end == "paid").count();
    assert_eq!(ends.iter().filter(|(_, end)| end == "cancelled").count(), 20 - paid, "{ends:?}");
    for (shopper, end) in &ends {
        let payments = shop.payments_of(shopper.order_id).await;
        let captured: i64 = payments.iter().map(|paid| paid["captured"].as_i64().unwrap()).sum();
        assert_eq!(captured, if end == "paid" { 1_200 } else { 0 }, "{end}: {payments:?}");
    }
    let paid = i64::try_from(paid).unwrap();
    assert_eq!(shop.operator().stock(&sku).await, (20 - paid, 0, paid));
}
