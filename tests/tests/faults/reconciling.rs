//! Orders, workflows and the provider's books that do not agree, and what reconciliation makes of
//! them.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use system_tests::{
    Chance, Shop, ShopOptions, Shopper, assert_invariants, eventually, http_client,
};
use temporalio_client::schedules::{ScheduleOverlapPolicy, TriggerScheduleOptions};
use uuid::Uuid;
use workflows::reconcile::NOW_ID;

use super::{
    buying,
    mishaps::Moment,
    paths::{Order, Path, Stage},
    temporal::{self, SOON, Temporal},
};

/// How long it may take until everything has come to rest.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

/// A shop that is reconciled only when the test asks for it.
pub async fn quiet_shop() -> Shop {
    let shop = Shop::open(ShopOptions::default()).await;
    Temporal::of(&shop).await.pause_reconciliations().await;
    shop
}

/// Has a reconciliation now; answers what it found.
pub async fn reconcile(shop: &Shop) -> Vec<Value> {
    let operator = shop.operator();
    let ask = || operator.request(Method::POST, "/v1/reconciliation");
    let reply = buying::until_taken("a reconciliation", ask).await;
    let run = reply.body["run"]["run_id"].clone();
    let findings = eventually("the reconciliation has ended", SOON, || async {
        let last = operator.get("/v1/reconciliation").await;
        (last["run"]["run_id"] == run).then(|| last["findings"].as_array().cloned().unwrap())
    })
    .await;
    // It writes down that it has ended just before it does, and until then who asks is told of it.
    Temporal::of(shop).await.ended(NOW_ID).await;
    findings
}

/// The one finding about `subject`.
pub fn about<'a>(findings: &'a [Value], subject: &str) -> &'a Value {
    let found = findings.iter().find(|finding| finding["subject"] == subject);
    found.unwrap_or_else(|| panic!("nothing about {subject} in {findings:?}"))
}

async fn is_audited(shop: &Shop, subject: &str) {
    let audit = shop.operator().get("/v1/audit").await;
    let repairs = audit["changes"].as_array().unwrap().iter().filter(|it| it["kind"] == "repair");
    let of_subject = repairs.filter(|repair| repair["request"]["subject"] == subject);
    assert_eq!(of_subject.count(), 1, "repairs of {subject} in {audit}");
}

async fn provider_makes(shop: &Shop, path: &str, form: &[(&str, &str)]) -> Value {
    buying::provider(shop, Method::POST, path, form).await
}

/// A payment that was made at the provider, past the shop.
pub async fn payment(shop: &Shop, form: &[(&str, &str)]) -> String {
    let mut whole = vec![("amount", "700"), ("currency", "eur"), ("confirm", "true")];
    whole.extend([("payment_method", "pm_card_visa"), ("payment_method_types[]", "card")]);
    whole.extend(form);
    let made = provider_makes(shop, "payment_intents", &whole).await;
    made["id"].as_str().unwrap().to_owned()
}

pub async fn in_ledger(shop: &Shop, intent: &str) -> Value {
    let path = format!("payment_intents/{intent}?expand[]=latest_charge");
    buying::provider(shop, Method::GET, &path, &[]).await
}

