//! API and worker as two processes.

use reqwest::Method;
use system_tests::{Running, Shop, ShopOptions, Shopper, assert_invariants};

use crate::support::{is_problem, stranger_to};

#[tokio::test]
async fn two_processes_are_the_same_shop() {
    let options = ShopOptions { running: Running::Split, ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 2)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 2));

    shop.kill_worker();
    an_order_that_is_not_decided_yet_is_answered_all_the_same(&shop, &sku).await;
    assert_invariants(&shop).await;
}

async fn an_order_that_is_not_decided_yet_is_answered_all_the_same(shop: &Shop, sku: &str) {
    let shopper = shop.shopper();
    let cart = Shopper::cart(&[(sku, 1)]);
    let (first, again) = tokio::join!(shopper.put(&cart), shopper.put(&cart));
    for reply in [&first, &again, &shopper.get().await] {
        assert_eq!(reply.state(), "reserving", "{}", reply.body);
        assert_eq!(reply.body["total"]["amount"], 1_200);
    }
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (202, 202));
    assert!(first.header("retry-after").parse::<u32>().is_ok());
    let other_body = shopper.put(&Shopper::cart(&[(sku, 2)])).await;
    is_problem(&other_body, "order-id-reused");
    let stranger = stranger_to(&shopper);
    is_problem(&stranger.get().await, "checkout-not-found");
    is_problem(&stranger.put(&cart).await, "checkout-not-found");
    is_problem(&shopper.pay("pm_card_visa").await, "still-reserving");
    let events = shopper.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!(events.status(), 200);
    shop.start_worker();
    shopper.reaches("awaiting_payment").await;
    assert_eq!(shop.operator().stock(sku).await, (2, 1, 2));
}
