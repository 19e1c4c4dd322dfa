//! What is made at the provider: refunds and disputes.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants, eventually, http_client};

use uuid::Uuid;

use crate::{
    SOON, count_at_provider, eur, paid, paid_by, provider, refund, refund_as, refunds_are,
};

async fn intent_of(shop: &Shop, shopper: &Shopper) -> String {
    shop.payments_of(shopper.order_id).await[0]["payment_intent"].as_str().unwrap().to_owned()
}

/// Waits until every event of a type that came has an outcome; answers them.
async fn events_are_delivered(shop: &Shop, intent: &str, kind: &str) -> Vec<Value> {
    eventually(&format!("each {kind} has an outcome"), SOON, || async {
        let all = shop.operator().get("/v1/webhooks").await["webhooks"].as_array().cloned()?;
        let of = |event: &&Value| event["payment_intent"] == intent && event["event_type"] == kind;
        let events: Vec<_> = all.iter().filter(of).cloned().collect();
        let all_have = events.iter().all(|event| !event["outcome"].is_null());
        (!events.is_empty() && all_have).then_some(events)
    })
    .await
}

#[tokio::test]
async fn a_refund_at_the_provider_arrives_once() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let intent = intent_of(&shop, &shopper).await;
    let form = [("payment_intent", intent.as_str()), ("amount", "300")];
    let made = provider(&shop, Method::POST, "refunds", &form).await;
    let refunds = refunds_are(&operator, shopper.order_id, &["succeeded"]).await;
    assert_eq!(refunds[0]["origin"], "provider");
    assert_eq!(refunds[0]["provider_refund"], made["id"]);
    let checkout = shopper.reaches("partially_refunded").await;
    assert_eq!(checkout["refunded"], eur(300));

    // Told again, under new event ids, nothing changes.
    let version = checkout["version"].clone();
    let id = made["id"].as_str().unwrap();
    provider(&shop, Method::POST, &format!("refunds/{id}"), &[("metadata[seen]", "twice")]).await;
    events_are_delivered(&shop, &intent, "refund.updated").await;
    refund(&operator, shopper.order_id, json!({})).await;
    let checkout = shopper.reaches("refunded").await;
    assert_eq!(checkout["version"], json!(version.as_i64().unwrap() + 2));
    assert_eq!(operator.stock(&sku).await, (4, 0, 1));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_refund_at_the_provider_that_carries_an_id_of_ours_keeps_it() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let (intent, id) = (intent_of(&shop, &shopper).await, Uuid::new_v4());
    let named = id.to_string();
    let form = [("payment_intent", &*intent), ("amount", "300"), ("metadata[refund_id]", &*named)];
    provider(&shop, Method::POST, "refunds", &form).await;
    let refunds = refunds_are(&operator, shopper.order_id, &["succeeded"]).await;
    assert_eq!(refunds[0]["refund_id"], json!(id));
    let same = refund_as(&operator, shopper.order_id, id, json!({"amount": eur(300)})).await;
    assert_eq!((same.status.as_u16(), same.problem()), (422, "refund-id-reused"));

    // A second one with the same id is another refund all the same.
    provider(&shop, Method::POST, "refunds", &form).await;
    let refunds = refunds_are(&operator, shopper.order_id, &["succeeded"; 2]).await;
    assert_ne!(refunds[1]["refund_id"], json!(id));
    assert_eq!(shopper.reaches("partially_refunded").await["refunded"], eur(600));
    assert_eq!(count_at_provider(&shop, shopper.order_id).await, 2);
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn an_event_that_is_sent_again_changes_nothing() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    shop.faults(json!({"webhooks": {"duplicate_rate": 1, "reorder": true}})).await;
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let intent = intent_of(&shop, &shopper).await;
    let form = [("payment_intent", intent.as_str()), ("amount", "300")];
    provider(&shop, Method::POST, "refunds", &form).await;
    refunds_are(&operator, shopper.order_id, &["succeeded"]).await;
    let before = operator.order(shopper.order_id).await;
    let events = events_are_delivered(&shop, &intent, "refund.created").await;
    for event in &events {
        let url = format!(
            "{}/console/resend/{}",
            shop.sandbox_url(),
            event["event_id"].as_str().unwrap()
        );
        drop(http_client().post(url).send().await);
    }
    refund(&operator, shopper.order_id, json!({"amount": eur(1)})).await;
    refunds_are(&operator, shopper.order_id, &["succeeded"; 2]).await;
    let after = operator.order(shopper.order_id).await;
    assert_eq!(after["refunds"][0], before["refunds"][0]);
    assert_eq!(after["refunded"], eur(301));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn an_authorization_that_is_let_go_is_no_refund() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_authenticationRequired").await;
    let bank = eventually("the bank asks", SOON, || async {
        let checkout = shopper.get().await.body;
        checkout["payment"]["next_action"]["redirect_url"].as_str().map(str::to_owned)
    })
    .await;
    // The bank has set the money aside, and the shop does not know when the shopper calls it off.
    shop.faults(json!({"webhooks": {"delay_ms": 1_500}})).await;
    let approve = http_client().post(bank).form(&[("answer", "approve")]);
    approve.send().await.unwrap();
    let cancel = || shopper.request(Method::DELETE, "");
    let cancelled = Shopper::send_until_decided("the cancel", cancel).await;
    assert!(cancelled.status.is_success(), "{}", cancelled.body);
    shopper.reaches("cancelled").await;
    let intent = intent_of(&shop, &shopper).await;
    let events = events_are_delivered(&shop, &intent, "refund.created").await;
    assert_eq!(events[0]["outcome"], "known");
    let order = operator.order(shopper.order_id).await;
    assert_eq!((&order["refunds"], &order["refunded"]), (&json!([]), &eur(0)));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_dispute_freezes_refunds_until_it_is_won() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_createDispute").await;
    shopper.reaches("disputed").await;
    let frozen = refund(&operator, shopper.order_id, json!({})).await;
    assert_eq!((frozen.status.as_u16(), frozen.problem()), (409, "order-disputed"));
    let disputes = provider(&shop, Method::GET, "disputes", &[]).await;
    let dispute = disputes["data"][0]["id"].as_str().unwrap().to_owned();
    let evidence = [("evidence[uncategorized_text]", "winning_evidence")];
    provider(&shop, Method::POST, &format!("disputes/{dispute}"), &evidence).await;
    shopper.reaches("paid").await;
    let reply = refund(&operator, shopper.order_id, json!({"amount": eur(200)})).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    shopper.reaches("partially_refunded").await;
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_lost_dispute_is_the_end_of_refunds() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid_by(&shop, &[(&sku, 1)], "pm_card_visa").await;
    refund(&operator, shopper.order_id, json!({"amount": eur(200)})).await;
    shopper.reaches("partially_refunded").await;
    let intent = intent_of(&shop, &shopper).await;
    let button = format!("{}/console/dispute/{intent}", shop.sandbox_url());
    http_client().post(button).send().await.unwrap();
    shopper.reaches("disputed").await;
    let disputes = provider(&shop, Method::GET, "disputes", &[]).await;
    let dispute = disputes["data"][0]["id"].as_str().unwrap().to_owned();
    provider(&shop, Method::POST, &format!("disputes/{dispute}/close"), &[]).await;
    eventually("the dispute is lost", SOON, || async {
        let order = operator.order(shopper.order_id).await;
        let timeline = order["timeline"].as_array().cloned().unwrap_or_default();
        timeline.iter().any(|entry| entry["kind"] == "dispute_lost").then_some(())
    })
    .await;
    let checkout = shopper.reaches("disputed").await;
    assert_eq!(checkout["refunded"], eur(200));
    let frozen = refund(&operator, shopper.order_id, json!({})).await;
    assert_eq!(frozen.problem(), "order-disputed");
    assert_invariants(&shop).await;
}
