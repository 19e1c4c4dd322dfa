//! What the shop sells.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::json;
use system_tests::{Reply, Shop, Shopper, eventually};

use crate::support::is_problem;

async fn get(shop: &Shop, path: &str) -> Reply {
    Shopper::send(shop.shopper().anonymous(Method::GET, path)).await
}

async fn get_unless(shop: &Shop, path: &str, etag: &str) -> Reply {
    let get = shop.shopper().anonymous(Method::GET, path).header("if-none-match", etag);
    Shopper::send(get).await
}

#[tokio::test]
async fn a_product_says_what_it_is_what_it_costs_and_whether_it_can_be_had() {
    let shop = Shop::shared().await;
    let sku = shop.product(25).await;
    let product = get(&shop, &format!("/v1/products/{sku}")).await;
    assert_eq!(product.status, 200);
    let expected = json!({
        "sku": sku, "name": format!("Thing {sku}"), "description": "A thing.", "image_url": null,
        "price": {"amount": 1_200, "currency": "EUR"},
        "availability": "in_stock", "available": 10,
    });
    assert_eq!(product.body, expected);
}

#[tokio::test]
async fn availability_has_a_word_for_each_case_and_shows_no_more_than_ten() {
    let shop = Shop::shared().await;
    for (units, word, shown) in
        [(0, "out_of_stock", 0), (1, "low_stock", 1), (10, "in_stock", 10), (11, "in_stock", 10)]
    {
        let sku = shop.product(units).await;
        let product = get(&shop, &format!("/v1/products/{sku}")).await.body;
        assert_eq!(product["availability"], word, "{units} units");
        assert_eq!(product["available"], shown, "{units} units");
    }
}

#[tokio::test]
async fn a_product_that_there_is_not_is_404_and_named() {
    let shop = Shop::shared().await;
    let reply = get(&shop, "/v1/products/no-such").await;
    is_problem(&reply, "unknown-sku");
    assert_eq!(reply.body["skus"], json!(["no-such"]));
}

#[tokio::test]
async fn paging_shows_every_product_once() {
    let shop = Shop::shared().await;
    let mut made = BTreeSet::new();
    for _ in 0..3 {
        made.insert(shop.product(1).await);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/products?limit=7".to_owned();
    loop {
        let page = get(&shop, &path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let products = page.body["products"].as_array().unwrap();
        assert!(products.len() <= 7);
        seen.extend(products.iter().map(|product| product["sku"].as_str().unwrap().to_owned()));
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/products?limit=7&cursor={cursor}"),
            None => break,
        }
    }
    let once: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(once.len(), seen.len(), "a product came twice");
    assert!(made.is_subset(&once), "a product is missing");
}

#[tokio::test]
async fn what_a_client_has_already_is_304_until_it_changes() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let path = format!("/v1/products/{sku}");
    let etag = get(&shop, &path).await.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 2, "{etag}");
    for unchanged in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let reply = get_unless(&shop, &path, &unchanged).await;
        assert_eq!((reply.status.as_u16(), reply.header("etag")), (304, etag.as_str()));
    }
    shop.operator().put_product(&sku, 1_300).await;
    let changed = get_unless(&shop, &path, &etag).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), etag);
}

#[tokio::test]
async fn the_list_has_an_etag_as_well() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let path = "/v1/products?limit=1";
    let etag = get(&shop, path).await.header("etag").to_owned();
    assert!(etag.starts_with('"'), "{etag}");
    eventually("304, while others change their own products", Duration::from_secs(5), || async {
        let etag = get(&shop, path).await.header("etag").to_owned();
        (get_unless(&shop, path, &etag).await.status == 304).then_some(())
    })
    .await;
    drop(sku);
}

#[tokio::test]
async fn a_hold_shows_in_the_product_within_a_second() {
    let shop = Shop::shared().await;
    let sku = shop.product(3).await;
    shop.shopper().hold(&[(&sku, 3)]).await;
    eventually("the product is out of stock", Duration::from_secs(1), || async {
        let product = get(&shop, &format!("/v1/products/{sku}")).await.body;
        (product["availability"] == "out_of_stock").then_some(())
    })
    .await;
}