#[tokio::test]
async fn a_hold_whose_workflow_was_terminated_goes_back_and_its_payment_is_closed() {
    let shop = quiet_shop().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let temporal = Temporal::of(&shop).await;
    let (waiting, paying, untouched) = (shop.shopper(), shop.shopper(), shop.shopper());
    for shopper in [&waiting, &paying, &untouched] {
        shopper.hold(&[(&sku, 1)]).await;
    }
    paying.pay("pm_card_authenticationRequired").await;
    let bank = buying::bank_page(&paying).await;
    for shopper in [&waiting, &paying] {
        temporal.terminate(&temporal::checkout(shopper.order_id)).await;
    }
    // The bank has set the money aside, and there is nobody to hear of it.
    buying::approve(&bank).await;
    let findings = reconcile(&shop).await;
    for shopper in [&waiting, &paying] {
        let id = shopper.order_id.to_string();
        let finding = about(&findings, &id);
        assert_eq!(finding["kind"], "order_without_workflow", "{finding}");
        assert_eq!(finding["repair"], format!("conclude/{id}"));
        shopper.reaches("cancelled").await;
        is_audited(&shop, &id).await;
    }
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert_eq!(operator.stock(&sku).await, (4, 1, 0));
    buying::intent_in(&shop, paying.order_id, "canceled").await;
    assert_eq!(untouched.get().await.state(), "awaiting_payment");
    assert_eq!(reconcile(&shop).await, Vec::<Value>::new(), "all is well again");
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_bought_goes_forward_without_its_workflow() {
    let stage = Stage::set().await;
    stage.temporal.pause_reconciliations().await;
    let order = Order::on(&stage).await;
    let id = order.workflow_id(Path::Paid);
    stage.mishaps.fails_always(&id, "capture", Moment::BeforeEffect);
    order.hold_and_pay("pm_card_visa").await;
    order.shopper.reaches("confirmed").await;
    stage.temporal.terminate(&id).await;
    let findings = reconcile(&stage.shop).await;
    assert_eq!(
        about(&findings, &order.shopper.order_id.to_string())["kind"],
        "order_without_workflow"
    );
    buying::is_paid_once(&stage.shop, &order.shopper).await;
    assert_invariants(&stage.shop).await;
}

#[tokio::test]
async fn money_that_no_order_is_owed_is_let_go_or_given_back() {
    let shop = quiet_shop().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.cancel().await;
    shopper.reaches("cancelled").await;
    let (ended, nobody) = (shopper.order_id.to_string(), Uuid::new_v4().to_string());
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;
    let manual = ("capture_method", "manual");
    let of_nobody = payment(&shop, &[manual, ("metadata[order_id]", &nobody)]).await;
    let authorized = payment(&shop, &[manual, ("metadata[order_id]", &ended)]).await;
    let taken = payment(&shop, &[("metadata[order_id]", &ended)]).await;
    let not_ours = payment(&shop, &[manual, ("metadata[order_id]", "order 12")]).await;
    let findings = reconcile(&shop).await;
    for intent in [&of_nobody, &authorized, &taken] {
        let finding = about(&findings, intent);
        assert_eq!(finding["kind"], "payment_left_over", "{finding}");
        assert_eq!(finding["repair"], format!("settle/{intent}"));
        is_audited(&shop, intent).await;
    }
    for intent in [&of_nobody, &authorized] {
        eventually("it is let go", SOON, || async {
            (in_ledger(&shop, intent).await["status"] == "canceled").then_some(())
        })
        .await;
    }
    eventually("it is given back", SOON, || async {
        let charge = &in_ledger(&shop, &taken).await["latest_charge"];
        (charge["amount_refunded"] == 700).then_some(())
    })
    .await;
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert_eq!(in_ledger(&shop, &not_ours).await["status"], "requires_capture");
    assert_eq!(reconcile(&shop).await, Vec::<Value>::new(), "all is well again");
}

#[tokio::test]
async fn refunds_and_disputes_whose_webhooks_are_lost_for_good_are_found() {
    let shop = quiet_shop().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let (refunded, disputed) = (shop.shopper(), shop.shopper());
    for shopper in [&refunded, &disputed] {
        shopper.hold(&[(&sku, 1)]).await;
        shopper.pay("pm_card_visa").await;
        shopper.reaches("paid").await;
    }
    buying::every_webhook_has_an_outcome(&shop).await;
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;
    let refund = buying::refund_at_provider(&shop, refunded.order_id).await;
    let dispute = buying::dispute(&shop, disputed.order_id).await;
    let findings = reconcile(&shop).await;
    assert_eq!(about(&findings, &refund)["kind"], "refund_not_recorded");
    assert_eq!(about(&findings, &dispute)["kind"], "dispute_not_recorded");
    assert_eq!(findings.len(), 2, "{findings:?}");
    let checkout = refunded.reaches("refunded").await;
    assert_eq!(checkout["refunded"], checkout["total"]);
    disputed.reaches("disputed").await;
    for subject in [&refund, &dispute] {
        is_audited(&shop, subject).await;
    }
    let refunds = operator.order(refunded.order_id).await["refunds"].clone();
    assert_eq!(refunds[0]["provider_refund"], json!(refund));
    // Later the bank decides, and nobody says so to the workflow that waits for it.
    buying::concede(&shop, &dispute).await;
    assert_eq!(about(&reconcile(&shop).await, &dispute)["kind"], "dispute_not_recorded");
    Temporal::of(&shop).await.ended(&format!("dispute/{dispute}")).await;
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_refund_whose_workflow_was_terminated_is_made_all_the_same() {
    let shop = quiet_shop().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 2)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    shop.faults(json!({"down": true})).await;
    let id = Uuid::new_v4();
    let path = format!("/v1/orders/{}/refunds", shopper.order_id);
    let ask = json!({"refund_id": id, "restock": true});
    let reply = Shopper::send(operator.request(Method::POST, &path).json(&ask)).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    eventually("the refund is written down", SOON, || async {
        let pending = shopper.get().await.body["refund_pending"]["amount"].as_i64();
        pending.filter(|&amount| amount > 0)
    })
    .await;
    Temporal::of(&shop).await.terminate(&format!("refund/{id}")).await;
    shop.faults(json!({})).await;
    // The terminated workflow's last call may still be on its way. When it makes the refund before
    // anybody looks, the provider's webhook begins the workflow again, and there is nothing to find.
    for finding in reconcile(&shop).await {
        assert_eq!(finding["subject"], id.to_string(), "{finding}");
        assert_eq!(finding["kind"], "refund_without_workflow");
    }
    shopper.reaches("refunded").await;
    assert_eq!(operator.stock(&sku).await, (5, 0, 0));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn what_has_no_one_right_answer_is_listed_and_left_alone() {
    let shop = quiet_shop().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    assert_eq!(reconcile(&shop).await, Vec::<Value>::new(), "what agrees is no finding");
    let database = shop.database().await;
    let broken = "update stock set held = held + 1, version = version + 1 where sku = $1";
    sqlx::query(broken).bind(&sku).execute(&database).await.unwrap();
    let second = shopper.order_id.to_string();
    let second = payment(&shop, &[("metadata[order_id]", &second)]).await;
    let findings = reconcile(&shop).await;
    assert_eq!(about(&findings, &sku)["kind"], "stock_differs");
    assert_eq!(about(&findings, &second)["kind"], "second_payment");
    assert!(findings.iter().all(|finding| finding["repair"].is_null()), "{findings:?}");
    assert_eq!(operator.stock(&sku).await, (3, 1, 1));
    assert_eq!(in_ledger(&shop, &second).await["latest_charge"]["amount_refunded"], 0);
    let audit = operator.get("/v1/audit").await;
    let asked = |change: &&Value| change["kind"] == "reconcile" && change["actor"] == "operator";
    assert_eq!(audit["changes"].as_array().unwrap().iter().filter(asked).count(), 2);
}

/// What is done to one order, all of it at once: by the operator, and at the provider.
async fn refund_from_everywhere(shop: &Shop, shopper: &Shopper, sku: &str, mut chance: Chance) {
    let (operator, order) = (shop.operator(), shopper.order_id);
    let intent = shop.payments_of(order).await[0]["payment_intent"].clone();
    let path = format!("/v1/orders/{order}/refunds");
    let url = format!("{}/v1/refunds", shop.sandbox_url());
    let requests = (0..6).map(|_| {
        let amount = 1 + chance.below(900);
        let mut ask = match chance.below(3) {
            0 => json!({"amount": {"amount": amount, "currency": "EUR"}}),
            1 => json!({"lines": [{"sku": sku, "quantity": 1, "restock": true}]}),
            _ => {
                let form = [("payment_intent", intent.as_str().unwrap().to_owned())];
                let form = [&form[..], &[("amount", amount.to_string())]].concat();
                return http_client().post(&url).bearer_auth("sk_test_sandbox").form(&form);
            }
        };
        ask["refund_id"] = json!(Uuid::new_v4());
        operator.request(Method::POST, &path).json(&ask)
    });
    // Some are refused, and some are never answered: what counts is what the books say later.
    join_all(requests.map(RequestBuilder::send)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_from_everywhere_while_the_provider_fails_end_with_books_that_agree() {
    let shop = quiet_shop().await;
    let (sku, operator) = (shop.product(20).await, shop.operator());
    let shoppers: Vec<_> = (0..6).map(|_| shop.shopper()).collect();
    for shopper in &shoppers {
        shopper.hold(&[(&sku, 2)]).await;
        shopper.pay("pm_card_visa").await;
    }
    for shopper in &shoppers {
        shopper.reaches("paid").await;
    }
    let webhooks = json!({"duplicate_rate": 0.3, "drop_rate": 0.3, "reorder": true});
    let failing =
        json!({"error_rate": 0.2, "timeout_after_effect_rate": 0.05, "webhooks": webhooks});
    shop.faults(failing).await;
    let chance = Chance::seeded();
    let branches = (0..).map(|number| chance.branch(number));
    let all = shoppers.iter().zip(branches);
    join_all(all.map(|(it, chance)| refund_from_everywhere(&shop, it, &sku, chance))).await;
    shop.faults(json!({})).await;
    eventually("the books agree", ENDS_WITHIN, || async {
        let agree = reconcile(&shop).await.is_empty();
        let orders = join_all(shoppers.iter().map(|it| operator.order(it.order_id))).await;
        let at_rest = |order: &Value| order["refund_pending"]["amount"] == 0;
        (agree && orders.iter().all(at_rest)).then_some(())
    })
    .await;
    let mut restocked = 0;
    for shopper in &shoppers {
        let order = operator.order(shopper.order_id).await;
        let payment = &shop.payments_of(shopper.order_id).await[0];
        assert_eq!(order["refunded"]["amount"], payment["refunded"], "{order}");
        let succeeded = |refund: &&Value| refund["state"] == "succeeded";
        let refunds = order["refunds"].as_array().unwrap().iter().filter(succeeded);
        let lines = refunds.filter_map(|refund| refund["lines"].as_array()).flatten();
        restocked += lines.filter_map(|line| line["quantity"].as_i64()).sum::<i64>();
    }
    assert_eq!(operator.stock(&sku).await, (8 + restocked, 0, 12 - restocked));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn the_schedule_reconciles_by_itself() {
    let shop = Arc::new(Shop::open(ShopOptions::default()).await);
    let temporal = Temporal::of(&shop).await;
    let schedule = temporal.0.get_schedule_handle("reconcile");
    let now = schedule.trigger(ScheduleOverlapPolicy::Skip, TriggerScheduleOptions::default());
    now.await.unwrap();
    eventually("a run that nobody asked for", Duration::from_secs(60), || async {
        let last = shop.operator().get("/v1/reconciliation").await;
        (last["run"].is_object() && last["run"]["asked_by"].is_null()).then_some(())
    })
    .await;
}
