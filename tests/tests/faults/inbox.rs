//! Events that were stored, and of which nobody was told.

use serde_json::json;
use system_tests::{Running, Shop, ShopOptions, assert_invariants, eventually};

use super::{buying, temporal::SOON};

#[tokio::test]
async fn an_event_that_an_api_stored_and_died_before_it_told_anybody_is_delivered() {
    let options = ShopOptions { running: Running::Split, ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let (sku, shopper) = (shop.product(1).await, shop.shopper());
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_authenticationRequired").await;
    let bank = buying::bank_page(&shopper).await;
    let intent = buying::intent_in(&shop, shopper.order_id, "requires_action").await;
    // The worker hears nothing of its own accord: what the provider says is lost on the way.
    shop.faults(json!({"webhooks": {"drop_rate": 1}})).await;
    buying::approve(&bank).await;
    shop.kill_api();
    // All that was left of the API's last request: the row, and no word of it.
    let database = shop.database().await;
    sqlx::query(
        "insert into webhook_inbox (event_id, event_type, payment_intent, body, headers)
         values ('evt_last', 'payment_intent.amount_capturable_updated', $1, '{}', '{}')",
    )
    .bind(intent)
    .execute(&database)
    .await
    .unwrap();
    eventually("the event has an outcome", SOON, || async {
        let outcome = "select outcome from webhook_deliveries where event_id = 'evt_last'";
        sqlx::query_scalar::<_, Option<String>>(outcome).fetch_one(&database).await.unwrap()
    })
    .await;
    shop.start_api();
    shop.is_ready().await;
    shopper.reaches("paid").await;
    assert_invariants(&shop).await;
}
