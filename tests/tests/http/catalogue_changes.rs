//! Operators write products.

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Reply, Shop, Shopper};
use uuid::Uuid;

use crate::support::{json_text, pointers};

fn eur(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

async fn put(shop: &Shop, sku: &str, body: &Value) -> Reply {
    let put = shop.operator().request(Method::PUT, &format!("/v1/products/{sku}"));
    json_text(put, body.to_string()).await
}

fn new_sku() -> String {
    format!("new-{}", &Uuid::new_v4().simple().to_string()[..12])
}

#[tokio::test]
async fn a_new_product_is_201_and_has_no_stock() {
    let shop = Shop::shared().await;
    let sku = new_sku();
    let body = json!({
        "name": "Café ☕ mug", "description": "Two\nlines.", "image_url": "/images/mug.svg",
        "price": eur(1_250),
    });
    assert_eq!(put(&shop, &sku, &body).await.status, 201);
    assert_eq!(shop.operator().stock(&sku).await, (0, 0, 0));
    let shown = shop.shopper().anonymous(Method::GET, &format!("/v1/products/{sku}"));
    let shown = Shopper::send(shown).await.body;
    for member in ["name", "description", "image_url", "price"] {
        assert_eq!(shown[member], body[member]);
    }
    assert_eq!(shown["availability"], "out_of_stock");
}

#[tokio::test]
async fn a_changed_product_is_200_and_keeps_its_stock() {
    let shop = Shop::shared().await;
    let sku = shop.product(4).await;
    let body = json!({"name": "Renamed", "description": "", "price": eur(900)});
    let reply = put(&shop, &sku, &body).await;
    assert_eq!((reply.status.as_u16(), &reply.body["name"]), (200, &json!("Renamed")));
    assert_eq!(shop.operator().stock(&sku).await, (4, 0, 0));
}

#[tokio::test]
async fn a_held_order_keeps_the_price_that_it_was_held_at() {
    let shop = Shop::shared().await;
    let sku = shop.product(4).await;
    let shopper = shop.shopper();
    let held = shopper.hold(&[(&sku, 2)]).await;
    let dollars = json!({"amount": 9_900, "currency": "USD"});
    let dearer = json!({"name": "Dearer", "description": "", "price": dollars});
    put(&shop, &sku, &dearer).await;
    for checkout in [shopper.get().await.body, shopper.put(&Shopper::cart(&[(&sku, 2)])).await.body]
    {
        assert_eq!(checkout["lines"], held["lines"]);
        assert_eq!(checkout["total"], eur(2_400));
    }
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    let payments = shop.payments_of(shopper.order_id).await;
    assert_eq!(
        (&payments[0]["captured"], &payments[0]["currency"]),
        (&json!(2_400), &json!("EUR"))
    );
    let next = shop.shopper().hold(&[(&sku, 1)]).await;
    assert_eq!(next["total"], dollars, "the next one pays the new price");
}

#[tokio::test]
async fn every_change_of_a_product_is_audited() {
    let shop = Shop::shared().await;
    let sku = shop.product(0).await;
    shop.operator().put_product(&sku, 1_500).await;
    let audit = shop.operator().get("/v1/audit").await;
    let changes = audit["changes"].as_array().unwrap();
    let ours = changes.iter().filter(|change| change["request"].to_string().contains(&sku));
    assert_eq!(ours.count(), 2, "made, then changed: {audit}");
}

#[tokio::test]
async fn a_product_that_makes_no_sense_is_422() {
    let shop = Shop::shared().await;
    let sku = new_sku();
    let fine = json!({"name": "Mug", "description": "", "price": eur(100)});
    for (member, bad, pointer) in [
        ("name", json!(""), "/name"),
        ("name", json!("a\u{0}"), "/name"),
        ("name", json!("x".repeat(1_000)), "/name"),
        ("description", Value::Null, "/description"),
        ("image_url", json!("javascript:alert(1)"), "/image_url"),
        ("image_url", json!("//evil.example/x.png"), "/image_url"),
        ("price", json!(100), "/price"),
        ("price", eur(-1), "/price/amount"),
        ("price", eur(100_000_000), "/price/amount"),
        ("price", json!({"amount": 100, "currency": "euro"}), "/price/currency"),
        ("stock", json!(5), "/stock"),
    ] {
        let mut body = fine.clone();
        body[member] = bad;
        let reply = put(&shop, &sku, &body).await;
        assert!(pointers(&reply).contains(&pointer), "{body}: {}", reply.body);
    }
    let named = put(&shop, "a%20b", &fine).await;
    assert_eq!(pointers(&named), ["/sku"]);
    let shown = shop.shopper().anonymous(Method::GET, &format!("/v1/products/{sku}"));
    assert_eq!(Shopper::send(shown).await.status, 404, "none of it was kept");
}

#[tokio::test]
async fn a_products_name_is_text_on_the_front_page_and_no_markup() {
    let shop = Shop::shared().await;
    // It sorts first, so that it is on the page.
    let sku = format!("0-{}", new_sku());
    let body = json!({"name": "<b>bold</b>", "description": "", "price": eur(100)});
    assert_eq!(put(&shop, &sku, &body).await.status, 201);
    let home = shop.shopper().anonymous(Method::GET, "/").send().await.unwrap();
    let page = home.text().await.unwrap();
    assert!(page.contains(&sku), "it is on the page");
    assert!(!page.contains("<b>bold"), "{page}");
}
