//! Looking through the provider's books: page by page, twice at once, and past what nobody can
//! repair.

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Shop, ShopOptions, assert_invariants, eventually};
use temporalio_client::schedules::{ScheduleOverlapPolicy, TriggerScheduleOptions};
use uuid::Uuid;

use super::{
    buying,
    front::Front,
    reconciling::{about, in_ledger, payment, quiet_shop, reconcile},
    temporal::{SOON, Temporal},
};

/// As many payments at the provider, all alike, past the shop.
async fn payments(shop: &Shop, count: usize, form: &[(&str, &str)]) {
    let made = (0..count).map(|_| payment(shop, form));
    stream::iter(made).buffer_unordered(8).for_each(|_| async {}).await;
}

#[tokio::test]
async fn a_look_through_the_books_that_fails_half_way_goes_on_where_it_was() {
    let front = Front::open().await;
    let environment = vec![("STRIPE_API_BASE", front.url())];
    let shop = Shop::open(ShopOptions { environment, ..ShopOptions::default() }).await;
    front.stands_before(shop.sandbox_url());
    Temporal::of(&shop).await.pause_reconciliations().await;
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;
    let nobody = Uuid::new_v4().to_string();
    let left_over = payment(&shop, &[("metadata[order_id]", &nobody)]).await;
    payments(&shop, 249, &[]).await;
    front.takes_what_was_asked();
    front.fails_once(&["/v1/payment_intents?", "starting_after"]);
    let findings = reconcile(&shop).await;

    let asked = front.takes_what_was_asked();
    let count = |parts: &[&str]| {
        let has = |address: &&String| parts.iter().all(|part| address.contains(part));
        asked.iter().filter(has).count()
    };
    for list in ["refunds?", "disputes?", "payment_intents?"] {
        let pages = count(&[list, "created"]);
        let first = pages - count(&[list, "created", "starting_after"]);
        assert_eq!(first, 1, "{list} is begun once: {asked:?}");
    }
    assert_eq!(count(&["payment_intents?", "starting_after"]), 3, "one of two failed once");
    let last = shop.operator().get("/v1/reconciliation").await;
    assert_eq!(last["run"]["payments_checked"], 250, "{last}");
    assert_eq!(about(&findings, &left_over)["kind"], "payment_left_over");
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[tokio::test]
async fn payments_that_nobody_can_repair_do_not_hide_one_that_can_be() {
    let shop = quiet_shop().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;
    let nobody = Uuid::new_v4().to_string();
    let manual = ("capture_method", "manual");
    let left_over = payment(&shop, &[manual, ("metadata[order_id]", &nobody)]).await;
    // The list begins with the newest: all of these come before it.
    payments(&shop, 250, &[("metadata[order_id]", &shopper.order_id.to_string())]).await;
    let findings = reconcile(&shop).await;
    assert_eq!(about(&findings, &left_over)["kind"], "payment_left_over");
    let second = findings.iter().filter(|finding| finding["kind"] == "second_payment");
    assert_eq!(second.count(), 200, "as many as are listed");
    eventually("it is let go", SOON, || async {
        (in_ledger(&shop, &left_over).await["status"] == "canceled").then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_reconciliations_at_once_put_everything_right_once() {
    let shop = quiet_shop().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let (refunded, waiting) = (shop.shopper(), shop.shopper());
    refunded.hold(&[(&sku, 1)]).await;
    refunded.pay("pm_card_visa").await;
    refunded.reaches("paid").await;
    buying::every_webhook_has_an_outcome(&shop).await;
    waiting.hold(&[(&sku, 1)]).await;
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;
    let refund = buying::refund_at_provider(&shop, refunded.order_id).await;
    let nobody = Uuid::new_v4().to_string();
    let taken = payment(&shop, &[("metadata[order_id]", &nobody)]).await;
    let temporal = Temporal::of(&shop).await;
    temporal.terminate(&super::temporal::checkout(waiting.order_id)).await;

    // Slow enough that both are at it together.
    shop.faults(json!({"latency_ms": 800, "webhooks": {"drop_rate": 1}})).await;
    let schedule = temporal.0.get_schedule_handle("reconcile");
    let due = schedule.trigger(ScheduleOverlapPolicy::Skip, TriggerScheduleOptions::default());
    let ask = || operator.request(Method::POST, "/v1/reconciliation");
    let (due, _) = tokio::join!(due, buying::until_taken("a reconciliation", ask));
    due.unwrap();
    let database = shop.database().await;
    let at_once = eventually("both have ended", SOON, || async {
        let both = "select max(started_at) < min(finished_at) from reconciliation_runs
                    having count(finished_at) = 2";
        sqlx::query_scalar::<_, bool>(both).fetch_optional(&database).await.unwrap()
    })
    .await;
    assert!(at_once, "they met");
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;

    waiting.reaches("cancelled").await;
    let checkout = refunded.reaches("refunded").await;
    assert_eq!(checkout["refunded"], checkout["total"]);
    let refunds = operator.order(refunded.order_id).await["refunds"].clone();
    assert_eq!(refunds.as_array().map(Vec::len), Some(1), "{refunds}");
    assert_eq!(refunds[0]["provider_refund"], json!(refund));
    eventually("what was taken is given back", SOON, || async {
        let charge = &in_ledger(&shop, &taken).await["latest_charge"];
        (charge["amount_refunded"] == 700).then_some(())
    })
    .await;
    assert_eq!(operator.stock(&sku).await, (4, 0, 1));
    let audit = operator.get("/v1/audit").await["changes"].clone();
    for subject in [&waiting.order_id.to_string(), &refund, &taken] {
        let is_of = |change: &Value| change["request"]["subject"] == **subject;
        assert!(audit.as_array().unwrap().iter().any(is_of), "{subject} in {audit}");
    }
    assert_eq!(reconcile(&shop).await, Vec::<Value>::new(), "all is well again");
    assert_invariants(&shop).await;
}
