//! Pages and documents that the shop serves besides its API.

use std::collections::BTreeSet;

use reqwest::{Method, Response};
use serde_json::Value;
use system_tests::{Shop, Shopper, http_client};

use crate::support::is_problem;

async fn get(shop: &Shop, path: &str) -> Response {
    let answer = shop.shopper().anonymous(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer
}

fn media_type(answer: &Response) -> String {
    answer.headers()["content-type"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_front_page_is_html() {
    let shop = Shop::shared().await;
    let home = get(&shop, "/").await;
    assert!(media_type(&home).starts_with("text/html"));
    let page = home.text().await.unwrap();
    assert!(page.contains("<!doctype html>") && page.contains("/docs"), "{page}");
}

#[tokio::test]
async fn the_docs_describe_every_operation_and_need_nothing_from_elsewhere() {
    let shop = Shop::shared().await;
    for listener in [shop.url(), shop.operator().url().to_owned()] {
        let read = async |path: &str| {
            let answer = http_client().get(format!("{listener}{path}")).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.text().await.unwrap()
        };
        let document: Value = serde_json::from_str(&read("/openapi.json").await).unwrap();
        let docs = read("/docs").await;
        let all = |attribute: &str| -> BTreeSet<String> {
            let before = format!(" {attribute}=\"");
            let values = docs.split(before.as_str()).skip(1);
            values.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        let (places, links) = (all("id"), all("href"));
        let operations = document["paths"].as_object().unwrap().values();
        let operations = operations.flat_map(|methods| methods.as_object().unwrap().values());
        // Beside its operations a path has the parameters that they share.
        let names = operations.filter_map(|operation| operation["operationId"].as_str());
        let schemas = document["components"]["schemas"].as_object().unwrap().keys();
        for name in names.chain(schemas.map(String::as_str)) {
            assert!(places.contains(name), "{name} is described");
        }
        assert!(!docs.contains("anything or"), "what there is to choose from is said");
        assert!(docs.contains("<dt><code>order_id</code> <span class=\"fine\">in the path"));
        for link in &links {
            let leads = link.strip_prefix('#').map(|place| places.contains(place));
            assert!(leads.unwrap_or(link.starts_with('/')), "{link} leads nowhere, or elsewhere");
        }
        assert!(all("src").iter().all(|source| source.starts_with('/')), "{:?}", all("src"));
    }
}

#[tokio::test]
async fn openapi_describes_every_path_of_the_shop() {
    let shop = Shop::shared().await;
    let answer = get(&shop, "/openapi.json").await;
    assert!(media_type(&answer).starts_with("application/json"));
    let document: Value = answer.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for (path, verbs) in [
        ("/v1/products", &["get"][..]),
        ("/v1/products/{sku}", &["get"]),
        ("/v1/stock-check", &["post"]),
        ("/v1/checkouts/{order_id}", &["put", "get", "delete"]),
        ("/v1/checkouts/{order_id}/payment", &["post"]),
        ("/v1/checkouts/{order_id}/events", &["get"]),
        ("/v1/analytics", &["post"]),
        ("/v1/webhooks/stripe", &["post"]),
        ("/livez", &["get"]),
        ("/readyz", &["get"]),
    ] {
        for verb in verbs {
            assert!(document["paths"][path][verb].is_object(), "{verb} {path} is not described");
        }
    }
}

#[tokio::test]
async fn the_shop_is_alive_and_ready() {
    let shop = Shop::shared().await;
    get(&shop, "/livez").await;
    get(&shop, "/readyz").await;
}

#[tokio::test]
async fn the_operators_listener_has_its_own_page_and_description() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    let page = operator.without_token(Method::GET, "/").send().await.unwrap();
    assert_eq!(page.status(), 200);
    let document = Shopper::send(operator.without_token(Method::GET, "/openapi.json")).await;
    for path in ["/v1/orders", "/v1/orders/{order_id}", "/v1/stock/{sku}", "/v1/products/{sku}"] {
        assert!(document.body["paths"][path].is_object(), "{path} is not described");
    }
}

#[tokio::test]
async fn no_file_but_the_shops_own_can_be_had() {
    let shop = Shop::shared().await;
    get(&shop, "/assets/shop.js").await;
    for path in ["..%2f..%2fCargo.toml", "%2fetc%2fpasswd", "..%5c..%5cCargo.toml", "no-such.css"] {
        for folder in ["assets", "images"] {
            let request = shop.shopper().anonymous(Method::GET, &format!("/{folder}/{path}"));
            is_problem(&Shopper::send(request).await, "not-found");
        }
    }
}
