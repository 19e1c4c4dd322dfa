//! What an operator does in a night: finds an order, understands it, mends it.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Reply, Shop, Shopper};
use uuid::Uuid;

use crate::{
    operators::list,
    support::{is_problem, pointers},
};

async fn change_order(shop: &Shop, order: Uuid, what: &str, change: Uuid) -> Reply {
    let body = json!({"change_id": change, "reason": "the shopper called"});
    let path = format!("/v1/orders/{order}/{what}");
    Shopper::send(shop.operator().request(Method::POST, &path).json(&body)).await
}

async fn found(shop: &Shop, query: &str) -> Vec<String> {
    let found = shop.operator().get(&format!("/v1/orders?{query}")).await;
    let id = |order: &Value| order["order_id"].as_str().unwrap().to_owned();
    list(&found, "orders").iter().map(id).collect()
}

#[tokio::test]
async fn an_operator_calls_an_order_off_once_under_their_name() {
    let shop = Shop::shared().await;
    let sku = shop.product(3).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 2)]).await;
    let change = Uuid::new_v4();
    for _ in 0..2 {
        let reply = change_order(&shop, shopper.order_id, "cancel", change).await;
        assert!(reply.status.is_success(), "{}", reply.body);
    }
    shopper.reaches("cancelled").await;
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 0));

    let audit = shop.operator().get(&format!("/v1/audit?subject={}", shopper.order_id)).await;
    let [row] = list(&audit, "changes").as_slice() else { panic!("one change: {audit}") };
    assert_eq!((&row["kind"], &row["actor"]), (&json!("cancel_order"), &json!("operator")));
    assert_eq!(row["reason"], "the shopper called");
    let order = shop.operator().order(shopper.order_id).await;
    let told = list(&order, "timeline").iter().find(|entry| entry["source"] == "operator").unwrap();
    assert_eq!((&told["kind"], &told["id"]), (&json!("cancel_order"), &json!(change)));
    assert_eq!(told["state"], "awaiting_payment", "where it stood then");

    let other = shop.shopper();
    other.hold(&[(&sku, 1)]).await;
    let reused = change_order(&shop, other.order_id, "cancel", change).await;
    is_problem(&reused, "adjustment-id-reused");
    assert_eq!(other.get().await.state(), "awaiting_payment");
}

#[tokio::test]
async fn what_is_bought_is_not_called_off_and_what_has_ended_stays_as_it_is() {
    let shop = Shop::shared().await;
    let sku = shop.product(3).await;
    let (paid, ended) = (shop.shopper(), shop.shopper());
    paid.hold(&[(&sku, 1)]).await;
    ended.hold(&[(&sku, 1)]).await;
    ended.cancel().await;
    ended.reaches("cancelled").await;
    paid.pay("pm_card_visa").await;
    paid.reaches("paid").await;
    is_problem(&change_order(&shop, paid.order_id, "cancel", Uuid::new_v4()).await, "already-paid");
    for (shopper, what, state) in
        [(&paid, "retry", "paid"), (&ended, "cancel", "cancelled"), (&ended, "retry", "cancelled")]
    {
        let reply = change_order(&shop, shopper.order_id, what, Uuid::new_v4()).await;
        assert_eq!((reply.status.as_u16(), reply.state()), (200, state), "{what}");
    }
    let unknown = change_order(&shop, Uuid::new_v4(), "cancel", Uuid::new_v4()).await;
    is_problem(&unknown, "order-not-found");
    let path = format!("/v1/orders/{}/cancel", paid.order_id);
    let bare = shop.operator().request(Method::POST, &path).json(&json!({"reason": ""}));
    assert_eq!(pointers(&Shopper::send(bare).await), ["/change_id", "/reason"]);
}

#[tokio::test]
async fn an_open_order_is_looked_at_and_goes_on() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let reply = change_order(&shop, shopper.order_id, "retry", Uuid::new_v4()).await;
    assert_eq!((reply.status.as_u16(), reply.state()), (202, "awaiting_payment"));
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
}

#[tokio::test]
async fn an_order_is_found_by_what_somebody_knows_of_it() {
    let shop = Shop::shared().await;
    let (sku, other) = (shop.product(3).await, shop.product(3).await);
    let (paid, held) = (shop.shopper(), shop.shopper());
    let first = paid.hold(&[(&sku, 1)]).await;
    held.hold(&[(&sku, 1), (&other, 1)]).await;
    paid.pay("pm_card_visa").await;
    paid.reaches("paid").await;
    let (paid_id, held_id) = (paid.order_id.to_string(), held.order_id.to_string());
    let payment = shop.operator().order(paid.order_id).await["payment_intent"].clone();
    let payment = payment.as_str().unwrap();

    assert_eq!(found(&shop, &format!("q={paid_id}")).await, [paid_id.as_str()]);
    assert_eq!(found(&shop, &format!("q={}", &paid_id[..13])).await, [paid_id.as_str()]);
    assert_eq!(found(&shop, &format!("q={payment}")).await, [paid_id.as_str()]);
    assert_eq!(found(&shop, &format!("sku={sku}")).await, [held_id.as_str(), paid_id.as_str()]);
    assert_eq!(found(&shop, &format!("sku={sku}&state=paid")).await, [paid_id.as_str()]);
    assert_eq!(found(&shop, &format!("sku={other}")).await, [held_id.as_str()]);
    assert!(found(&shop, &format!("q={paid_id}&state=expired")).await.is_empty());
    assert!(found(&shop, &format!("q={paid_id}&sku={other}")).await.is_empty());
    let at = first["created_at"].as_str().unwrap();
    assert!(!found(&shop, &format!("sku={sku}&to={at}")).await.contains(&held_id));
    assert!(found(&shop, &format!("sku={sku}&from={at}")).await.contains(&held_id));
    for (query, pointer) in [("q=mug", "/q"), ("q=012", "/q"), ("from=today", "/from")] {
        let get = shop.operator().request(Method::GET, &format!("/v1/orders?{query}"));
        assert_eq!(pointers(&Shopper::send(get).await), [pointer]);
    }
}

