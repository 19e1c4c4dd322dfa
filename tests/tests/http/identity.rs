//! An order id is one request: the same again finds the order, anything else is refused.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use system_tests::{Shop, Shopper, eventually};
use uuid::Uuid;

use crate::support::{brief_shop, is_problem, json_text, time_of};

#[tokio::test]
async fn a_checkout_has_the_members_of_the_contract_and_no_others() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    let mut checkout = shopper.hold(&[(&sku, 2)]).await;
    let (made, ends) = (time_of(&checkout["created_at"]), time_of(&checkout["hold"]["expires_at"]));
    assert!((ends - made - time::Duration::minutes(5)).abs() < time::Duration::SECOND);
    assert!((298..=300).contains(&checkout["hold"]["remaining_seconds"].as_i64().unwrap()));
    assert!((time_of(&checkout["server_time"]) - made).abs() < time::Duration::seconds(5));
    time_of(&checkout["updated_at"]);
    for time in ["server_time", "created_at", "updated_at"] {
        checkout[time] = json!("a time");
    }
    checkout["hold"] = json!("a hold");
    let eur = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    let expected = json!({
        "order_id": shopper.order_id, "state": "awaiting_payment", "version": 1,
        "lines": [{
            "sku": sku, "name": format!("Thing {sku}"), "quantity": 2,
            "unit_price": eur(1_200), "line_total": eur(2_400),
        }],
        "total": eur(2_400), "hold": "a hold",
        "payment": {"state": "none", "attempts": 0, "decline_code": null, "next_action": null},
        "refunded": eur(0), "refund_pending": eur(0),
        "server_time": "a time", "created_at": "a time", "updated_at": "a time",
    });
    assert_eq!(checkout, expected);
}

#[tokio::test]
async fn a_new_order_is_201_unless_the_shop_is_overrun() {
    let shop = Shop::shared().await;
    let sku = shop.product(50).await;
    let held = eventually("an order decided in time", Duration::from_secs(30), || async {
        let reply = shop.shopper().put(&Shopper::cart(&[(&sku, 1)])).await;
        (reply.status != 202).then_some(reply)
    })
    .await;
    assert_eq!((held.status.as_u16(), held.state()), (201, "awaiting_payment"));
    assert_eq!(held.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_same_request_again_is_200_with_the_same_order() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    let held = shopper.hold(&[(&sku, 2)]).await;
    for _ in 0..3 {
        let again = shopper.put(&Shopper::cart(&[(&sku, 2)])).await;
        assert_eq!(again.status, 200, "{}", again.body);
        assert_eq!(again.header("cache-control"), "no-store");
        for member in ["order_id", "state", "version", "created_at", "lines"] {
            assert_eq!(again.body[member], held[member]);
        }
        assert_eq!(again.body["hold"]["expires_at"], held["hold"]["expires_at"]);
    }
    assert_eq!(shop.operator().stock(&sku).await, (3, 2, 0));
}

#[tokio::test]
async fn the_same_request_in_another_spelling_is_the_same() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 2)]).await;
    let spelled = format!(" {{ \"lines\" : [ {{ \"quantity\":2, \"sku\":\"{sku}\" }} ] }} ");
    let again = json_text(shopper.request(Method::PUT, ""), spelled).await;
    assert_eq!(again.status, 200, "{}", again.body);
}

#[tokio::test]
async fn the_same_request_finds_a_cancelled_and_a_paid_order() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let (cancelled, paid) = (shop.shopper(), shop.shopper());
    cancelled.hold(&[(&sku, 1)]).await;
    cancelled.cancel().await;
    paid.hold(&[(&sku, 1)]).await;
    paid.pay("pm_card_visa").await;
    paid.reaches("paid").await;
    for (shopper, state) in [(&cancelled, "cancelled"), (&paid, "paid")] {
        let again = shopper.put(&Shopper::cart(&[(&sku, 1)])).await;
        assert_eq!((again.status.as_u16(), again.state()), (200, state));
        let other = shopper.put(&Shopper::cart(&[(&sku, 2)])).await;
        is_problem(&other, "order-id-reused");
    }
    assert_eq!(shop.operator().stock(&sku).await, (4, 0, 1));
}

