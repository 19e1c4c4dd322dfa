//! Paying, calling off and the hold's end, in every order in which they can come, with the
//! provider's word before, between and after. Whatever the order: the money and the units agree.
//!
//! What a provider that can't be asked adds to it is in `outage` and `provider`.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use system_tests::{Reply, Running, Shop, ShopOptions, Shopper, assert_invariants, eventually};
use tokio::task::JoinSet;

use super::{
    buying,
    mishaps::{Mishaps, Moment},
    paths::{Order, SHORT, Stage},
    temporal::{self, Temporal},
    worker::BroughtWorker,
};

/// How long the provider thinks about each request where a test has to come between two.
const LATENCY_MS: u64 = 800;
const CHARGED: &str = "requires_capture";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_under_way_when_the_hold_ends_buys_the_units() {
    let stage = Stage::set().await;
    let order = Order::on(&stage).await;
    let id = temporal::checkout(order.shopper.order_id);
    let charged = stage.mishaps.waits(&id, "authorize", Moment::AfterEffect);
    order.start(SHORT).await;
    order.hold_and_pay("pm_card_visa").await;
    charged.has_happened().await;

    // Nobody hears of the charge until the hold has ended, and then by asking.
    order.is_paid().await;

    charged.end();
    stage.temporal.ended(&id).await;
    assert_invariants(&stage.shop).await;
    stage.temporal.assert_replays(&[id]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_would_begin_after_the_release_does_not_begin() {
    let stage = Stage::set().await;
    let order = Order::on(&stage).await;
    let id = temporal::checkout(order.shopper.order_id);
    let late = stage.mishaps.waits(&id, "authorize", Moment::BeforeEffect);
    order.start(SHORT).await;
    order.hold_and_pay("pm_card_visa").await;
    late.has_happened().await;
    order.is_over("expired").await;

    late.end();
    stage.temporal.ended(&id).await;

    is_charged_nothing(&stage.shop, &order.shopper).await;
    order.is_over("expired").await;
    assert_invariants(&stage.shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_a_new_worker_takes_up_after_the_holds_end_is_not_made() {
    let options = ShopOptions { running: Running::ApiAlone, ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let temporal = Temporal::of(&shop).await;
    let mishaps = Mishaps::default();
    let dies = BroughtWorker::start(&shop, mishaps.clone());
    let sku = buying::product(&shop, 5).await;
    let shopper = shop.shopper();
    let id = temporal::checkout(shopper.order_id);
    temporal.start(buying::input(&shopper, &sku, 1, SHORT)).await;
    buying::hold(&shopper, &sku, 1).await;
    buying::pay(&shopper, "pm_card_visa_chargeDeclined").await;
    buying::declined(&shopper).await;
    // Begun in time, and made by nobody until the hold is over.
    let charge = mishaps.waits(&id, "authorize", Moment::BeforeEffect);
    buying::pay(&shopper, "pm_card_visa").await;
    charge.has_happened().await;
    drop(dies);
    tokio::time::sleep(SHORT).await;

    let lives = BroughtWorker::start(&shop, Mishaps::default());

    shopper.reaches_within("expired", Duration::from_mins(1)).await;
    is_charged_nothing(&shop, &shopper).await;
    assert_eq!(shop.operator().stock(&sku).await, (5, 0, 0));
    assert_invariants(&shop).await;
    drop(lives);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_would_be_repeated_after_the_holds_end_is_not() {
    let stage = Stage::set().await;
    let (order, shop) = (Order::on(&stage).await, &stage.shop);
    order.start(SHORT).await;
    order.hold_and_pay("pm_card_visa_chargeDeclined").await;
    buying::declined(&order.shopper).await;
    // The charge never arrives, for as long as it would be wanted.
    shop.faults(json!({"down": true})).await;
    buying::pay(&order.shopper, "pm_card_visa").await;
    order.shopper.reaches_within("closing", SHORT * 3).await;

    shop.faults(json!({})).await;

    order.is_over("expired").await;
    order.intent_in("canceled").await;
    is_charged_nothing(shop, &order.shopper).await;
    assert_invariants(shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_providers_event_may_come_before_its_answer() {
    let stage = Stage::set().await;
    let order = Order::on(&stage).await;
    let id = temporal::checkout(order.shopper.order_id);
    let answer = stage.mishaps.waits(&id, "authorize", Moment::AfterEffect);
    order.hold_and_pay("pm_card_visa").await;
    answer.has_happened().await;
    buying::every_webhook_has_an_outcome(&stage.shop).await;
    eventually("the event is in the history", Duration::from_secs(30), || async {
        let events = stage.temporal.events(&id).await;
        let is_signal = |name: &str| name.ends_with("WORKFLOW_EXECUTION_SIGNALED");
        events.iter().any(|event| is_signal(event.event_type().as_str_name())).then_some(())
    })
    .await;

    answer.end();

    order.is_paid().await;
    stage.temporal.ended(&id).await;
    assert_invariants(&stage.shop).await;
    stage.temporal.assert_replays(&[id]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_called_off_before_its_capture_is_bought_all_the_same() {
    let stage = Stage::set().await;
    let order = Order::on(&stage).await;
    let id = temporal::checkout(order.shopper.order_id);
    let capture = stage.mishaps.waits(&id, "capture", Moment::BeforeEffect);
    order.hold_and_pay("pm_card_visa").await;
    capture.has_happened().await;

    let called_off = order.shopper.cancel().await;

    assert_eq!((called_off.status.as_u16(), called_off.problem()), (409, "already-paid"));
    capture.end();
    order.is_paid().await;
    assert_invariants(&stage.shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_called_off_during_the_commit_is_bought_or_given_back() {
    let stage = Stage::set().await;
    for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
        let order = Order::on(&stage).await;
        let id = temporal::checkout(order.shopper.order_id);
        let commit = stage.mishaps.waits(&id, "commit", moment);
        order.hold_and_pay("pm_card_visa").await;
        commit.has_happened().await;
        let shopper = order.shopper.clone();
        let calling_off = tokio::spawn(async move { shopper.cancel().await });
        // The answer can't come before the commit is over.
        tokio::time::sleep(Duration::from_millis(500)).await;

        commit.end();

        let called_off = calling_off.await.unwrap();
        assert!(matches!(called_off.status.as_u16(), 202 | 409), "{moment:?}: {called_off:?}");
        order.is_paid().await;
        let again = order.shopper.cancel().await;
        assert_eq!((again.status.as_u16(), again.problem()), (409, "already-paid"), "{moment:?}");
    }
    assert_invariants(&stage.shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_is_taken_while_the_order_is_called_off_is_given_back() {
    let stage = Stage::set().await;
    let order = Order::on(&stage).await;
    let id = temporal::checkout(order.shopper.order_id);
    let unheard = stage.mishaps.waits(&id, "authorize", Moment::AfterEffect);
    let closing = stage.mishaps.waits(&id, "close_payment", Moment::BeforeEffect);
    order.hold_and_pay("pm_card_visa").await;
    unheard.has_happened().await;
    let intent = order.intent_in(CHARGED).await;
    order.shopper.cancel().await;
    closing.has_happened().await;
    buying::at_provider(&stage.shop, &intent, "capture").await;

    closing.end();
    unheard.end();

    order.is_over("cancelled").await;
    let payment = &stage.shop.payments_of(order.shopper.order_id).await[0];
    assert_eq!(payment["captured"], payment["refunded"], "{payment}");
    assert_ne!(payment["captured"], 0, "{payment}");
    assert_invariants(&stage.shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_between_the_look_and_the_cancel_leaves_nothing_charged() {
    let shop = std::sync::Arc::new(Shop::open(ShopOptions::default()).await);
    let sku = buying::product(&shop, 50).await;
    let mut orders = JoinSet::new();
    for number in 0..8 {
        let (shop, sku) = (shop.clone(), sku.clone());
        orders.spawn(async move {
            let shopper = shop.shopper();
            buying::hold(&shopper, &sku, 1).await;
            buying::pay(&shopper, "pm_card_authenticationRequired").await;
            let bank_page = buying::bank_page(&shopper).await;
            shop.faults(json!({"latency_ms": LATENCY_MS})).await;
            let caller = shopper.clone();
            let calling_off = tokio::spawn(async move { caller.cancel().await });
            // From before the look until after the cancel, in eight steps.
            tokio::time::sleep(Duration::from_millis(number * LATENCY_MS / 3)).await;
            approve_if_asked(&bank_page).await;
            calling_off.await.unwrap();
            eventually("it ends", Duration::from_mins(1), || async {
                let response = shopper.request(Method::GET, "").send().await.ok()?;
                let state = Reply::of(response).await.state().to_owned();
                ["cancelled", "paid"].contains(&state.as_str()).then_some(state)
            })
            .await
        });
    }
    let ends = orders.join_all().await;
    shop.faults(json!({})).await;
    let paid = i64::try_from(ends.iter().filter(|end| *end == "paid").count()).unwrap();
    assert_eq!(shop.operator().stock(&sku).await, (50 - paid, 0, paid));
    assert!(paid < 8, "the one who approved after the cancel has not paid");
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_being_called_off_is_let_go_and_its_order_expires() {
    let stage = Stage::set().await;
    let order = Order::on(&stage).await;
    let id = temporal::checkout(order.shopper.order_id);
    stage.mishaps.fails_always(&id, "authorize", Moment::AfterEffect);
    order.start(SHORT).await;
    order.hold_and_pay("pm_card_visa").await;
    order.intent_in(CHARGED).await;
    // As by a worker that was thought dead, and has its cancel on the way.
    sqlx::query("update holds set called_off = 1 where order_id = $1")
        .bind(order.shopper.order_id)
        .execute(&stage.shop.database().await)
        .await
        .unwrap();

    order.is_over("expired").await;

    order.intent_in("canceled").await;
    is_charged_nothing(&stage.shop, &order.shopper).await;
    stage.temporal.ended(&id).await;
    assert_invariants(&stage.shop).await;
    stage.temporal.assert_replays(&[id]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_names_the_attempt_that_it_is_about() {
    let stage = Stage::set().await;
    let order = Order::on(&stage).await;
    let id = temporal::checkout(order.shopper.order_id);
    order.hold_and_pay("pm_card_visa_chargeDeclined").await;
    buying::declined(&order.shopper).await;
    buying::pay(&order.shopper, "pm_card_authenticationRequired").await;
    buying::bank_page(&order.shopper).await;

    // The first may be one at attempt 1, of whose decline the provider has told.
    let look = json!({"order_id": order.shopper.order_id, "number": 2});
    eventually("it looks at attempt 2", Duration::from_secs(30), || async {
        (stage.temporal.asked_of(&id, "inspect_payment").await == look).then_some(())
    })
    .await;
}

/// Says yes at the bank, which does not ask any more once the payment was called off.
async fn approve_if_asked(bank_page: &str) {
    let stays = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().tls_certs_only([]).redirect(stays).build().unwrap();
    let yes = http.post(bank_page).form(&[("answer", "approve")]).send().await.unwrap();
    assert!(!yes.status().is_server_error(), "{}", yes.status());
}

async fn is_charged_nothing(shop: &Shop, shopper: &Shopper) {
    for payment in shop.payments_of(shopper.order_id).await {
        assert_eq!((&payment["captured"], &payment["amount_capturable"]), (&json!(0), &json!(0)));
    }
}
