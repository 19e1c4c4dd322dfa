//! Two things at once, at any moment: an order that is paid while it is called off, or while its
//! hold ends, or twice, or while the database hangs up. Whatever wins, wins whole.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use system_tests::{Chance, Reply, Shop, ShopOptions, Shopper, assert_invariants, eventually};
use tokio::{task::JoinSet, time::sleep};
use uuid::Uuid;

use super::buying;

/// Orders at once.
const ORDERS: u64 = 12;
/// How long the provider takes for each of the three calls of a payment.
const LATENCY_MS: u64 = 300;
/// How long an order may take to its end.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_called_off_while_it_is_paid_is_paid_or_charged_nothing() {
    let shop = Arc::new(Shop::open(ShopOptions::default()).await);
    let sku = buying::product(&shop, 50).await;
    let chance = Chance::seeded();
    shop.faults(json!({"latency_ms": LATENCY_MS})).await;
    let mut orders = JoinSet::new();
    for number in 0..ORDERS {
        let (shop, sku, mut chance) = (shop.clone(), sku.clone(), chance.branch(number));
        orders.spawn(async move {
            let shopper = shop.shopper();
            buying::hold(&shopper, &sku, 1).await;
            let payer = shopper.clone();
            let paying = tokio::spawn(async move { attempt(&payer, "pm_card_visa").await });
            // The pause is what is tried: the order is called off at any moment.
            sleep(Duration::from_millis(chance.below(6 * LATENCY_MS))).await;
            let called_off = until_answered(|| shopper.request(Method::DELETE, "")).await;
            paying.await.unwrap();
            let end = ends(&shopper, &["paid", "cancelled"]).await;
            match called_off.status.as_u16() {
                409 => assert_eq!((called_off.problem(), end.as_str()), ("already-paid", "paid")),
                200 => assert_eq!((called_off.state(), end.as_str()), ("cancelled", "cancelled")),
                status => assert_eq!((status, called_off.state()), (202, "closing")),
            }
            end
        });
    }
    let ends = orders.join_all().await;
    at_rest(&shop, &sku, &ends).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_made_as_the_hold_ends_is_kept_whole_or_not_at_all() {
    let options = ShopOptions { hold_ttl: "6s", expiry_grace: "5s", ..ShopOptions::default() };
    let shop = Arc::new(Shop::open(options).await);
    let sku = buying::product(&shop, 50).await;
    let chance = Chance::seeded();
    shop.faults(json!({"latency_ms": LATENCY_MS})).await;
    let mut orders = JoinSet::new();
    for number in 0..ORDERS {
        let (shop, sku, mut chance) = (shop.clone(), sku.clone(), chance.branch(number));
        orders.spawn(async move {
            let shopper = shop.shopper();
            buying::hold(&shopper, &sku, 1).await;
            sleep(Duration::from_millis(3_500 + chance.below(3_000))).await;
            let answer = attempt(&shopper, "pm_card_visa").await;
            let end = ends(&shopper, &["paid", "expired"]).await;
            if answer.status == 409 {
                assert_eq!((answer.problem(), end.as_str()), ("hold-ended", "expired"));
            }
            end
        });
    }
    let ends = orders.join_all().await;
    at_rest(&shop, &sku, &ends).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_are_made_at_once_charge_once() {
    let shop = Arc::new(Shop::open(ShopOptions::default()).await);
    let sku = buying::product(&shop, 50).await;
    let mut orders = JoinSet::new();
    for _ in 0..ORDERS {
        let (shop, sku) = (shop.clone(), sku.clone());
        orders.spawn(async move {
            let shopper = shop.shopper();
            buying::hold(&shopper, &sku, 1).await;
            let attempts = (0..4).map(|_| attempt(&shopper, "pm_card_visa"));
            for answer in futures::future::join_all(attempts).await {
                assert!(matches!(answer.status.as_u16(), 200 | 202), "{answer:?}");
            }
            buying::is_paid_once(&shop, &shopper).await;
            "paid".to_owned()
        });
    }
    let ends = orders.join_all().await;
    at_rest(&shop, &sku, &ends).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_up_again_and_again_loses_no_order() {
    let shop = Arc::new(Shop::open(ShopOptions::default()).await);
    let sku = buying::product(&shop, 50).await;
    let database = shop.database().await;
    let hang_up = "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and application_name like 'holdfast%'";
    let mut orders = JoinSet::new();
    for number in 0..ORDERS {
        let (shop, sku) = (shop.clone(), sku.clone());
        orders.spawn(async move {
            let shopper = shop.shopper();
            buying::hold(&shopper, &sku, 1).await;
            let end = if number % 3 == 0 { "cancelled" } else { "paid" };
            if end == "paid" {
                buying::pay(&shopper, "pm_card_visa").await;
            } else {
                until_answered(|| shopper.request(Method::DELETE, "")).await;
            }
            ends(&shopper, &[end]).await
        });
    }
    let mut cut = 0;
    while !orders.is_empty() && cut < 40 {
        let sessions: i64 = sqlx::query_scalar(hang_up).fetch_one(&database).await.unwrap();
        cut += sessions;
        sleep(Duration::from_millis(250)).await;
    }
    let ends = orders.join_all().await;
    println!("{cut} sessions were ended");
    at_rest(&shop, &sku, &ends).await;
}

async fn attempt(shopper: &Shopper, payment_method: &str) -> Reply {
    let attempt = json!({"attempt_id": Uuid::new_v4(), "payment_method": payment_method});
    until_answered(|| shopper.request(Method::POST, "/payment").json(&attempt)).await
}

/// Repeats a request until the shop, and not what it stands on, has answered.
async fn until_answered(request: impl Fn() -> reqwest::RequestBuilder) -> Reply {
    eventually("the shop answers", ENDS_WITHIN, || async {
        let reply = Reply::of(request().send().await.ok()?).await;
        (!reply.status.is_server_error()).then_some(reply)
    })
    .await
}

/// Waits until an order has ended in one of these states; says which.
async fn ends(shopper: &Shopper, states: &[&str]) -> String {
    let what = format!("order {} ends {states:?}", shopper.order_id);
    eventually(&what, ENDS_WITHIN, || async {
        let response = shopper.request(Method::GET, "").send().await.ok()?;
        let reply = Reply::of(response).await;
        states.contains(&reply.state()).then(|| reply.state().to_owned())
    })
    .await
}

/// Every unit is either sold to an order that is paid, or back; and so is every cent.
async fn at_rest(shop: &Shop, sku: &str, ends: &[String]) {
    shop.faults(json!({})).await;
    let paid = ends.iter().filter(|end| *end == "paid").count();
    println!("{paid} of {} were paid", ends.len());
    let paid = i64::try_from(paid).unwrap();
    assert_eq!(shop.operator().stock(sku).await, (50 - paid, 0, paid));
    assert_invariants(shop).await;
}
