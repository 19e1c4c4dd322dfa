//! Open holds are counted by address, however they come and whichever node they come to.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use system_tests::{Reply, Shop, ShopOptions, Shopper, assert_invariants, eventually};

use crate::support::is_problem;

/// Open holds that an address may have here.
const MOST: usize = 3;

/// A PUT of an order for one unit, as the proxy passes it on from `address`.
async fn put_from(shopper: &Shopper, address: &str, sku: &str) -> Reply {
    let put = shopper.request(Method::PUT, "").header("x-forwarded-for", address);
    Shopper::send(put.json(&Shopper::cart(&[(sku, 1)]))).await
}

#[tokio::test]
async fn a_burst_from_one_address_holds_no_more_than_its_limit_whichever_node_it_comes_to() {
    let environment =
        [("TRUSTED_PROXIES", "127.0.0.1".to_owned()), ("HOLDS_PER_ADDRESS", MOST.to_string())];
    let shop =
        Shop::open(ShopOptions { environment: environment.to_vec(), ..ShopOptions::default() })
            .await;
    let sku = shop.product(40).await;
    let address = "203.0.113.7";
    let burst: Vec<_> = (0..20).map(|_| shop.shopper()).collect();
    let replies = join_all(burst.iter().map(|shopper| put_from(shopper, address, &sku))).await;
    let held = replies.iter().filter(|reply| reply.status.is_success()).count();
    assert!((1..=MOST).contains(&held), "{held} are held");
    for refused in replies.iter().filter(|reply| !reply.status.is_success()) {
        is_problem(refused, "too-many-holds");
    }

    // What was under way is over: now the address has what it may have, and no more.
    for _ in held..MOST {
        assert!(put_from(&shop.shopper(), address, &sku).await.status.is_success());
    }
    is_problem(&put_from(&shop.shopper(), address, &sku).await, "too-many-holds");
    assert!(put_from(&shop.shopper(), "203.0.113.8", &sku).await.status.is_success());

    // Another node, which has another webhook secret already, counts alike.
    let secrets = ("STRIPE_WEBHOOK_SECRETS", "whsec_rotated".to_owned());
    let node = shop.another_api(&[secrets]);
    let at_node = || Shopper::new(format!("http://{}", node.address("shop")));
    is_problem(&put_from(&at_node(), address, &sku).await, "too-many-holds");
    assert!(put_from(&at_node(), "203.0.113.8", &sku).await.status.is_success());
    eventually("all of it is held", Duration::from_secs(30), || async {
        (shop.operator().stock(&sku).await.1 == 5).then_some(())
    })
    .await;
    assert_invariants(&shop).await;
}
