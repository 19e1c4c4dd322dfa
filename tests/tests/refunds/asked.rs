//! What operators ask for.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants};
use uuid::Uuid;

use crate::{count_at_provider, eur, paid, refund, refund_as, refunded_at_provider, refunds_are};

#[tokio::test]
async fn all_of_an_order_is_refunded_and_its_units_are_back() {
    let shop = Shop::shared().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 2)]).await;
    let reply =
        refund(&operator, shopper.order_id, json!({"restock": true, "reason": "a test"})).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    assert_eq!(reply.body["amount"], eur(2_400));
    let refunds = refunds_are(&operator, shopper.order_id, &["succeeded"]).await;
    assert_eq!(refunds[0]["lines"], json!([{"sku": sku, "quantity": 2, "restock": true}]));
    assert_eq!(refunds[0]["reason"], "a test");
    let checkout = shopper.reaches("refunded").await;
    assert_eq!(checkout["refunded"], eur(2_400));
    assert_eq!(checkout["refund_pending"], eur(0));
    assert_eq!(refunded_at_provider(&shop, shopper.order_id).await, 2_400);
    assert_eq!(operator.stock(&sku).await, (5, 0, 0));
    let again = refund(&operator, shopper.order_id, json!({})).await;
    assert_eq!((again.status.as_u16(), again.problem()), (409, "refund-exceeds-payment"));
}

#[tokio::test]
async fn an_amount_is_refunded_and_no_unit_moves() {
    let shop = Shop::shared().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let reply = refund(&operator, shopper.order_id, json!({"amount": eur(500)})).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let checkout = shopper.reaches("partially_refunded").await;
    assert_eq!(checkout["refunded"], eur(500));
    assert_eq!(operator.stock(&sku).await, (4, 0, 1));
    let too_much = refund(&operator, shopper.order_id, json!({"amount": eur(701)})).await;
    assert_eq!((too_much.status.as_u16(), too_much.problem()), (409, "refund-exceeds-payment"));
    assert_eq!(too_much.body["left"], eur(700));
    assert_eq!(refunded_at_provider(&shop, shopper.order_id).await, 500);
}

#[tokio::test]
async fn units_are_refunded_at_their_price_and_restocked_where_asked() {
    let shop = Shop::shared().await;
    let (kept, back, operator) = (shop.product(5).await, shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&kept, 2), (&back, 3)]).await;
    let lines = json!({"lines": [
        {"sku": kept, "quantity": 1, "restock": false},
        {"sku": back, "quantity": 2, "restock": true},
    ]});
    let reply = refund(&operator, shopper.order_id, lines.clone()).await;
    assert_eq!(reply.body["amount"], eur(3_600));
    shopper.reaches("partially_refunded").await;
    assert_eq!(operator.stock(&kept).await, (3, 0, 2));
    assert_eq!(operator.stock(&back).await, (4, 0, 1));
    let too_many = refund(&operator, shopper.order_id, lines).await;
    assert_eq!((too_many.status.as_u16(), too_many.problem()), (409, "refund-exceeds-payment"));
    refund(&operator, shopper.order_id, json!({"restock": true})).await;
    shopper.reaches("refunded").await;
    assert_eq!(operator.stock(&kept).await, (4, 0, 1));
    assert_eq!(operator.stock(&back).await, (5, 0, 0));
}

#[tokio::test]
async fn the_same_refund_twice_is_one_refund() {
    let shop = Shop::shared().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let (order, id) = (shopper.order_id, Uuid::new_v4());
    let ask = json!({"amount": eur(100)});
    let both = join_all([1, 2].map(|_| refund_as(&operator, order, id, ask.clone()))).await;
    assert!(both.iter().all(|reply| reply.status == 202), "{both:?}");
    refunds_are(&operator, order, &["succeeded"]).await;
    let later = refund_as(&operator, order, id, ask).await;
    assert_eq!((later.status.as_u16(), &later.body["state"]), (202, &json!("succeeded")));
    assert_eq!(count_at_provider(&shop, order).await, 1);
    let other = refund_as(&operator, order, id, json!({"amount": eur(101)})).await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "refund-id-reused"));
}

