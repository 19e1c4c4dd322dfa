//! Holds that run out.

use futures::future::join_all;
use reqwest::Method;
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants};
use time::{Duration, OffsetDateTime};

use crate::{
    support::{BRIEF_HOLD, at_time, brief_shop, is_problem, time_of},
    three_d_secure::waits_for_the_shopper,
};

#[tokio::test]
async fn an_abandoned_hold_ends_in_time_and_its_units_are_there_for_others() {
    let shop = brief_shop().await;
    let sku = shop.product(2).await;
    let shopper = shop.shopper();
    let held = shopper.hold(&[(&sku, 2)]).await;
    let ends = time_of(&held["hold"]["expires_at"]);
    assert!((ends - time_of(&held["created_at"]) - BRIEF_HOLD).abs() < Duration::milliseconds(100));
    let expired = shopper.reaches("expired").await;
    let late = time_of(&expired["updated_at"]) - ends;
    assert!(!late.is_negative(), "it ended before its time");
    assert!(late < Duration::seconds(3), "it ended {late} late");
    assert_eq!(shop.operator().stock(&sku).await, (2, 0, 0));
    shop.shopper().hold(&[(&sku, 2)]).await;
}

#[tokio::test]
async fn an_expired_order_takes_no_attempt_and_is_answered_as_it_is() {
    let shop = brief_shop().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.reaches("expired").await;
    is_problem(&shopper.pay("pm_card_visa").await, "hold-ended");
    let cancelled = shopper.cancel().await;
    assert_eq!((cancelled.status.as_u16(), cancelled.state()), (200, "expired"));
    assert_eq!(shop.payments_of(shopper.order_id).await.len(), 0);
}

#[tokio::test]
async fn a_payment_that_nobody_approves_ends_with_the_hold() {
    let shop = brief_shop().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_authenticationRequired").await;
    waits_for_the_shopper(&shopper).await;
    let expired = shopper.reaches("expired").await;
    assert_eq!(expired["payment"]["state"], "cancelled");
    assert_eq!(shop.payments_of(shopper.order_id).await[0]["status"], "canceled");
    assert_eq!(shop.operator().stock(&sku).await, (1, 0, 0));
}

/// Holds one unit and pays `offset` from the hold's end; answers how the order ends.
async fn pay_around_the_end(shopper: Shopper, sku: &str, offset: Duration) -> String {
    let held = shopper.hold(&[(sku, 1)]).await;
    at_time(time_of(&held["hold"]["expires_at"]) + offset).await;
    let reply = shopper.pay("pm_card_visa").await;
    let end = shopper.ends().await;
    match reply.status.as_u16() {
        200 => assert_eq!(end, "paid"),
        // Of 503 it is not known whether the attempt was taken.
        202 | 503 => {}
        _ => {
            is_problem(&reply, "hold-ended");
            assert_eq!(end, "expired", "a refused attempt has paid");
        }
    }
    end
}

#[tokio::test]
async fn paying_around_the_end_of_a_hold_ends_paid_or_expired_and_nothing_between() {
    let options = ShopOptions { hold_ttl: "2s", ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let sku = shop.product(60).await;
    let first = shop.shopper();
    let mut ends = Vec::new();
    for batch in 0..3 {
        let around = (0..20).map(|n| Duration::milliseconds(-400 + 30 * n + 10 * batch));
        let orders = around.map(|offset| pay_around_the_end(first.another_order(), &sku, offset));
        ends.extend(join_all(orders).await);
    }
    let count =
        |state: &str| i64::try_from(ends.iter().filter(|end| *end == state).count()).unwrap();
    assert_eq!(count("paid") + count("expired"), 60, "{ends:?}");
    assert_eq!(shop.operator().stock(&sku).await, (60 - count("paid"), 0, count("paid")));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn an_address_holds_only_so_many_orders_at_a_time() {
    let shop = brief_shop().await;
    let sku = shop.product(9).await;
    let first = shop.shopper();
    let put = async |address: &str| {
        let put = first.another_order().request(Method::PUT, "");
        let put = put.header("x-forwarded-for", address).json(&Shopper::cart(&[(&sku, 1)]));
        Shopper::send(put).await
    };
    let began = OffsetDateTime::now_utc();
    for _ in 0..2 {
        assert!(put("203.0.113.7").await.status.is_success());
    }
    let third = put("203.0.113.7").await;
    if OffsetDateTime::now_utc() - began < BRIEF_HOLD {
        is_problem(&third, "too-many-holds");
        assert!(third.header("retry-after").parse::<u32>().is_ok());
    }
    let held = first.another_order();
    let put_held = async || {
        let put = held.request(Method::PUT, "").header("x-forwarded-for", "203.0.113.10");
        Shopper::send(put.json(&Shopper::cart(&[(&sku, 1)]))).await
    };
    assert!(put_held().await.status.is_success());
    assert!(put("203.0.113.10").await.status.is_success());
    assert_eq!(put_held().await.status, 200, "an order that holds is known, whatever the limit");
    assert!(put("203.0.113.8").await.status.is_success(), "another address is not concerned");
    assert!(put("203.0.113.7, 203.0.113.9").await.status.is_success(), "the proxy's word counts");
}