#[tokio::test]
async fn all_movements_of_a_product_are_its_stock() {
    let shop = Shop::shared().await;
    let sku = shop.product(10).await;
    let operator = shop.operator();
    operator.adjust_stock(&sku, -1).await;
    let [paid, cancelled, held] = [(); 3].map(|()| shop.shopper());
    for shopper in [&paid, &cancelled, &held] {
        shopper.hold(&[(&sku, 2)]).await;
    }
    paid.pay("pm_card_visa").await;
    paid.reaches("paid").await;
    cancelled.cancel().await;
    cancelled.reaches("cancelled").await;
    let refund = json!({
        "refund_id": Uuid::new_v4(), "reason": "one came broken",
        "lines": [{"sku": sku, "quantity": 1, "restock": true}],
    });
    let path = format!("/v1/orders/{}/refunds", paid.order_id);
    Shopper::send(operator.request(Method::POST, &path).json(&refund)).await;
    paid.reaches("partially_refunded").await;

    let (mut movements, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/v1/stock/{sku}/movements?limit=3{cursor}")).await;
        movements.extend(list(&page, "movements").clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let count = |kind: &str| movements.iter().filter(|it| it["kind"] == kind).count();
    let kinds = ["adjusted", "held", "sold", "released", "restocked"].map(count);
    assert_eq!(kinds, [2, 3, 1, 1, 1], "{movements:#?}");
    let sum = |name: &str| movements.iter().map(|it| it[name].as_i64().unwrap()).sum::<i64>();
    let level = operator.get(&format!("/v1/stock/{sku}")).await;
    for (level_name, delta) in
        [("on_hand", "on_hand_delta"), ("held", "held_delta"), ("sold", "sold_delta")]
    {
        assert_eq!(level[level_name], sum(delta), "{level_name} of {level}");
    }
    let at = |it: &Value| it["at"].as_str().unwrap().to_owned();
    assert!(movements.iter().map(at).is_sorted_by(|a, b| a >= b), "{movements:#?}");
}

#[tokio::test]
async fn a_product_that_is_written_again_under_one_id_is_audited_once() {
    let shop = Shop::shared().await;
    let sku = shop.product(0).await;
    let put = |id: Uuid, amount: i64| {
        let body = json!({
            "change_id": id, "reason": "new season", "name": "Mug", "description": "",
            "price": {"amount": amount, "currency": "EUR"},
        });
        shop.operator().request(Method::PUT, &format!("/v1/products/{sku}")).json(&body)
    };
    let id = Uuid::new_v4();
    for _ in 0..2 {
        assert_eq!(Shopper::send(put(id, 900)).await.status, 200);
    }
    is_problem(&Shopper::send(put(id, 901)).await, "adjustment-id-reused");
    let audit = shop.operator().get(&format!("/v1/audit?subject={sku}&kind=put_product")).await;
    let ours = list(&audit, "changes").iter().filter(|it| it["change_id"] == json!(id));
    assert_eq!(ours.count(), 1, "{audit}");
}

#[tokio::test]
async fn the_audit_is_paged_newest_first_without_a_gap() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    for _ in 0..4 {
        shop.operator().adjust_stock(&sku, 1).await;
    }
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/audit?subject={sku}&limit=2{cursor}");
        let page = shop.operator().get(&path).await;
        ids.extend(list(&page, "changes").iter().map(|it| it["change_id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let whole = shop.operator().get(&format!("/v1/audit?subject={sku}")).await;
    let all: Vec<_> =
        list(&whole, "changes").iter().map(|it| it["change_id"].to_string()).collect();
    assert_eq!((ids.len(), &ids), (6, &all));
}

#[tokio::test]
async fn the_overview_counts_orders_where_they_are() {
    let shop = Shop::open(system_tests::ShopOptions::default()).await;
    let sku = shop.product(5).await;
    let [held, paid] = [(); 2].map(|()| shop.shopper());
    held.hold(&[(&sku, 1)]).await;
    paid.hold(&[(&sku, 1)]).await;
    paid.pay("pm_card_visa").await;
    paid.reaches("paid").await;
    let told = shop.operator().get("/v1/overview").await;
    assert_eq!(told["open"]["awaiting_payment"], 1, "{told}");
    assert_eq!(told["open"]["paying"], 0, "{told}");
    assert_eq!(told["last_hour"]["paid"], 1, "{told}");
}
