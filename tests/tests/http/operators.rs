//! Who may use the operators' listener, and what the shop's listener does not have.

use reqwest::{Method, RequestBuilder};
use system_tests::{Shop, Shopper};
use uuid::Uuid;

use crate::support::is_problem;

/// Everything on the operators' listener that takes the token.
fn guarded() -> Vec<(Method, String)> {
    let order = Uuid::new_v4();
    let paths = [
        (Method::GET, "/v1/orders".to_owned()),
        (Method::GET, format!("/v1/orders/{order}")),
        (Method::GET, "/v1/stock".to_owned()),
        (Method::GET, "/v1/stock/mug".to_owned()),
        (Method::PATCH, "/v1/stock/mug".to_owned()),
        (Method::PUT, "/v1/products/mug".to_owned()),
        (Method::GET, "/v1/webhooks".to_owned()),
        (Method::GET, "/v1/audit".to_owned()),
    ];
    paths.into()
}

#[tokio::test]
async fn without_the_token_or_with_a_wrong_one_every_path_is_401() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    for (method, path) in guarded() {
        let ask = || operator.without_token(method.clone(), &path);
        let wrong: [RequestBuilder; 5] = [
            ask(),
            ask().bearer_auth("wrong"),
            ask().bearer_auth(""),
            ask().basic_auth("operator", Some("operator-token-of-a-test")),
            ask().header("cookie", "token=operator-token-of-a-test"),
        ];
        for request in wrong {
            let reply = Shopper::send(request).await;
            is_problem(&reply, "unauthorized");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn the_shops_listener_has_no_operators_paths() {
    let shop = Shop::shared().await;
    let token = "operator-token-of-a-test";
    for (method, path) in guarded() {
        let ask = shop.shopper().anonymous(method.clone(), &path).bearer_auth(token);
        let status = Shopper::send(ask).await.status.as_u16();
        assert!(matches!(status, 404 | 405), "{method} {path} is {status}");
    }
    let metrics = shop.shopper().anonymous(Method::GET, "/metrics").bearer_auth(token);
    is_problem(&Shopper::send(metrics).await, "not-found");
}

#[tokio::test]
async fn the_operators_listener_takes_no_orders() {
    let shop = Shop::shared().await;
    let cart = Shopper::cart(&[("mug", 1)]);
    let path = format!("/v1/checkouts/{}", Uuid::new_v4());
    let put = shop.operator().request(Method::PUT, &path).json(&cart);
    is_problem(&Shopper::send(put).await, "not-found");
}

#[tokio::test]
async fn metrics_need_no_token_on_this_machine() {
    let shop = Shop::shared().await;
    Shopper::send(shop.shopper().anonymous(Method::GET, "/v1/products?limit=1")).await;
    let metrics = shop.operator().without_token(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(metrics.status(), 200);
    let page = metrics.text().await.unwrap();
    assert!(page.contains("http_requests_total{") && page.contains("/v1/products"), "{page}");
}
