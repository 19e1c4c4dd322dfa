//! Many shoppers at once.

use futures::future::join_all;
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants};

use crate::support::{is_problem, stranger_to};

#[tokio::test]
async fn fifty_identical_requests_at_once_are_one_order() {
    let shop = Shop::shared().await;
    let sku = shop.product(100).await;
    let shopper = shop.shopper();
    let cart = Shopper::cart(&[(&sku, 2)]);
    let replies = join_all((0..50).map(|_| shopper.put_until_decided(&cart))).await;
    for reply in &replies {
        assert!(matches!(reply.status.as_u16(), 200 | 201), "{}", reply.body);
        assert_eq!(reply.body["created_at"], replies[0].body["created_at"]);
        assert_eq!(reply.body["version"], 1);
    }
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    assert!(created <= 1, "{created} were told that they made it");
    assert_eq!(shop.operator().stock(&sku).await, (98, 2, 0));
}

#[tokio::test]
async fn sixty_shoppers_on_five_units_leave_nobody_with_a_unit_that_is_not_there() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let first = shop.shopper();
    let cart = Shopper::cart(&[(&sku, 1)]);
    let shoppers: Vec<_> = (0..60).map(|_| first.another_order()).collect();
    let replies = join_all(shoppers.iter().map(|shopper| shopper.put_until_decided(&cart))).await;
    let (held, refused): (Vec<_>, Vec<_>) =
        replies.iter().partition(|reply| reply.status.is_success());
    assert_eq!((held.len(), refused.len()), (5, 55));
    for reply in refused {
        is_problem(reply, "out-of-stock");
        assert_eq!(reply.body["lines"][0]["sku"], sku);
        assert_eq!(reply.body["lines"][0]["requested"], 1);
    }
    assert_eq!(shop.operator().stock(&sku).await, (0, 5, 0));
}

#[tokio::test]
async fn carts_in_opposite_order_do_not_lock_each_other_out() {
    let shop = Shop::shared().await;
    let (mug, tee) = (shop.product(30).await, shop.product(30).await);
    let first = shop.shopper();
    let buy = async |n: usize| {
        let shopper = first.another_order();
        let lines =
            if n.is_multiple_of(2) { [(&*mug, 1), (&*tee, 1)] } else { [(&*tee, 1), (&*mug, 1)] };
        let reply = shopper.put_until_decided(&Shopper::cart(&lines)).await;
        if n.is_multiple_of(4) && reply.status.is_success() {
            shopper.cancel().await;
            shopper.reaches("cancelled").await;
        }
        reply.status.as_u16()
    };
    let statuses = join_all((0..40).map(buy)).await;
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201 | 409)), "{statuses:?}");
    let (mugs, tees) = (shop.operator().stock(&mug).await, shop.operator().stock(&tee).await);
    assert_eq!(mugs, tees, "each cart holds both or none");
    assert_eq!(mugs.0 + mugs.1, 30);
    assert!(mugs.1 >= 20, "30 of 40 can hold, up to 10 of which call off: {mugs:?}");
}

#[tokio::test]
async fn a_cart_that_is_partly_short_holds_nothing_of_it() {
    let shop = Shop::shared().await;
    let (plenty, last) = (shop.product(100).await, shop.product(1).await);
    let first = shop.shopper();
    let cart = Shopper::cart(&[(&plenty, 3), (&last, 1)]);
    let shoppers: Vec<_> = (0..20).map(|_| first.another_order()).collect();
    let replies = join_all(shoppers.iter().map(|shopper| shopper.put_until_decided(&cart))).await;
    let held = replies.iter().filter(|reply| reply.status.is_success()).count();
    assert_eq!(held, 1);
    assert_eq!(shop.operator().stock(&plenty).await, (97, 3, 0));
    assert_eq!(shop.operator().stock(&last).await, (0, 1, 0));
}

#[tokio::test]
async fn twenty_shoppers_pay_for_what_they_hold_at_once() {
    let shop = Shop::shared().await;
    let sku = shop.product(20).await;
    let first = shop.shopper();
    let buy = async |_| {
        let shopper = first.another_order();
        shopper.put_until_decided(&Shopper::cart(&[(&sku, 1)])).await;
        shopper.pay("pm_card_visa").await;
        shopper.reaches("paid").await["version"].as_i64().unwrap()
    };
    join_all((0..20).map(buy)).await;
    assert_eq!(shop.operator().stock(&sku).await, (0, 0, 20));
}

#[tokio::test]
async fn two_requests_under_one_id_at_once_are_one_order_and_one_refusal() {
    let shop = Shop::shared().await;
    let sku = shop.product(100).await;
    for _ in 0..5 {
        let shopper = shop.shopper();
        let carts = [Shopper::cart(&[(&sku, 1)]), Shopper::cart(&[(&sku, 2)])];
        let puts = carts.iter().cycle().take(8).map(|cart| shopper.put_until_decided(cart));
        let replies = join_all(puts).await;
        let quantity = shopper.get().await.body["lines"][0]["quantity"].as_u64().unwrap();
        for (n, reply) in replies.iter().enumerate() {
            if n % 2 + 1 == usize::try_from(quantity).unwrap() {
                assert!(reply.status.is_success(), "{}", reply.body);
            } else {
                is_problem(reply, "order-id-reused");
            }
        }
        shopper.cancel().await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (100, 0, 0));
}

#[tokio::test]
async fn two_secrets_under_one_id_at_once_are_one_owner_and_one_stranger() {
    let shop = Shop::shared().await;
    let sku = shop.product(100).await;
    let cart = Shopper::cart(&[(&sku, 1)]);
    for _ in 0..5 {
        let one = shop.shopper();
        let other = stranger_to(&one);
        let (first, second) =
            tokio::join!(one.put_until_decided(&cart), other.put_until_decided(&cart));
        let (owner, stranger) =
            if first.status.is_success() { (first, second) } else { (second, first) };
        assert!(owner.status.is_success(), "{}", owner.body);
        is_problem(&stranger, "checkout-not-found");
    }
    assert_eq!(shop.operator().stock(&sku).await, (95, 5, 0));
}

#[tokio::test]
async fn in_a_drop_no_more_orders_are_started_than_can_win_and_every_unit_is_held() {
    const UNITS: usize = 10;
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(i64::try_from(UNITS).unwrap()).await;
    let crowd: Vec<_> = (0..200).map(|_| shop.shopper()).collect();
    let cart = Shopper::cart(&[(&sku, 1)]);
    let decided = join_all(crowd.iter().map(|shopper| shopper.put_until_decided(&cart))).await;
    let held = decided.iter().filter(|reply| reply.status.is_success()).count();
    assert_eq!(held, UNITS);
    for reply in decided.iter().filter(|reply| !reply.status.is_success()) {
        is_problem(reply, "out-of-stock");
    }
    // A loser's order was not even begun: it can be asked for again when units come back.
    let refused = shop.operator().get("/v1/orders?state=refused&limit=200").await;
    assert_eq!(refused["orders"].as_array().unwrap().len(), 0, "{refused}");
    assert_eq!(shop.operator().stock(&sku).await, (0, 10, 0));
    assert_invariants(&shop).await;
}
