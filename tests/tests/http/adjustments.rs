//! Counting units in and out.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Operator, Reply, Shop, Shopper};
use uuid::Uuid;

use crate::support::{is_problem, json_text, pointers};

/// The stock of `sku`, which has to add up.
async fn stock(operator: &Operator, sku: &str) -> Value {
    let stock = operator.get(&format!("/v1/stock/{sku}")).await;
    let number = |name: &str| stock[name].as_i64().unwrap();
    assert_eq!(number("on_hand"), number("available") + number("held") + number("sold"), "{stock}");
    stock
}

#[tokio::test]
async fn on_hand_is_what_is_available_held_and_sold() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let sku = shop.product(9).await;
    let (buyer, holder) = (shop.shopper(), shop.shopper());
    buyer.hold(&[(&sku, 2)]).await;
    holder.hold(&[(&sku, 3)]).await;
    buyer.pay("pm_card_visa").await;
    buyer.reaches("paid").await;
    let before = stock(&operator, &sku).await;
    let expected = json!({
        "sku": sku, "on_hand": 9, "available": 4, "held": 3, "sold": 2,
        "version": before["version"],
    });
    assert_eq!(before, expected);
    let adjusted = operator.adjust_stock(&sku, -4).await;
    assert_eq!((&adjusted["on_hand"], &adjusted["available"]), (&json!(5), &json!(0)));
    assert!(adjusted["version"].as_i64() > before["version"].as_i64(), "{adjusted}");
    assert_eq!(stock(&operator, &sku).await, adjusted);
}

#[tokio::test]
async fn an_adjustment_is_made_once_however_often_it_is_asked_for() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let sku = shop.product(5).await;
    let id = Uuid::new_v4();
    let first = operator.adjust_stock_as(id, &sku, 3).await;
    assert_eq!((first.status.as_u16(), &first.body["on_hand"]), (200, &json!(8)));
    operator.adjust_stock(&sku, 1).await;
    let again = operator.adjust_stock_as(id, &sku, 3).await;
    assert_eq!((again.status, again.body), (first.status, first.body), "the first answer");
    assert_eq!(stock(&operator, &sku).await["on_hand"], 9);
}

#[tokio::test]
async fn an_adjustment_asked_for_many_times_at_once_is_made_once() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let sku = shop.product(0).await;
    let id = Uuid::new_v4();
    let replies = join_all((0..10).map(|_| operator.adjust_stock_as(id, &sku, 7))).await;
    for reply in &replies {
        assert_eq!(
            (reply.status.as_u16(), &reply.body["on_hand"]),
            (200, &json!(7)),
            "{}",
            reply.body
        );
    }
    assert_eq!(stock(&operator, &sku).await["on_hand"], 7);
}

#[tokio::test]
async fn an_adjustments_id_is_not_taken_for_another_adjustment() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let (sku, other) = (shop.product(5).await, shop.product(5).await);
    let id = Uuid::new_v4();
    operator.adjust_stock_as(id, &sku, 1).await;
    is_problem(&operator.adjust_stock_as(id, &sku, 2).await, "adjustment-id-reused");
    is_problem(&operator.adjust_stock_as(id, &other, 1).await, "adjustment-id-reused");
    assert_eq!(stock(&operator, &sku).await["on_hand"], 6);
    assert_eq!(stock(&operator, &other).await["on_hand"], 5);
}

#[tokio::test]
async fn units_that_are_held_or_sold_are_not_counted_out() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let sku = shop.product(5).await;
    shop.shopper().hold(&[(&sku, 3)]).await;
    let id = Uuid::new_v4();
    for _ in 0..2 {
        let refused = operator.adjust_stock_as(id, &sku, -3).await;
        is_problem(&refused, "stock-below-held-and-sold");
    }
    assert_eq!(operator.stock(&sku).await, (2, 3, 0));
}

#[tokio::test]
async fn an_adjustment_that_makes_no_sense_is_422() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let sku = shop.product(5).await;
    let patch = async |body: Value| -> Reply {
        let patch = operator.request(Method::PATCH, &format!("/v1/stock/{sku}"));
        json_text(patch, body.to_string()).await
    };
    let fine = json!({"adjustment_id": Uuid::new_v4(), "on_hand_delta": 1, "reason": "count"});
    for (member, bad) in [
        ("adjustment_id", json!("1")),
        ("adjustment_id", Value::Null),
        ("on_hand_delta", json!(0)),
        ("on_hand_delta", json!(1.5)),
        ("on_hand_delta", json!("5")),
        ("on_hand_delta", json!(i64::MAX)),
        ("on_hand_delta", json!(i64::MIN)),
        ("reason", json!("")),
        ("reason", json!("a\u{0}b")),
        ("on_hand", json!(5)),
    ] {
        let mut body = fine.clone();
        body[member] = bad;
        assert_eq!(pointers(&patch(body).await), [format!("/{member}")]);
    }
    assert_eq!(stock(&operator, &sku).await["on_hand"], 5);
}

#[tokio::test]
async fn stock_of_a_product_that_there_is_not_is_404() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let get = Shopper::send(operator.request(Method::GET, "/v1/stock/no-such")).await;
    is_problem(&get, "unknown-sku");
    is_problem(&operator.adjust_stock_as(Uuid::new_v4(), "no-such", 1).await, "unknown-sku");
}

#[tokio::test]
async fn the_list_of_stock_pages_through_every_product() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let made = shop.product(5).await;
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/stock?limit=9".to_owned();
    loop {
        let page = operator.get(&path).await;
        let rows = page["stock"].as_array().unwrap();
        seen.extend(rows.iter().map(|row| row["sku"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/stock?limit=9&cursor={cursor}");
    }
    assert!(seen.contains(&made));
    assert!(seen.is_sorted_by(|a, b| a < b), "in order, each once: {seen:?}");
}

#[tokio::test]
async fn every_adjustment_is_audited_with_who_and_why() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let sku = shop.product(0).await;
    let id = Uuid::new_v4();
    operator.adjust_stock_as(id, &sku, 2).await;
    let audit = operator.get("/v1/audit").await;
    let changes = audit["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["change_id"] == id.to_string()).unwrap();
    assert_eq!(change["reason"], "a test");
    assert!(change["actor"].is_string() && change["at"].is_string(), "{change}");
}
