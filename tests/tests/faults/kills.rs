//! SIGKILL for each process while orders are at every step of a checkout. Whoever was told
//! something finds it true, whoever was told nothing asks again, and every order ends.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use system_tests::{Reply, Running, Shop, ShopOptions, Shopper, assert_invariants, eventually};
use tokio::{
    task::{JoinSet, block_in_place},
    time::Instant,
};
use uuid::Uuid;

use super::{
    buying,
    temporal::{self, Temporal},
};

/// How long the provider takes, so that the process dies while it is being asked.
const SLOW_MS: u64 = 1_000;
/// Long enough that a test can be sure of it.
const VERY_SLOW_MS: u64 = 3_000;
/// Orders that nobody was told anything of when the process died.
const JUST_PUT: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_or_an_api_that_is_killed_loses_no_order() {
    let options = ShopOptions { running: Running::Split, ..ShopOptions::default() };
    let shop = Arc::new(Shop::open(options).await);
    survives(&shop, Shop::kill_worker, Shop::start_worker).await;
    survives(&shop, Shop::kill_api, Shop::start_api).await;
    buying::every_webhook_has_an_outcome(&shop).await;
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_in_one_process_that_is_killed_loses_no_order() {
    let shop = Arc::new(Shop::open(ShopOptions::default()).await);
    survives(&shop, Shop::kill_api, Shop::start_api).await;
    buying::every_webhook_has_an_outcome(&shop).await;
    assert_invariants(&shop).await;
}

/// Orders at every step, when `kill` comes, all end paid after `start`.
async fn survives(shop: &Arc<Shop>, kill: fn(&Shop), start: fn(&Shop)) {
    let temporal = Temporal::of(shop).await;
    let sku = buying::product(shop, 50).await;
    let [held, declined, unapproved, paying, paid] = [(); 5].map(|()| shop.shopper());
    for shopper in [&held, &declined, &unapproved, &paying, &paid] {
        buying::hold(shopper, &sku, 1).await;
    }
    buying::pay(&declined, "pm_card_visa_chargeDeclined").await;
    buying::declined(&declined).await;
    buying::pay(&unapproved, "pm_card_authenticationRequired").await;
    let bank_page = buying::bank_page(&unapproved).await;
    buying::pay(&paid, "pm_card_visa").await;
    paid.reaches("paid").await;
    shop.faults(json!({"latency_ms": SLOW_MS})).await;
    buying::pay(&paying, "pm_card_visa").await;
    let mut just_put = JoinSet::new();
    for _ in 0..JUST_PUT {
        let (shop, sku) = (shop.clone(), sku.clone());
        just_put.spawn(async move { put_and_pay(&shop, &sku).await });
    }
    // The row of the first is there, or all but; the others are on their way.
    is_written(shop, &sku, 6).await;

    block_in_place(|| kill(shop));
    // The bank does not wait for the shop.
    buying::approve(&bank_page).await;
    shop.faults(json!({})).await;
    block_in_place(|| start(shop));

    for shopper in [&held, &declined] {
        buying::pay(shopper, "pm_card_visa").await;
    }
    let all = just_put.join_all().await;
    for shopper in [&held, &declined, &unapproved, &paying, &paid].into_iter().chain(&all) {
        buying::is_paid_once(shop, shopper).await;
        temporal.ended(&temporal::checkout(shopper.order_id)).await;
    }
    let sold = i64::try_from(5 + JUST_PUT).unwrap();
    assert_eq!(shop.operator().stock(&sku).await, (50 - sold, 0, sold));
}

/// A client that repeats each request, word for word, until it is answered.
async fn put_and_pay(shop: &Shop, sku: &str) -> Shopper {
    let shopper = shop.shopper();
    buying::hold(&shopper, sku, 1).await;
    buying::pay(&shopper, "pm_card_visa").await;
    shopper
}

async fn is_written(shop: &Shop, sku: &str, orders: i64) {
    let database = shop.database().await;
    eventually("the orders are written", Duration::from_secs(30), || async {
        let query = sqlx::query_scalar("select count(*) from order_lines where sku = $1");
        let written: i64 = query.bind(sku).fetch_one(&database).await.unwrap();
        (written >= orders).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_killed_while_it_is_asked_charges_once() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 9).await;
    shop.faults(json!({"latency_ms": VERY_SLOW_MS})).await;
    let (confirmed, paying) = (shop.shopper(), shop.shopper());
    for shopper in [&confirmed, &paying] {
        buying::hold(shopper, &sku, 1).await;
    }
    buying::pay(&confirmed, "pm_card_visa").await;
    buying::intent_in(&shop, confirmed.order_id, "requires_capture").await;
    buying::pay(&paying, "pm_card_visa").await;
    confirmed.reaches("confirmed").await;

    block_in_place(|| shop.kill_sandbox());
    assert_eq!(confirmed.get().await.state(), "confirmed", "it died before the money was moved");
    block_in_place(|| shop.start_sandbox());

    for shopper in [&confirmed, &paying] {
        buying::is_paid_once(&shop, shopper).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (7, 0, 2));
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_shows_as_paid_when_the_process_dies_is_paid_once() {
    let shop = Shop::open(ShopOptions::default()).await;
    let temporal = Temporal::of(&shop).await;
    let sku = buying::product(&shop, 9).await;
    let shopper = shop.shopper();
    buying::hold(&shopper, &sku, 1).await;
    buying::pay(&shopper, "pm_card_visa").await;
    // The row is written by the activity; its workflow has not heard of that yet.
    let database = shop.database().await;
    eventually("the row says paid", Duration::from_secs(30), || async {
        let query = sqlx::query_scalar("select state = 'paid' from orders where order_id = $1");
        let paid: bool = query.bind(shopper.order_id).fetch_one(&database).await.unwrap();
        paid.then_some(())
    })
    .await;

    block_in_place(|| shop.kill_api());
    block_in_place(|| shop.start_api());

    let id = temporal::checkout(shopper.order_id);
    eventually("the workflow ends", Duration::from_mins(1), || async {
        let status = temporal.describe(&id).await?.status();
        (status == temporalio_client::WorkflowExecutionStatus::Completed).then_some(())
    })
    .await;
    buying::is_paid_once(&shop, &shopper).await;
    assert_eq!(shop.operator().stock(&sku).await, (8, 0, 1));
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_that_end_while_everything_is_dead_are_released_and_take_no_late_payment() {
    let options = ShopOptions {
        hold_ttl: "8s",
        expiry_grace: "2s",
        running: Running::Split,
        ..ShopOptions::default()
    };
    let shop = Shop::open(options).await;
    let sku = buying::product(&shop, 9).await;
    let [untouched, unapproved, late] = [(); 3].map(|()| shop.shopper());
    for shopper in [&untouched, &unapproved, &late] {
        buying::hold(shopper, &sku, 2).await;
    }
    buying::pay(&unapproved, "pm_card_authenticationRequired").await;
    buying::bank_page(&unapproved).await;
    let last_to_end = late.get().await.body["hold"]["remaining_seconds"].as_u64().unwrap();
    let over = Instant::now() + Duration::from_secs(last_to_end + 1);

    for kill in [Shop::kill_worker, Shop::kill_api, Shop::kill_sandbox] {
        block_in_place(|| kill(&shop));
    }
    tokio::time::sleep_until(over).await;
    block_in_place(|| shop.start_sandbox());
    block_in_place(|| shop.start_api());
    // The attempt waits in Temporal when the worker comes, together with the end of the hold.
    let paying = late.clone();
    let attempt = tokio::spawn(async move { answer_to_late_attempt(&paying).await });
    block_in_place(|| shop.start_worker());

    let refused = attempt.await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.problem()), (409, "hold-ended"));
    for shopper in [&untouched, &unapproved, &late] {
        shopper.reaches_within("expired", Duration::from_mins(1)).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (9, 0, 0));
    assert_eq!(shop.payments_of(late.order_id).await.len(), 0, "payments of the late order");
    buying::intent_in(&shop, unapproved.order_id, "canceled").await;
    assert_invariants(&shop).await;
}

async fn answer_to_late_attempt(late: &Shopper) -> Reply {
    let attempt = json!({"attempt_id": Uuid::new_v4(), "payment_method": "pm_card_visa"});
    eventually("the late payment is answered", Duration::from_secs(30), || async {
        let request = late.request(Method::POST, "/payment").json(&attempt);
        let reply = Reply::of(request.send().await.ok()?).await;
        (!reply.status.is_server_error()).then_some(reply)
    })
    .await
}
