//! A refund and a dispute that meet.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants, eventually, http_client};

use crate::{SOON, eur, paid, refund, refunded_at_provider};

/// An operator gives a part back while the cardholder disputes the payment, `later` or sooner.
async fn refund_while_disputed(shop: &Shop, shopper: &Shopper, later: Duration) {
    let intent = shop.payments_of(shopper.order_id).await[0]["payment_intent"].clone();
    let button =
        format!("{}/console/dispute/{}", shop.sandbox_url(), intent.as_str().unwrap_or_default());
    let disputed = async {
        tokio::time::sleep(later).await;
        http_client().post(button).send().await.unwrap()
    };
    let operator = shop.operator();
    let asked = refund(&operator, shopper.order_id, json!({"amount": eur(300)}));
    let (asked, _) = tokio::join!(asked, disputed);
    assert!([202, 409].contains(&asked.status.as_u16()), "{} {}", asked.status, asked.body);
}

#[tokio::test]
async fn a_refund_and_a_dispute_at_the_same_instant_end_with_books_that_agree() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(10).await, shop.operator());
    let cart = [(&*sku, 1)];
    let shoppers = join_all((0..8).map(|_| paid(&shop, &cart))).await;
    let laters = (0..).map(|turn| Duration::from_millis(12 * turn));
    let all = shoppers.iter().zip(laters);
    join_all(all.map(|(shopper, later)| refund_while_disputed(&shop, shopper, later))).await;
    for shopper in &shoppers {
        let order_id = shopper.order_id;
        shopper.reaches("disputed").await;
        let order = eventually(&format!("{order_id} has nothing on its way"), SOON, || async {
            let order = operator.order(order_id).await;
            (order["refund_pending"]["amount"] == 0).then_some(order)
        })
        .await;
        let given_back = refunded_at_provider(&shop, order_id).await;
        assert_eq!(order["refunded"], eur(given_back), "{order}");
        let more = refund(&operator, order_id, json!({"amount": eur(1)})).await;
        assert_eq!((more.status.as_u16(), more.problem()), (409, "order-disputed"));
    }
    assert_invariants(&shop).await;
}
