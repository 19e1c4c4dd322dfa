//! What an operator finds in Temporal: orders by their state, their total and their hold's end,
//! a story that can be read, no longer than it has to be, and a button that calls an order off.

use reqwest::Method;
use serde_json::json;
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants, eventually};
use temporalio_client::WorkflowExecution;
use temporalio_common::protos::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use workflows::search::{CHECKOUT_STATE, HOLD_EXPIRES_AT, ORDER_TOTAL};

use super::{
    buying,
    temporal::{self, SOON, Temporal},
};

/// The history of an order that is held, paid with one attempt, and captured.
const MOST_EVENTS_OF_A_PAID_ORDER: usize = 26;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_found_in_temporal_by_what_became_of_them() {
    let options = ShopOptions { hold_ttl: "10s", ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let temporal = Temporal::of(&shop).await;
    let sku = buying::product(&shop, 9).await;
    let (expires, pays) = (shop.shopper(), shop.shopper());
    let held = buying::hold(&pays, &sku, 2).await;
    buying::pay(&pays, "pm_card_visa").await;
    let lapsing = buying::hold(&expires, &sku, 1).await;
    let waiting = "CheckoutState = 'awaiting_payment' and OrderTotal = 1200";
    is_the_one(&temporal.found(waiting).await, &expires, &lapsing);

    let found = temporal.found("CheckoutState = 'paid' and OrderTotal = 2400").await;
    is_the_one(&found, &pays, &held);
    let found = temporal
        .found("CheckoutState = 'expired' and HoldExpiresAt > '2020-01-01T00:00:00Z'")
        .await;
    is_the_one(&found, &expires, &lapsing);
    for (shopper, summary) in [(&pays, "2 × Thing"), (&expires, "1 × Thing")] {
        let id = temporal::checkout(shopper.order_id);
        let description = temporal.describe(&id).await.unwrap();
        let said = description.static_summary().unwrap_or_default();
        assert!(said.starts_with(summary) && said.contains(&sku), "the summary is '{said}'");
    }
}

/// The search found this order and no other, and shows of it what the shopper sees.
fn is_the_one(found: &[WorkflowExecution], shopper: &Shopper, checkout: &serde_json::Value) {
    let [workflow] = found else { panic!("one is found: {}", found.len()) };
    assert_eq!(workflow.id(), temporal::checkout(shopper.order_id));
    let shown = workflow.search_attributes();
    assert!(shown.get(&CHECKOUT_STATE).is_some());
    assert_eq!(shown.get(&ORDER_TOTAL), checkout["total"]["amount"].as_i64());
    let ends = checkout["hold"]["expires_at"].as_str().unwrap();
    let ends = OffsetDateTime::parse(ends, &Rfc3339).unwrap().unix_timestamp();
    let shown = shown.get(&HOLD_EXPIRES_AT).unwrap().to_prost().seconds;
    assert!((shown - ends).abs() <= 2, "the hold's end is {} s off", shown - ends);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_orders_history_is_short_and_says_what_each_step_was_for() {
    let shop = Shop::shared().await;
    let temporal = Temporal::of(&shop).await;
    let sku = buying::product(&shop, 9).await;
    let shopper = shop.shopper();
    let id = temporal::checkout(shopper.order_id);
    buying::hold(&shopper, &sku, 2).await;
    let cart = Shopper::cart(&[(&sku, 2)]);
    // The shopper knows of the hold a moment before it is in the history.
    let while_open = eventually("the workflow waits", SOON, || async {
        let events = temporal.events(&id).await;
        let waits = |event: &HistoryEvent| event.event_type() == EventType::TimerStarted;
        events.iter().any(waits).then_some(events.len())
    })
    .await;
    assert_eq!(shopper.put(&cart).await.status, 200);
    assert_eq!(temporal.events(&id).await.len(), while_open, "events after a repeated PUT");

    buying::pay(&shopper, "pm_card_visa").await;
    shopper.reaches("paid").await;
    temporal.ended(&id).await;

    let events = temporal.events(&id).await;
    let told = events.iter().map(|event| event.event_type().as_str_name()).collect::<Vec<_>>();
    // A machine that stands still for ten seconds costs a task that times out: scheduled, started,
    // timed out.
    let timed_out = |event: &&HistoryEvent| event.event_type() == EventType::WorkflowTaskTimedOut;
    let missed = 3 * events.iter().filter(timed_out).count();
    let most = MOST_EVENTS_OF_A_PAID_ORDER + missed;
    assert!(events.len() <= most, "{} events: {told:#?}", events.len());
    for event in &events {
        let needs_words = [EventType::ActivityTaskScheduled, EventType::TimerStarted];
        if needs_words.contains(&event.event_type()) {
            assert!(has_summary(event), "{} has a summary", event.event_type().as_str_name());
        }
    }
    assert_eq!(shopper.put(&cart).await.status, 200);
    let pay = json!({"attempt_id": uuid::Uuid::new_v4(), "payment_method": "pm_card_visa"});
    let again = Shopper::send(shopper.request(Method::POST, "/payment").json(&pay)).await;
    assert_eq!((again.status.as_u16(), again.state()), (200, "paid"));
    assert_eq!(temporal.events(&id).await.len(), events.len(), "events after the end");
}

fn has_summary(event: &HistoryEvent) -> bool {
    let summary = event.user_metadata.as_ref().and_then(|words| words.summary.as_ref());
    summary.is_some_and(|summary| summary.data.len() > 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_in_temporal_calls_an_order_off_until_it_is_confirmed() {
    let shop = Shop::open(ShopOptions::default()).await;
    let temporal = Temporal::of(&shop).await;
    let sku = buying::product(&shop, 9).await;
    let [waits, unapproved, confirmed] = [(); 3].map(|()| shop.shopper());
    for shopper in [&waits, &unapproved, &confirmed] {
        buying::hold(shopper, &sku, 2).await;
    }
    buying::pay(&unapproved, "pm_card_authenticationRequired").await;
    buying::bank_page(&unapproved).await;
    for shopper in [&waits, &unapproved] {
        temporal.request_cancel(&temporal::checkout(shopper.order_id)).await;
        shopper.reaches("cancelled").await;
    }
    buying::intent_in(&shop, unapproved.order_id, "canceled").await;
    assert_eq!(shop.operator().stock(&sku).await, (7, 2, 0));

    // Slow enough that the money is set aside and not yet moved.
    shop.faults(json!({"latency_ms": 1_500})).await;
    buying::pay(&confirmed, "pm_card_visa").await;
    confirmed.reaches("confirmed").await;
    temporal.request_cancel(&temporal::checkout(confirmed.order_id)).await;

    buying::is_paid_once(&shop, &confirmed).await;
    assert_eq!(shop.operator().stock(&sku).await, (7, 0, 2));
    temporal.ended(&temporal::checkout(confirmed.order_id)).await;
    assert_invariants(&shop).await;
}
