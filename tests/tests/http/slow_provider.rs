//! What shoppers are told while the payment provider takes its time.

use futures::future::join_all;
use serde_json::json;
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants};

use crate::support::is_problem;

#[tokio::test]
async fn nobody_waits_for_a_slow_provider_and_nothing_is_charged_twice() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(2).await;
    let (buyer, leaver) = (shop.shopper(), shop.shopper());
    buyer.hold(&[(&sku, 1)]).await;
    leaver.hold(&[(&sku, 1)]).await;
    shop.faults(json!({"latency_ms": 700})).await;
    tokio::join!(clicks_and_clicks(&shop, &buyer), pays_and_calls_off(&shop, &leaver));
    assert_eq!(shop.operator().stock(&sku).await, (1, 0, 1));
    assert_invariants(&shop).await;
}

async fn clicks_and_clicks(shop: &Shop, shopper: &Shopper) {
    let first = shopper.pay("pm_card_visa").await;
    assert_eq!((first.status.as_u16(), first.state()), (202, "paying"));
    for reply in join_all((0..20).map(|_| shopper.pay("pm_card_visa"))).await {
        assert!(matches!(reply.status.as_u16(), 200 | 202), "{}", reply.body);
        assert_eq!(reply.body["payment"]["attempts"], 1);
    }
    let paid = shopper.reaches("paid").await;
    assert_eq!(paid["payment"]["attempts"], 1);
    let payments = shop.payments_of(shopper.order_id).await;
    assert_eq!((payments.len(), &payments[0]["captured"]), (1, &json!(1_200)));
}

async fn pays_and_calls_off(shop: &Shop, shopper: &Shopper) {
    shopper.pay("pm_card_authenticationRequired").await;
    crate::three_d_secure::waits_for_the_shopper(shopper).await;
    shop.faults(json!({"latency_ms": 1_500})).await;
    for _ in 0..2 {
        let closing = shopper.cancel().await;
        if closing.state() == "cancelled" {
            break;
        }
        assert_eq!((closing.status.as_u16(), closing.state()), (202, "closing"));
        assert!(closing.header("retry-after").parse::<u32>().is_ok());
        is_problem(&shopper.pay("pm_card_visa").await, "hold-ended");
    }
    shopper.reaches("cancelled").await;
    assert_eq!(shopper.cancel().await.status, 200);
}