#[tokio::test]
async fn the_id_of_another_change_is_not_taken_for_a_refund() {
    let shop = Shop::shared().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let id = Uuid::new_v4();
    assert_eq!(operator.adjust_stock_as(id, &sku, 1).await.status, 200);
    let reused = refund_as(&operator, shopper.order_id, id, json!({})).await;
    assert_eq!((reused.status.as_u16(), reused.problem()), (422, "refund-id-reused"));
    assert_eq!(shopper.get().await.state(), "paid");
}

#[tokio::test]
async fn what_can_not_be_refunded_is_refused_by_name() {
    let shop = Shop::shared().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let unknown = refund(&operator, Uuid::new_v4(), json!({})).await;
    assert_eq!((unknown.status.as_u16(), unknown.problem()), (404, "order-not-found"));

    let unpaid = shop.shopper();
    unpaid.hold(&[(&sku, 1)]).await;
    let id = Uuid::new_v4();
    let early = refund_as(&operator, unpaid.order_id, id, json!({})).await;
    assert_eq!((early.status.as_u16(), early.problem()), (409, "order-not-paid"));
    unpaid.pay("pm_card_visa").await;
    unpaid.reaches("paid").await;
    let usd = json!({"amount": {"amount": 1, "currency": "USD"}});
    let other = refund(&operator, unpaid.order_id, usd).await;
    assert_eq!(other.body["errors"][0]["pointer"], "/amount/currency", "{}", other.body);
    let line = json!({"lines": [{"sku": "not-there", "quantity": 1}]});
    let unknown = refund(&operator, unpaid.order_id, line).await;
    assert_eq!(unknown.body["errors"][0]["pointer"], "/lines/0/sku", "{}", unknown.body);
    let now = refund_as(&operator, unpaid.order_id, id, json!({})).await;
    assert_eq!(now.status, 202, "an early refusal keeps the id usable: {}", now.body);
}

#[tokio::test]
async fn a_sum_that_can_not_be_is_refused_and_changes_nothing() {
    let shop = Shop::shared().await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let before = shopper.get().await.body;
    for amount in ["0", "-1", "1.5", "1e30", "9223372036854775808", "\"100\"", "true"] {
        let ask = format!(
            r#"{{"refund_id":"{}","amount":{{"amount":{amount},"currency":"EUR"}}}}"#,
            Uuid::new_v4()
        );
        let path = format!("/v1/orders/{}/refunds", shopper.order_id);
        let post = operator.request(Method::POST, &path).header("content-type", "application/json");
        let reply = Shopper::send(post.body(ask)).await;
        assert_eq!(reply.status, 422, "{amount}: {}", reply.body);
        assert_eq!(reply.body["errors"][0]["pointer"], "/amount/amount", "{}", reply.body);
    }
    let most = refund(&operator, shopper.order_id, json!({"amount": eur(i64::MAX)})).await;
    assert_eq!((most.status.as_u16(), most.problem()), (409, "refund-exceeds-payment"));
    let after = shopper.get().await.body;
    assert_eq!(after["version"], before["version"]);
    assert_eq!(refunded_at_provider(&shop, shopper.order_id).await, 0);
}

#[tokio::test]
async fn refunds_at_once_never_come_to_more_than_was_paid() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (sku, operator) = (shop.product(5).await, shop.operator());
    let shopper = paid(&shop, &[(&sku, 1)]).await;
    let asks = (0..20).map(|_| refund(&operator, shopper.order_id, json!({"amount": eur(250)})));
    let replies = join_all(asks).await;
    let accepted = replies.iter().filter(|reply| reply.status == 202).count();
    let refused =
        replies.iter().filter(|reply| reply.problem() == "refund-exceeds-payment").count();
    assert_eq!((accepted, refused), (4, 16), "{replies:?}");
    refunds_are(&operator, shopper.order_id, &["succeeded"; 4]).await;
    assert_eq!(refunded_at_provider(&shop, shopper.order_id).await, 1_000);
    let checkout = shopper.reaches("partially_refunded").await;
    assert_eq!(checkout["refunded"], eur(1_000));
    let audit = operator.get("/v1/audit").await;
    let refunds = |change: &&serde_json::Value| change["kind"] == "refund";
    assert_eq!(audit["changes"].as_array().unwrap().iter().filter(refunds).count(), 20);
    assert_invariants(&shop).await;
}
