//! The searches of `docs/temporal-searches.md`, as they stand there, with Temporal's own CLI.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Shop, ShopOptions, Shopper, eventually};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::process::Command;
use uuid::Uuid;

use super::{
    buying,
    temporal::{self, Temporal},
};

const DOCUMENT: &str = include_str!("../../../docs/temporal-searches.md");
/// How long visibility may lag on a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// The searches of the document, in their order.
fn searches() -> Vec<String> {
    let command = "temporal workflow list --query \"";
    let lines = DOCUMENT.lines().filter_map(|line| line.strip_prefix(command));
    lines.map(|line| line.trim_end_matches('"').to_owned()).collect()
}

/// The ids of the workflows that a search finds.
async fn found(shop: &Shop, query: &str) -> BTreeSet<String> {
    let cli = std::env::var("TEST_TEMPORAL_CLI").expect("`cargo xtask test` says where the CLI is");
    let mut list = Command::new(cli);
    list.args(["workflow", "list", "--output", "json", "--query", query]);
    list.args(["--address", &shop.servers.temporal_address, "--namespace", &shop.name]);
    let output = list.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{query}: {said}");
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap_or(json!([]));
    let id = |row: &Value| row["execution"]["workflowId"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(id).collect()
}

/// Waits until a search finds all of these.
async fn finds(shop: &Shop, query: &str, wanted: &[String]) -> BTreeSet<String> {
    let what = format!("{query} finds {wanted:?}");
    eventually(&what, SEEN_WITHIN, || async {
        let found = found(shop, query).await;
        wanted.iter().all(|id| found.contains(id)).then_some(found)
    })
    .await
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_search_of_the_document_finds_what_it_is_for() {
    let shop = Shop::open(ShopOptions::default()).await;
    Temporal::of(&shop).await.pause_reconciliations().await;
    let sku = buying::product(&shop, 20).await;
    let [held, paid, disputed, terminated, waiting] = [(); 5].map(|()| shop.shopper());
    for shopper in [&held, &paid, &disputed, &terminated, &waiting] {
        buying::hold(shopper, &sku, 2).await;
    }
    buying::pay(&paid, "pm_card_visa").await;
    paid.reaches("paid").await;
    buying::pay(&disputed, "pm_card_createDispute").await;
    disputed.reaches("disputed").await;
    let checkout = |shopper: &Shopper| temporal::checkout(shopper.order_id);
    Temporal::of(&shop).await.terminate(&checkout(&terminated)).await;
    let concluded = retry(&shop, &terminated).await;
    terminated.reaches("cancelled").await;
    // The provider is away: what is asked of it is under way for as long as that lasts.
    shop.faults(json!({"down": true})).await;
    buying::pay(&waiting, "pm_card_visa").await;
    let refund = refund(&shop, &paid).await;

    let queries = searches();
    assert_eq!(queries.len(), 10);
    let now = OffsetDateTime::now_utc();
    // The holds of this test end in minutes: it asks as somebody will who comes later.
    let later = rfc3339(now + Duration::from_mins(10));
    let expected: [(&str, &str, Vec<String>); 10] = [
        ("<order id>", &paid.order_id.to_string(), vec![checkout(&paid), refund.clone()]),
        ("<now>", &later, vec![checkout(&held), checkout(&waiting)]),
        ("", "", vec![checkout(&waiting)]),
        ("", "", vec![checkout(&terminated)]),
        ("", "", vec![]),
        ("", "", vec![refund]),
        ("", "", vec![dispute_of(&shop, &disputed).await]),
        ("", "", vec![format!("conclude/{}", terminated.order_id)]),
        ("", "", vec![checkout(&paid)]),
        ("<since>", &rfc3339(now - Duration::from_mins(10)), vec![concluded]),
    ];
    for (query, (placeholder, value, wanted)) in queries.iter().zip(expected) {
        let query =
            if placeholder.is_empty() { query.clone() } else { query.replace(placeholder, value) };
        assert!(!query.contains('<') || query.contains("< '"), "{query}");
        let found = finds(&shop, &query, &wanted).await;
        if wanted.is_empty() {
            assert!(found.is_empty(), "{query} finds {found:?}");
        } else if !query.contains("HoldExpiresAt") && !query.contains("operator") {
            assert!(!found.contains(&checkout(&held)), "{query} finds an order that only waits");
        }
    }
    shop.faults(json!({})).await;
}

/// Has the order looked at; answers the workflow that did.
async fn retry(shop: &Shop, shopper: &Shopper) -> String {
    let change = Uuid::new_v4();
    let body = json!({"change_id": change, "reason": "its workflow is gone"});
    let path = format!("/v1/orders/{}/retry", shopper.order_id);
    let reply = Shopper::send(shop.operator().request(Method::POST, &path).json(&body)).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    format!("operator/{change}")
}

/// Asks for all of the order's money back; answers the workflow that sees to it.
async fn refund(shop: &Shop, shopper: &Shopper) -> String {
    let id = Uuid::new_v4();
    let path = format!("/v1/orders/{}/refunds", shopper.order_id);
    let body = json!({"refund_id": id, "reason": "a test"});
    let reply = Shopper::send(shop.operator().request(Method::POST, &path).json(&body)).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    format!("refund/{id}")
}

async fn dispute_of(shop: &Shop, shopper: &Shopper) -> String {
    let id: String = sqlx::query_scalar("select dispute_id from disputes where order_id = $1")
        .bind(shopper.order_id)
        .fetch_one(&shop.database().await)
        .await
        .unwrap();
    format!("dispute/{id}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_ends_an_order_whose_workflow_is_gone() {
    let shop = Shop::open(ShopOptions::default()).await;
    let temporal = Temporal::of(&shop).await;
    temporal.pause_reconciliations().await;
    let sku = buying::product(&shop, 9).await;
    let (waits, unapproved) = (shop.shopper(), shop.shopper());
    for shopper in [&waits, &unapproved] {
        buying::hold(shopper, &sku, 2).await;
    }
    buying::pay(&unapproved, "pm_card_authenticationRequired").await;
    buying::bank_page(&unapproved).await;
    for shopper in [&waits, &unapproved] {
        temporal.terminate(&temporal::checkout(shopper.order_id)).await;
        let path = format!("/v1/orders/{}/cancel", shopper.order_id);
        let body = json!({"change_id": Uuid::new_v4(), "reason": "its workflow is gone"});
        let ask = || shop.operator().request(Method::POST, &path).json(&body);
        buying::until_taken("the operator's cancel", ask).await;
        shopper.reaches("cancelled").await;
    }
    buying::intent_in(&shop, unapproved.order_id, "canceled").await;
    assert_eq!(shop.operator().stock(&sku).await, (9, 0, 0));
    system_tests::assert_invariants(&shop).await;
}