#[tokio::test]
async fn the_same_request_finds_an_expired_order() {
    let shop = brief_shop().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.reaches("expired").await;
    let again = shopper.put(&Shopper::cart(&[(&sku, 1)])).await;
    assert_eq!((again.status.as_u16(), again.state()), (200, "expired"));
    assert_eq!(again.body["hold"]["remaining_seconds"], 0);
}

#[tokio::test]
async fn a_retry_of_an_order_that_holds_the_last_unit_is_never_told_out_of_stock() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let again = shopper.put(&Shopper::cart(&[(&sku, 1)])).await;
    assert_eq!((again.status.as_u16(), again.state()), (200, "awaiting_payment"));
}

#[tokio::test]
async fn another_body_under_the_same_id_is_422() {
    let shop = Shop::shared().await;
    let (sku, other) = (shop.product(5).await, shop.product(5).await);
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let mut with_total = Shopper::cart(&[(&sku, 1)]);
    with_total["expected_total"] = json!({"amount": 1_200, "currency": "EUR"});
    let mut with_email = Shopper::cart(&[(&sku, 1)]);
    with_email["email"] = json!("somebody@shop.example");
    for body in [
        Shopper::cart(&[(&sku, 2)]),
        Shopper::cart(&[(&other, 1)]),
        Shopper::cart(&[(&sku, 1), (&other, 1)]),
        with_total,
        with_email,
    ] {
        is_problem(&shopper.put(&body).await, "order-id-reused");
    }
    assert_eq!(shopper.get().await.body["version"], 1);
    assert_eq!(shop.operator().stock(&other).await, (5, 0, 0));
}

#[tokio::test]
async fn an_order_is_304_until_it_changes() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let got = shopper.get().await;
    assert_eq!((got.status.as_u16(), got.header("cache-control")), (200, "no-store"));
    let unless = async |etag: &str| {
        Shopper::send(shopper.request(Method::GET, "").header("if-none-match", etag)).await
    };
    assert_eq!(unless(got.header("etag")).await.status, 304);
    shopper.cancel().await;
    let changed = unless(got.header("etag")).await;
    assert_eq!((changed.status.as_u16(), changed.state()), (200, "cancelled"));
}

#[tokio::test]
async fn an_order_may_have_fifty_lines_of_ninety_nine_units() {
    let shop = Shop::shared().await;
    let prefix = format!("many-{}-", &Uuid::new_v4().simple().to_string()[..8]);
    let stocked = "
        with made as (
            insert into products (sku, name, description, price_minor, currency)
            select $1 || n, 'Thing', '', 100, 'EUR' from generate_series(1, 50) as n
            returning sku
        ), change as (
            insert into catalogue_changes (sku) select sku from made
        )
        insert into stock (sku, on_hand) select sku, 99 from made";
    sqlx::query(stocked).bind(&prefix).execute(&shop.database().await).await.unwrap();
    let skus: Vec<String> = (1..=50).map(|n| format!("{prefix}{n}")).collect();
    let lines: Vec<(&str, u32)> = skus.iter().map(|sku| (sku.as_str(), 99)).collect();
    let shopper = shop.shopper();
    let held = shopper.hold(&lines).await;
    assert_eq!(held["total"]["amount"], 50 * 99 * 100);
    let ordered = held["lines"].as_array().unwrap().iter();
    let ordered: Vec<&str> = ordered.map(|line| line["sku"].as_str().unwrap()).collect();
    assert_eq!(ordered, skus, "in the shopper's order");
    assert_eq!(shop.operator().stock(&skus[49]).await, (0, 99, 0));
    shopper.cancel().await;
}

#[tokio::test]
async fn the_answer_to_a_put_is_what_a_get_reads() {
    let shop = Shop::shared().await;
    let (mug, pot) = (shop.product(5).await, shop.product(5).await);
    let shopper = shop.shopper();
    let mut started = shopper.hold(&[(&pot, 1), (&mug, 2)]).await;
    let mut read = shopper.get().await.body;
    for answer in [&mut started, &mut read] {
        // What goes on while the two are asked.
        answer["server_time"].take();
        answer["hold"]["remaining_seconds"].take();
    }
    assert_eq!(started, read);
    assert_eq!(started["lines"][0]["sku"], pot, "in the shopper's order");
}
