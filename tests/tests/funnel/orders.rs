//! Orders: held, paid, abandoned, refused.

use serde_json::{Value, json};
use system_tests::{Shop, ShopOptions, eventually};
use time::OffsetDateTime;

use crate::{SOON, all_is_rolled_up, funnel, rfc3339, stages, stages_of};

/// Everything that can become of an order, in a shop where nothing else happens.
#[tokio::test]
async fn the_funnel_counts_at_once_what_was_done_and_stays_so_when_it_is_rolled_up() {
    let shop = Shop::open(ShopOptions { hold_ttl: "12s", ..ShopOptions::default() }).await;
    let (mug, lamp) = (shop.product(100).await, shop.product(0).await);
    let began = rfc3339(OffsetDateTime::now_utc());

    let (left, declined) = (shop.shopper(), shop.shopper());
    left.hold(&[(&mug, 1)]).await;
    declined.hold(&[(&mug, 1)]).await;
    declined.pay("pm_card_visa_chargeDeclined").await;
    left.reaches("expired").await;
    declined.reaches("expired").await;
    let called_off = shop.shopper();
    called_off.hold(&[(&mug, 1)]).await;
    called_off.cancel().await;
    called_off.reaches("cancelled").await;
    let at_the_bank = shop.shopper();
    at_the_bank.hold(&[(&mug, 1)]).await;
    at_the_bank.pay("pm_card_authenticationRequired").await;
    eventually("the bank asks", SOON, || async {
        let asked = at_the_bank.get().await.body["payment"]["state"] == "requires_action";
        asked.then_some(())
    })
    .await;
    at_the_bank.cancel().await;
    at_the_bank.reaches("cancelled").await;
    for _ in 0..2 {
        let buyer = shop.shopper();
        buyer.hold(&[(&mug, 2)]).await;
        buyer.pay("pm_card_visa").await;
        buyer.reaches("paid").await;
    }
    let refused = shop.shopper();
    for _ in 0..2 {
        let lamps = system_tests::Shopper::cart(&[(&lamp, 1), (&mug, 1)]);
        assert_eq!(refused.put(&lamps).await.problem(), "out-of-stock");
    }
    let open = shop.shopper();
    open.hold(&[(&mug, 1)]).await;

    let now = funnel(&shop, &[("from", &began)]).await;
    let totals = &now["totals"];
    assert_eq!(totals["stages"], stages([0, 0, 0, 7, 4, 2]));
    assert_eq!(totals["conversion"]["paid"], 0.5);
    assert_eq!(totals["conversion"]["stock_held"], Value::Null);
    let abandoned = &totals["checkout_abandonment"];
    assert_eq!((&abandoned["open"], &abandoned["abandoned"]), (&json!(1), &json!(4)));
    assert_eq!(abandoned["rate"], 0.6667);
    assert_eq!(abandoned["by_reason"], json!({"expired": 2, "cancelled": 2, "payment_failed": 0}));
    let by_step = |step: &str| abandoned["by_last_step"][step].clone();
    assert_eq!(by_step("held"), json!({"expired": 1, "cancelled": 1, "payment_failed": 0}));
    assert_eq!(
        by_step("payment_declined"),
        json!({"expired": 1, "cancelled": 0, "payment_failed": 0})
    );
    assert_eq!(
        by_step("payment_requires_action"),
        json!({"expired": 0, "cancelled": 1, "payment_failed": 0})
    );
    assert_eq!(totals["revenue"], json!([{"amount": 4_800, "currency": "EUR"}]));

    open.cancel().await;
    open.reaches("cancelled").await;
    eventually("the refusal is counted", SOON, || async {
        let refusals = stages_and_refusals(&shop, &lamp).await.1;
        (refusals == json!({"out_of_stock": 1, "price_changed": 0, "other": 0})).then_some(())
    })
    .await;
    // Of the other product there was enough.
    assert_eq!(stages_and_refusals(&shop, &mug).await.1["out_of_stock"], 0);
    let raw = funnel(&shop, &[("from", &began)]).await;
    all_is_rolled_up(&shop.database().await).await;
    // Read from quarters of an hour, from days, and from quarters of days of another zone.
    for query in [("bucket", "hour"), ("bucket", "day"), ("time_zone", "Asia/Kathmandu")] {
        let rolled_up = funnel(&shop, &[query]).await;
        assert_eq!(rolled_up["totals"], raw["totals"], "{query:?}");
        assert_eq!(rolled_up["by_sku"], raw["by_sku"], "{query:?}");
    }
    assert_eq!(funnel(&shop, &[("from", &began)]).await["totals"], raw["totals"]);
    let ended = rfc3339(OffsetDateTime::now_utc());
    assert_eq!(
        funnel(&shop, &[("from", &ended)]).await["totals"]["stages"],
        stages([0, 0, 0, 0, 0, 0])
    );
}

async fn stages_and_refusals(shop: &Shop, sku: &str) -> (Value, Value) {
    let totals = funnel(shop, &[("sku", sku)]).await["totals"].clone();
    (totals["stages"].clone(), totals["refusals"].clone())
}

#[tokio::test]
async fn an_order_with_two_products_counts_for_both_and_once_for_the_shop() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (mug, lamp) = (shop.product(9).await, shop.product(9).await);
    let both = shop.shopper();
    both.hold(&[(&mug, 1), (&lamp, 2)]).await;
    both.pay("pm_card_visa").await;
    both.reaches("paid").await;
    shop.shopper().hold(&[(&mug, 1)]).await;

    let whole = funnel(&shop, &[]).await;
    assert_eq!(whole["totals"]["stages"], stages([0, 0, 0, 2, 1, 1]));
    let products = whole["by_sku"].as_array().unwrap();
    let listed: Vec<_> = products.iter().map(|product| product["sku"].as_str().unwrap()).collect();
    assert_eq!(listed, [mug.as_str(), lamp.as_str()]);
    assert_eq!(products[0]["stages"], stages([0, 0, 0, 2, 1, 1]));
    assert_eq!(products[1]["stages"], stages([0, 0, 0, 1, 1, 1]));
    assert_eq!(stages_of(&shop, &lamp).await, stages([0, 0, 0, 1, 1, 1]));
    let lamps = funnel(&shop, &[("sku", &lamp)]).await;
    assert_eq!(lamps["totals"]["revenue"], json!([{"amount": 2_400, "currency": "EUR"}]));
    assert_eq!(lamps["by_sku"].as_array().map(Vec::len), Some(1));
}
