//! Orders, as operators find them.

use reqwest::Method;
use serde_json::Value;
use system_tests::{Shop, Shopper};
use uuid::Uuid;

use crate::support::{is_problem, pointers, time_of};

#[tokio::test]
async fn an_order_is_shown_with_its_payments_and_its_story() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa_chargeDeclined").await;
    crate::declines::is_declined(&shopper, 1).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    let order = shop.operator().order(shopper.order_id).await;
    assert_eq!(order["order_id"], shopper.order_id.to_string());
    assert_eq!(order["state"], "paid");
    assert_eq!(order["refunds"], Value::Array(Vec::new()));
    let payments = order["payments"].as_array().unwrap();
    let outcomes: Vec<_> = payments.iter().map(|payment| &payment["outcome"]).collect();
    assert_eq!(outcomes, ["declined", "authorized"]);
    assert_eq!(payments[0]["decline_code"], "generic_decline");
    let timeline = order["timeline"].as_array().unwrap();
    let own = timeline.iter().filter(|entry| entry["source"] == "order");
    let states: Vec<_> = own.map(|entry| entry["state"].as_str().unwrap()).collect();
    assert_eq!(
        states,
        ["awaiting_payment", "paying", "awaiting_payment", "paying", "confirmed", "paid"]
    );
    assert!(timeline.iter().map(|event| time_of(&event["at"])).is_sorted(), "{order}");
    let url = order["temporal_url"].as_str().unwrap();
    assert!(url.starts_with("http") && url.contains(&shop.name), "{url}");
    assert!(url.contains(&shopper.order_id.to_string()), "{url}");
}

#[tokio::test]
async fn an_order_that_there_is_not_is_404() {
    let shop = Shop::shared().await;
    for id in [Uuid::new_v4().to_string(), "nonsense".to_owned()] {
        let get = shop.operator().request(Method::GET, &format!("/v1/orders/{id}"));
        is_problem(&Shopper::send(get).await, "order-not-found");
    }
}

#[tokio::test]
async fn orders_are_listed_by_state_newest_first() {
    let shop = Shop::shared().await;
    let sku = shop.product(2).await;
    let (older, newer) = (shop.shopper(), shop.shopper());
    older.hold(&[(&sku, 1)]).await;
    newer.hold(&[(&sku, 1)]).await;
    older.cancel().await;
    newer.cancel().await;
    let list = shop.operator().get("/v1/orders?state=cancelled&limit=200").await;
    let orders = list["orders"].as_array().unwrap();
    assert!(orders.iter().all(|order| order["state"] == "cancelled"), "{list}");
    let at = |id: Uuid| orders.iter().position(|order| order["order_id"] == id.to_string());
    assert!(at(newer.order_id).unwrap() < at(older.order_id).unwrap());
    let secret = orders.iter().find(|order| order.to_string().contains("secret"));
    assert_eq!(secret, None);
}

#[tokio::test]
async fn paging_through_orders_meets_each_once() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let shopper = shop.shopper();
        shopper.hold(&[(&sku, 1)]).await;
        made.push(shopper.order_id.to_string());
    }
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/orders?limit=2".to_owned();
    loop {
        let page = shop.operator().get(&path).await;
        let orders = page["orders"].as_array().unwrap();
        seen.extend(orders.iter().map(|order| order["order_id"].as_str().unwrap().to_owned()));
        let all = made.iter().all(|id| seen.contains(id));
        match page["next_cursor"].as_str() {
            Some(cursor) if !all => path = format!("/v1/orders?limit=2&cursor={cursor}"),
            _ => break,
        }
    }
    let met = |id: &String| seen.iter().filter(|seen| *seen == id).count();
    assert!(made.iter().all(|id| met(id) == 1), "{seen:?}");
}

#[tokio::test]
async fn a_list_asked_for_nonsense_is_422() {
    let shop = Shop::shared().await;
    for (query, pointer) in [
        ("state=lost", "/state"),
        ("limit=0", "/limit"),
        ("limit=100000", "/limit"),
        ("cursor=x", "/cursor"),
    ] {
        let get = shop.operator().request(Method::GET, &format!("/v1/orders?{query}"));
        assert_eq!(pointers(&Shopper::send(get).await), [pointer], "{query}");
    }
    let get = shop.operator().request(Method::GET, "/v1/webhooks?outcome=lost");
    assert_eq!(pointers(&Shopper::send(get).await), ["/outcome"]);
}
