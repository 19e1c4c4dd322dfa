//! Nonsense for webhooks, as fast as it can be sent, beside what the provider really says.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::future::join_all;
use reqwest::RequestBuilder;
use system_tests::{Shop, Shopper, assert_invariants};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::can_be_browsed;
use crate::faults::{
    buying,
    signed::{SECRET, event, post, signature, webhook},
};

/// Who send nonsense at once, each one request after the other.
const SENDERS: usize = 8;
/// How much each sends at least.
const AT_LEAST_EACH: usize = 150;
/// What is signed, and is to be stored.
const REAL: usize = 40;
/// Orders that are paid meanwhile.
const ORDERS: usize = 6;
const NONSENSE: &str = "evt_nonsense";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn among_webhooks_of_nonsense_each_real_one_is_taken_and_no_nonsense_is_kept() {
    let shop = Shop::shared().await;
    let sku = buying::product(&shop, 50).await;
    let enough = Arc::new(AtomicBool::new(false));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (sender, enough) = (shop.shopper(), enough.clone());
        senders.spawn(async move { send_nonsense(&sender, &enough).await });
    }

    let shoppers: Vec<_> = (0..ORDERS).map(|_| shop.shopper()).collect();
    let bought = join_all(shoppers.iter().map(async |shopper| {
        buying::hold(shopper, &sku, 1).await;
        buying::pay(shopper, "pm_card_authenticationRequired").await;
        buying::approve(&buying::bank_page(shopper).await).await;
        buying::is_paid_once(&shop, shopper).await;
    }));
    let said = join_all((0..REAL).map(async |_| {
        let (id, request) = webhook(&shop);
        buying::until_taken(&id, || request.try_clone().unwrap()).await;
        id
    }));
    let (_, said) = tokio::join!(bought, said);
    can_be_browsed(&shoppers[0], &sku).await;
    enough.store(true, Ordering::Relaxed);
    let sent: usize = senders.join_all().await.iter().sum();

    println!("{sent} of nonsense");
    let database = shop.database().await;
    let stored = "select count(*) from webhook_inbox where event_id = any($1)";
    let stored: i64 = sqlx::query_scalar(stored).bind(&said).fetch_one(&database).await.unwrap();
    assert_eq!(usize::try_from(stored), Ok(REAL), "what is real is stored");
    let kept = format!("select count(*) from webhook_inbox where event_id like '{NONSENSE}%'");
    let kept: i64 =
        sqlx::query_scalar(sqlx::AssertSqlSafe(kept)).fetch_one(&database).await.unwrap();
    assert_eq!(kept, 0, "nonsense that was stored");
    assert_eq!(shop.operator().stock(&sku).await, (50 - 6, 0, 6));
    assert_invariants(&shop).await;
}

/// Sends nonsense until there has been enough; answers how much.
async fn send_nonsense(sender: &Shopper, enough: &AtomicBool) -> usize {
    let mut sent = 0;
    while sent < AT_LEAST_EACH || !enough.load(Ordering::Relaxed) {
        let reply = Shopper::send(nonsense(sender, sent)).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        sent += 1;
    }
    sent
}

/// One kind after the other.
fn nonsense(sender: &Shopper, turn: usize) -> RequestBuilder {
    let body = event(&format!("{NONSENSE}_{}", Uuid::new_v4().simple()));
    match turn % 6 {
        0 => post(sender, body, ""),
        1 => post(sender, body, "t=now,v1=sure"),
        2 => post(sender, body.clone(), &signature("whsec_guessed", &body, 0)),
        3 => post(sender, body.clone(), &signature(SECRET, &body, 3_600)),
        4 => post(sender, body.clone() + " ", &signature(SECRET, &body, 0)),
        _ => {
            let half = body[..body.len() / 2].to_owned();
            let signature = signature(SECRET, &half, 0);
            post(sender, half, &signature)
        }
    }
}
