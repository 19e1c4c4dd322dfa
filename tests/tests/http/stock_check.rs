//! How a cart stands, before anything is held.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Reply, Shop, Shopper, eventually};
use time::OffsetDateTime;

use crate::support::time_of;

async fn check(shop: &Shop, lines: &[(&str, u32)]) -> Reply {
    let post = shop.shopper().anonymous(Method::POST, "/v1/stock-check");
    Shopper::send(post.json(&Shopper::cart(lines))).await
}

fn eur(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

#[tokio::test]
async fn each_line_is_ok_reduced_out_of_stock_or_unknown() {
    let shop = Shop::shared().await;
    let (plenty, few, none) = (shop.product(4).await, shop.product(2).await, shop.product(0).await);
    let reply = check(&shop, &[(&plenty, 4), (&few, 3), (&none, 1), ("no-such", 1)]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let line = |sku: &str, requested: i64, available: i64, price: Value, status: &str| {
        json!({
            "sku": sku, "requested": requested, "available": available, "unit_price": price,
            "status": status,
        })
    };
    let expected = json!([
        line(&plenty, 4, 4, eur(1_200), "ok"),
        line(&few, 3, 2, eur(1_200), "reduced"),
        line(&none, 1, 0, eur(1_200), "out_of_stock"),
        line("no-such", 1, 0, Value::Null, "unknown"),
    ]);
    assert_eq!(reply.body["lines"], expected);
}

#[tokio::test]
async fn a_cart_that_can_be_had_is_added_up() {
    let shop = Shop::shared().await;
    let (mug, tee) = (shop.product(9).await, shop.product(9).await);
    shop.operator().put_product(&tee, 99).await;
    let reply = check(&shop, &[(&mug, 2), (&tee, 3)]).await;
    assert_eq!(reply.body["total"], eur(2 * 1_200 + 3 * 99));
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_answer_says_as_of_when_and_that_is_recent() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    eventually("an answer of the last second", Duration::from_secs(5), || async {
        let before = OffsetDateTime::now_utc();
        let as_of = time_of(&check(&shop, &[(&sku, 1)]).await.body["as_of"]);
        assert!(as_of <= OffsetDateTime::now_utc(), "an answer from the future");
        (before - as_of < time::Duration::SECOND).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_hold_shows_within_a_second_and_so_does_its_release() {
    let shop = Shop::shared().await;
    let sku = shop.product(2).await;
    let shopper = shop.shopper();
    let shows = async |status: &str| {
        eventually(&format!("the line is {status}"), Duration::from_secs(1), || async {
            let reply = check(&shop, &[(&sku, 2)]).await;
            (reply.body["lines"][0]["status"] == status).then_some(())
        })
        .await;
    };
    shopper.hold(&[(&sku, 2)]).await;
    shows("out_of_stock").await;
    shopper.cancel().await;
    shows("ok").await;
}

#[tokio::test]
async fn a_check_holds_nothing() {
    let shop = Shop::shared().await;
    let sku = shop.product(2).await;
    for _ in 0..5 {
        check(&shop, &[(&sku, 2)]).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (2, 0, 0));
}
