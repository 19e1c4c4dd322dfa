//! What operators see of the provider's webhooks, and having them looked at again.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Operator, Reply, Shop, Shopper, eventually};
use uuid::Uuid;

use crate::support::{event, is_problem, post_event, signature};

const SOON: Duration = Duration::from_secs(20);

/// Sends the shop an event; answers its id.
async fn send(shop: &Shop, kind: &str, intent: &str) -> String {
    let (id, body) = event(kind, intent);
    let reply = post_event(shop, &body, &signature("whsec_sandbox", &body, 0)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    id
}

async fn replay(operator: &Operator, event: &str) -> Reply {
    let path = format!("/v1/webhooks/{event}/replay");
    Shopper::send(operator.request(Method::POST, &path)).await
}

/// All events of an outcome, page by page.
async fn pages(operator: &Operator, outcome: &str, limit: usize) -> Vec<Value> {
    let first = format!("/v1/webhooks?outcome={outcome}&limit={limit}");
    let (mut path, mut rows) = (first.clone(), Vec::new());
    loop {
        let page = operator.get(&path).await;
        let events = page["webhooks"].as_array().unwrap();
        assert!(events.len() <= limit, "{page}");
        rows.extend(events.iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        path = format!("{first}&cursor={next}");
    }
}

async fn listed(operator: &Operator, outcome: &str, id: &str) -> Option<Value> {
    let rows = pages(operator, outcome, 200).await;
    rows.into_iter().find(|row| row["event_id"] == id)
}

#[tokio::test]
async fn events_are_listed_newest_first_in_pages_and_each_once() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(send(&shop, "customer.created", "pi_none").await);
    }
    eventually("the last is ignored", SOON, || listed(&operator, "ignored", &sent[4])).await;
    eventually("the first is ignored", SOON, || listed(&operator, "ignored", &sent[0])).await;
    let rows = pages(&operator, "ignored", 2).await;
    let ids = rows.iter().filter_map(|row| row["event_id"].as_str());
    let mine: Vec<_> = ids.filter(|id| sent.iter().any(|sent| sent == id)).collect();
    sent.reverse();
    assert_eq!(mine, sent);
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=%20", "outcome=lost"] {
        let request = operator.request(Method::GET, &format!("/v1/webhooks?{bad}"));
        is_problem(&Shopper::send(request).await, "invalid-request");
    }
}

#[tokio::test]
async fn an_event_that_can_not_be_delivered_is_shown_with_why_and_tried_again_with_backoff() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let id = send(&shop, "payment_intent.succeeded", "pi_not_known_yet").await;
    let mut pauses = Vec::new();
    for attempts in 1..=3 {
        let row = eventually("it was taken up once more", SOON, || async {
            let row = listed(&operator, "failing", &id).await?;
            (row["attempts"].as_i64()? >= attempts).then_some(row)
        })
        .await;
        assert_eq!(row["detail"], "no order has this payment yet");
        let pause = "select extract(epoch from next_attempt_at - updated_at)::float8
                     from webhook_deliveries where event_id = $1";
        let pause: f64 =
            sqlx::query_scalar(pause).bind(&id).fetch_one(&shop.database().await).await.unwrap();
        pauses.push(pause);
    }
    assert!(pauses.is_sorted_by(|shorter, longer| shorter < longer), "{pauses:?}");
    assert!(listed(&operator, "pending", &id).await.is_some(), "what fails is pending");
}

#[tokio::test]
async fn every_event_of_an_order_is_replayed_and_none_moves_it_back() {
    let shop = Shop::shared().await;
    let (sku, operator) = (shop.product(1).await, shop.operator());
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    let order = shopper.order_id;
    let path = format!("/v1/orders/{order}/refunds");
    let ask = json!({"refund_id": Uuid::new_v4(), "restock": true});
    Shopper::send(operator.request(Method::POST, &path).json(&ask)).await;
    let refunded = shopper.reaches("refunded").await;
    let intent = shop.payments_of(order).await[0]["payment_intent"].clone();
    let settled = || async {
        let rows = pages_of(&operator, &intent).await;
        let told = |kind| rows.iter().any(|row| row["event_type"] == kind);
        let all_told = told("payment_intent.succeeded") && told("refund.created");
        (all_told && rows.iter().all(|row| !row["outcome"].is_null())).then_some(rows)
    };
    let before = eventually("each event of the order has an outcome", SOON, settled).await;
    for row in &before {
        let reply = replay(&operator, row["event_id"].as_str().unwrap()).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        assert_eq!(reply.body["event_id"], row["event_id"]);
    }
    let after = eventually("each has an outcome again", SOON, settled).await;
    for row in &before {
        let again = after.iter().find(|again| again["event_id"] == row["event_id"]).unwrap();
        assert!(again["attempts"].as_i64() > row["attempts"].as_i64(), "{again}");
    }
    let now = shopper.get().await;
    assert_eq!((now.state(), &now.body["version"]), ("refunded", &refunded["version"]));
    assert_eq!(operator.stock(&sku).await, (1, 0, 0));
    let audit = operator.get("/v1/audit").await;
    let mut audited = audit["changes"].as_array().unwrap().iter();
    let first = &before[0]["event_id"];
    let is_it = |change: &&Value| change["request"]["change"]["event_id"] == *first;
    assert_eq!(audited.find(is_it).unwrap()["kind"], "replay_webhook");
}

/// All events about a payment.
async fn pages_of(operator: &Operator, intent: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    for outcome in ["pending", "delivered", "known", "late", "ignored", "foreign"] {
        rows.extend(pages(operator, outcome, 200).await);
    }
    rows.retain(|row| row["payment_intent"] == *intent);
    rows
}

#[tokio::test]
async fn an_event_that_never_came_is_not_replayed() {
    let shop = Shop::shared().await;
    for id in ["evt_never", "%00", "a%2Fb"] {
        is_problem(&replay(&shop.operator(), id).await, "webhook-not-found");
    }
    let open = shop.operator().without_token(Method::POST, "/v1/webhooks/evt_never/replay");
    is_problem(&Shopper::send(open).await, "unauthorized");
}
