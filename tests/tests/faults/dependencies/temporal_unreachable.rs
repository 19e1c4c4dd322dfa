//! Temporal that is dead, and Temporal that is silent.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use system_tests::{
    Proxy, Servers, Shop, ShopOptions, Shopper, Trouble, assert_invariants, eventually, within,
};
use uuid::Uuid;

use super::{can_be_browsed, is_told_to_come_back, operators_see, readiness};
use crate::faults::{
    buying,
    temporal::{self, SOON, Temporal},
};

/// Well above the two seconds that a shopper waits, for a machine that is busy; well below what a
/// start is given while Temporal answers.
const ANSWERED_WITHIN: Duration = Duration::from_millis(3_500);
const AWAY: &[&str] = &["temporal-unavailable"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_temporal_shoppers_are_told_to_come_back_and_every_order_goes_on_after() {
    let address = Servers::from_env().temporal_address.parse().unwrap();
    let proxy = Proxy::before(address).await.unwrap();
    let environment = vec![("TEMPORAL_ADDRESS", proxy.address.to_string())];
    let shop = Shop::open(ShopOptions { environment, ..ShopOptions::default() }).await;
    for trouble in [Trouble::Reset, Trouble::BlackHole] {
        survives(&shop, &proxy, trouble).await;
    }
    buying::every_webhook_has_an_outcome(&shop).await;
    assert_invariants(&shop).await;
}

async fn survives(shop: &Shop, proxy: &Proxy, trouble: Trouble) {
    let sku = buying::product(shop, 9).await;
    let [held, called_off, approved, coming] = [(); 4].map(|()| shop.shopper());
    for shopper in [&held, &called_off, &approved] {
        buying::hold(shopper, &sku, 1).await;
    }
    buying::pay(&approved, "pm_card_authenticationRequired").await;
    let bank_page = buying::bank_page(&approved).await;

    proxy.set(Some(trouble));

    let (cart, attempt) = (Shopper::cart(&[(&sku, 2)]), Uuid::new_v4());
    for _ in 0..3 {
        let put = within("the PUT is answered", ANSWERED_WITHIN, coming.put(&cart)).await;
        is_told_to_come_back(&put, AWAY);
    }
    let paid = held.pay_attempt(attempt, "pm_card_visa");
    is_told_to_come_back(&within("paying is answered", ANSWERED_WITHIN, paid).await, AWAY);
    let cancelled = within("calling off is answered", ANSWERED_WITHIN, called_off.cancel()).await;
    is_told_to_come_back(&cancelled, AWAY);
    is_told_to_come_back(&readiness(&held).await, AWAY);
    can_be_browsed(&held, &sku).await;
    operators_see(shop, "holdfast_dependency_up{dependency=\"temporal\"} 0").await;
    let known = held.get().await;
    assert_eq!((known.status.as_u16(), known.state()), (200, "awaiting_payment"));
    assert_eq!(shop.operator().order(held.order_id).await["state"], "awaiting_payment");
    // The bank does not wait for Temporal, and what the provider says is taken.
    buying::approve(&bank_page).await;
    word_is_stored(shop, &approved).await;

    proxy.set(None);

    shop.is_ready().await;
    buying::hold(&coming, &sku, 2).await;
    buying::pay(&coming, "pm_card_visa").await;
    let again = json!({"attempt_id": attempt, "payment_method": "pm_card_visa"});
    let pay = || held.request(Method::POST, "/payment").json(&again);
    buying::until_taken("the payment that was told to come back", pay).await;
    for shopper in [&held, &approved, &coming] {
        buying::is_paid_once(shop, shopper).await;
    }
    let cancel = || called_off.request(Method::DELETE, "");
    buying::until_taken("calling off, told to come back", cancel).await;
    called_off.reaches("cancelled").await;
    assert_eq!(shop.operator().stock(&sku).await, (5, 0, 4), "{trouble}");
    for shopper in [&held, &approved, &coming, &called_off] {
        is_started_once(shop, shopper).await;
    }
}

/// Waits until the shop has stored what the provider says of the approved payment.
async fn word_is_stored(shop: &Shop, approved: &Shopper) {
    let database = shop.database().await;
    eventually("what the provider says is stored", SOON, || async {
        let stored = "select exists (select from webhook_inbox where order_id = $1
                      and event_type = 'payment_intent.amount_capturable_updated')";
        let query = sqlx::query_scalar(stored).bind(approved.order_id);
        let stored: bool = query.fetch_one(&database).await.unwrap();
        stored.then_some(())
    })
    .await;
}

async fn is_started_once(shop: &Shop, shopper: &Shopper) {
    let id = temporal::checkout(shopper.order_id);
    let temporal = Temporal::of(shop).await;
    temporal.ended(&id).await;
    let runs = temporal.found(&format!("WorkflowId = '{id}'")).await;
    assert_eq!(runs.len(), 1, "runs of {id}");
}
