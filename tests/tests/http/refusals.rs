//! Orders that are refused: at the door, where nothing is kept, or by the order's workflow, whose
//! word is kept.

use serde_json::{Value, json};
use system_tests::{Reply, Shop, Shopper};

use crate::support::{Event, EventStream, is_problem, pointers};

fn eur(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// Changes the product behind the shop's back, so that only the order's workflow finds it changed.
async fn behind_the_shops_back(shop: &Shop, statement: &'static str, sku: &str) {
    let changed = sqlx::query(statement).bind(sku).execute(&shop.database().await).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
}

#[tokio::test]
async fn a_cart_with_too_little_stock_is_409_with_how_each_line_stands() {
    let shop = Shop::shared().await;
    let (mug, tee) = (shop.product(5).await, shop.product(1).await);
    let reply = shop.shopper().put(&Shopper::cart(&[(&mug, 5), (&tee, 2)])).await;
    is_problem(&reply, "out-of-stock");
    let line = |sku: &str, requested: i64, available: i64, status: &str| {
        json!({
            "sku": sku, "requested": requested, "available": available,
            "unit_price": eur(1_200), "status": status,
        })
    };
    let expected = json!([line(&mug, 5, 5, "ok"), line(&tee, 2, 1, "reduced")]);
    assert_eq!(reply.body["lines"], expected);
    assert_eq!(shop.operator().stock(&mug).await, (5, 0, 0), "nothing is held");
}

#[tokio::test]
async fn a_cart_with_products_that_there_are_not_is_404_and_names_them() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    let reply = shopper.put(&Shopper::cart(&[("no-such", 1), (&sku, 1), ("nor-this", 1)])).await;
    is_problem(&reply, "unknown-sku");
    assert_eq!(reply.body["skus"], json!(["no-such", "nor-this"]));
    assert_eq!(shopper.get().await.status, 404);
}

#[tokio::test]
async fn a_total_that_the_shopper_did_not_expect_is_409_with_the_total_now() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    let mut cart = Shopper::cart(&[(&sku, 2)]);
    for wrong in [eur(2_399), eur(0), json!({"amount": 2_400, "currency": "USD"})] {
        cart["expected_total"] = wrong;
        let reply = shopper.put(&cart).await;
        is_problem(&reply, "price-changed");
        assert_eq!(reply.body["total"], eur(2_400));
    }
    cart["expected_total"] = eur(2_400);
    let held = shopper.put_until_decided(&cart).await;
    assert_eq!(held.state(), "awaiting_payment", "{}", held.body);
}

#[tokio::test]
async fn a_refusal_at_the_door_leaves_the_id_usable() {
    let shop = Shop::shared().await;
    let sku = shop.product(0).await;
    let shopper = shop.shopper();
    is_problem(&shopper.put(&Shopper::cart(&[(&sku, 1)])).await, "out-of-stock");
    shop.operator().adjust_stock(&sku, 1).await;
    shopper.hold(&[(&sku, 1)]).await;
}

#[tokio::test]
async fn a_total_below_what_the_provider_takes_is_422() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    shop.operator().put_product(&sku, 49).await;
    let reply = shop.shopper().put(&Shopper::cart(&[(&sku, 1)])).await;
    assert_eq!(pointers(&reply), ["/lines"]);
    shop.shopper().hold(&[(&sku, 2)]).await;
}

#[tokio::test]
async fn a_total_above_what_the_provider_takes_is_422() {
    let shop = Shop::shared().await;
    let sku = shop.product(200).await;
    shop.operator().put_product(&sku, 99_999_999).await;
    for quantity in [2, 99] {
        let reply = shop.shopper().put(&Shopper::cart(&[(&sku, quantity)])).await;
        assert_eq!(pointers(&reply), ["/lines"]);
    }
    let most = shop.shopper();
    most.hold(&[(&sku, 1)]).await;
    most.pay("pm_card_visa").await;
    most.reaches("paid").await;
}

#[tokio::test]
async fn a_cart_in_two_currencies_is_422() {
    let shop = Shop::shared().await;
    let (euros, dollars) = (shop.product(5).await, shop.product(5).await);
    let product = json!({
        "name": "Thing", "description": "", "price": {"amount": 1_200, "currency": "USD"},
    });
    let path = format!("/v1/products/{dollars}");
    let put = shop.operator().request(reqwest::Method::PUT, &path).json(&product);
    assert_eq!(Shopper::send(put).await.status, 200);
    let reply = shop.shopper().put(&Shopper::cart(&[(&euros, 1), (&dollars, 1)])).await;
    assert_eq!(pointers(&reply), ["/lines"]);
}

/// Holds a refusal by the workflow to what the contract says of it.
async fn is_kept(shop: &Shop, shopper: &Shopper, cart: &Value, sku: &str, first: &Reply) {
    let restock = "update stock set on_hand = on_hand + 50 where sku = $1";
    behind_the_shops_back(shop, restock, sku).await;
    for _ in 0..2 {
        let again = shopper.put(cart).await;
        assert_eq!(again.status, first.status);
        assert_eq!(again.body, first.body, "the same answer, whatever there is by now");
    }
    let got = shopper.get().await;
    assert_eq!((got.status.as_u16(), got.state()), (200, "refused"));
    let events = EventStream::open(shopper).await.rest().await;
    assert_eq!(events.iter().map(Event::state).collect::<Vec<_>>(), ["refused"]);
    let cancelled = shopper.cancel().await;
    assert_eq!((cancelled.status.as_u16(), cancelled.state()), (200, "refused"));
    is_problem(&shopper.pay("pm_card_visa").await, "hold-ended");
    let mut other = cart.clone();
    other["lines"][0]["quantity"] = json!(3);
    is_problem(&shopper.put(&other).await, "order-id-reused");
    assert_eq!(shop.operator().stock(sku).await.1, 0, "nothing is held");
}

#[tokio::test]
async fn out_of_stock_by_the_workflow_is_kept_and_repeated() {
    let shop = Shop::shared().await;
    let sku = shop.product(2).await;
    behind_the_shops_back(&shop, "update stock set on_hand = 1 where sku = $1", &sku).await;
    let (shopper, cart) = (shop.shopper(), Shopper::cart(&[(&sku, 2)]));
    let refused = shopper.put(&cart).await;
    is_problem(&refused, "out-of-stock");
    assert_eq!(refused.body["lines"][0]["status"], "reduced");
    assert_eq!(refused.body["lines"][0]["available"], 1);
    is_kept(&shop, &shopper, &cart, &sku, &refused).await;
}

#[tokio::test]
async fn price_changed_by_the_workflow_is_kept_and_repeated() {
    let shop = Shop::shared().await;
    let sku = shop.product(2).await;
    let change = "update products set price_minor = 1300 where sku = $1";
    behind_the_shops_back(&shop, change, &sku).await;
    let (shopper, mut cart) = (shop.shopper(), Shopper::cart(&[(&sku, 2)]));
    cart["expected_total"] = eur(2_400);
    let refused = shopper.put(&cart).await;
    is_problem(&refused, "price-changed");
    assert_eq!(refused.body["total"], eur(2_600));
    is_kept(&shop, &shopper, &cart, &sku, &refused).await;
}
