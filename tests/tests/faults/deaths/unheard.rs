//! A death between the end of an order whose payment nobody heard of, and the start of the workflow
//! that looks for the payment.

use std::time::Duration;

use serde_json::json;
use system_tests::{Running, assert_invariants, eventually};
use temporalio_client::WorkflowExecutionStatus::Completed;

use super::scene::{Scene, Victim};
use crate::faults::{
    buying,
    temporal::{self, Temporal},
};

const HOLD: Duration = Duration::from_secs(8);
/// The provider is asked for 25 s before the units do not wait any longer.
const GIVEN_UP_WITHIN: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_between_the_release_and_what_looks_for_the_payment_starts_it_after() {
    let scene = Scene::open(Running::Split).await;
    let shop = &scene.shop;
    let temporal = Temporal::of(shop).await;
    let sku = buying::product(shop, 9).await;
    // Payments are made, and their ids never heard.
    shop.faults(json!({"timeout_after_effect_rate": 1, "webhooks": {"drop_rate": 1}})).await;
    let shoppers = [(); 2].map(|()| shop.shopper());
    let points = ["activity.release.before", "activity.release.after"];
    let mut stops = Vec::new();
    for (shopper, point) in shoppers.iter().zip(points) {
        stops.push(shop.stop_at(point, &shopper.order_id.to_string()));
        temporal.start(buying::input(shopper, &sku, 1, HOLD)).await;
        buying::hold(shopper, &sku, 1).await;
        buying::pay(shopper, "pm_card_visa").await;
    }
    eventually("the units do not wait any longer", GIVEN_UP_WITHIN, || async {
        stops.iter().all(system_tests::Stop::is_reached).then_some(())
    })
    .await;
    let database = shop.database().await;
    for shopper in &shoppers {
        let query = "select payment_intent from orders where order_id = $1";
        let query = sqlx::query_scalar(query).bind(shopper.order_id);
        let known: Option<String> = query.fetch_one(&database).await.unwrap();
        assert_eq!(known, None, "the payment of {}", shopper.order_id);
        let conclude = format!("conclude/{}", shopper.order_id);
        assert!(temporal.describe(&conclude).await.is_none(), "{conclude} was not started yet");
    }

    scene.kill(&[Victim::Worker]);
    shop.faults(json!({})).await;
    scene.bring_back(&[Victim::Worker]).await;

    for shopper in &shoppers {
        shopper.reaches("expired").await;
        buying::intent_in(shop, shopper.order_id, "canceled").await;
        assert_eq!(temporal.ended(&temporal::checkout(shopper.order_id)).await, Completed);
        let conclude = format!("conclude/{}", shopper.order_id);
        assert_eq!(temporal.ended(&conclude).await, Completed, "{conclude}");
    }
    assert_eq!(shop.operator().stock(&sku).await, (9, 0, 0));
    assert_invariants(shop).await;
}
