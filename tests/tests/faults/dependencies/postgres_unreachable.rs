//! Postgres that is dead, silent, or slow.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use system_tests::{Proxy, Shop, Shopper, Trouble, assert_invariants};

use super::{
    can_be_browsed, is_told_to_come_back, operators_see, readiness, shop_behind_proxy_to_postgres,
};
use crate::faults::{buying, signed::webhook};

/// Half of the 200 ms that a round trip takes then.
const EACH_WAY: Duration = Duration::from_millis(100);
/// A request that waits for one of them at a time may be given up before Postgres is.
const AWAY: &[&str] = &["database-unavailable", "overloaded"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_shoppers_browse_and_every_order_goes_on_after() {
    let (shop, proxy) = shop_behind_proxy_to_postgres().await;
    for trouble in [Trouble::Reset, Trouble::BlackHole] {
        survives(&shop, &proxy, trouble).await;
    }
    buying::every_webhook_has_an_outcome(&shop).await;
    assert_invariants(&shop).await;
}

async fn survives(shop: &Shop, proxy: &Proxy, trouble: Trouble) {
    let sku = buying::product(shop, 9).await;
    let [held, approved, coming] = [(); 3].map(|()| shop.shopper());
    for shopper in [&held, &approved] {
        buying::hold(shopper, &sku, 1).await;
    }
    buying::pay(&approved, "pm_card_authenticationRequired").await;
    let bank_page = buying::bank_page(&approved).await;
    let (_, event) = webhook(shop);

    proxy.set(Some(trouble));

    let cart = Shopper::cart(&[(&sku, 2)]);
    // The provider is told to come back as well, and does.
    let (operator, word) = (shop.operator(), Shopper::send(event.try_clone().unwrap()));
    let listed = Shopper::send(operator.request(Method::GET, "/v1/orders"));
    let (put, read, paid, cancelled, word, listed, ready) = tokio::join!(
        coming.put(&cart),
        held.get(),
        held.pay("pm_card_visa"),
        held.cancel(),
        word,
        listed,
        readiness(&held),
    );
    for reply in [put, read, paid, cancelled, word, listed, ready] {
        is_told_to_come_back(&reply, AWAY);
    }
    can_be_browsed(&held, &sku).await;
    operators_see(shop, "holdfast_dependency_up{dependency=\"postgres\"} 0").await;
    buying::approve(&bank_page).await;

    proxy.set(None);

    shop.is_ready().await;
    buying::until_taken("the webhook that was told to come back", || event.try_clone().unwrap())
        .await;
    buying::hold(&coming, &sku, 2).await;
    for shopper in [&held, &coming] {
        buying::pay(shopper, "pm_card_visa").await;
    }
    for shopper in [&held, &approved, &coming] {
        buying::is_paid_once(shop, shopper).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (5, 0, 4), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgres_200_ms_away_units_are_sold_once_and_the_rest_is_told_that_they_are_gone() {
    let (shop, proxy) = shop_behind_proxy_to_postgres().await;
    let sku = buying::product(&shop, 3).await;
    proxy.set(Some(Trouble::Delay(EACH_WAY)));
    let shoppers: Vec<_> = (0..6).map(|_| shop.shopper()).collect();
    let cart = Shopper::cart(&[(&sku, 1)]);
    let decided = join_all(shoppers.iter().map(|shopper| shopper.put_until_decided(&cart))).await;

    let (got, gone): (Vec<_>, Vec<_>) =
        shoppers.iter().zip(&decided).partition(|(_, reply)| reply.status.is_success());
    assert_eq!((got.len(), gone.len()), (3, 3), "{decided:?}");
    for (_, reply) in gone {
        assert_eq!((reply.status.as_u16(), reply.problem()), (409, "out-of-stock"));
    }
    join_all(got.iter().map(async |(shopper, _)| {
        buying::pay(shopper, "pm_card_visa").await;
        buying::is_paid_once(&shop, shopper).await;
    }))
    .await;
    assert!(proxy.disturbed() > 0, "everything was late");
    assert_eq!(shop.operator().stock(&sku).await, (0, 0, 3));
    assert_invariants(&shop).await;
}
