//! Requests that name what is not there, and what every answer carries.

use reqwest::Method;
use system_tests::{Reply, Shop, Shopper, http_client};
use uuid::Uuid;

use crate::support::{PROBLEMS, is_problem, pointers};

async fn ask(shop: &Shop, method: Method, path: &str) -> Reply {
    Shopper::send(shop.shopper().anonymous(method, path)).await
}

#[tokio::test]
async fn a_path_that_there_is_not_is_404() {
    let shop = Shop::shared().await;
    for path in ["/nothing", "/v1", "/v1/products/a/b", "/v2/products", "/v1/checkouts"] {
        let reply = ask(&shop, Method::GET, path).await;
        is_problem(&reply, "not-found");
        assert_eq!(reply.body["instance"], path);
    }
    let operator = shop.operator().request(Method::GET, "/v1/nothing");
    is_problem(&Shopper::send(operator).await, "not-found");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_405_and_says_which_it_does() {
    let shop = Shop::shared().await;
    let order = format!("/v1/checkouts/{}", Uuid::new_v4());
    for (method, path, allowed) in [
        (Method::POST, "/v1/products", "GET"),
        (Method::GET, "/v1/stock-check", "POST"),
        (Method::GET, "/v1/analytics", "POST"),
        (Method::GET, "/v1/webhooks/stripe", "POST"),
        (Method::POST, &order, "PUT"),
        (Method::PUT, &format!("{order}/payment"), "POST"),
        (Method::POST, &format!("{order}/events"), "GET"),
    ] {
        let reply = ask(&shop, method, path).await;
        is_problem(&reply, "method-not-allowed");
        assert!(reply.header("allow").contains(allowed), "{path}: {}", reply.header("allow"));
    }
}

#[tokio::test]
async fn an_order_id_that_is_no_uuid_names_no_checkout() {
    let shop = Shop::shared().await;
    let shopper = shop.shopper();
    let cart = Shopper::cart(&[("mug", 1)]);
    for id in ["1", "mug", "00000000-0000-0000-0000-00000000000g", "%00", "..%2f..", "%ff"] {
        let path = format!("/v1/checkouts/{id}");
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let request = shopper.anonymous(method.clone(), &path).bearer_auth(&shopper.secret);
            let request = if method == Method::PUT { request.json(&cart) } else { request };
            let reply = Shopper::send(request).await;
            assert!(matches!(reply.status.as_u16(), 404 | 422), "{method} {path}: {}", reply.body);
            is_problem(&reply, reply.problem());
        }
    }
}

#[tokio::test]
async fn a_query_with_a_bad_value_is_422_and_points_to_it() {
    let shop = Shop::shared().await;
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=many", "/limit"),
        ("cursor=%21", "/cursor"),
        ("cursor=bm90IGEgc2t1", "/cursor"),
    ] {
        let reply = ask(&shop, Method::GET, &format!("/v1/products?{query}")).await;
        assert_eq!(pointers(&reply), [pointer], "{query}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_or_made() {
    let shop = Shop::shared().await;
    let livez = || shop.shopper().anonymous(Method::GET, "/livez");
    let taken = Shopper::send(livez().header("x-request-id", "from-the-client")).await;
    assert_eq!(taken.header("x-request-id"), "from-the-client");
    let (one, two) = (Shopper::send(livez()).await, Shopper::send(livez()).await);
    assert!(!one.header("x-request-id").is_empty());
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    let refused = shop.shopper().anonymous(Method::GET, "/nothing").header("x-request-id", "r-1");
    assert_eq!(Shopper::send(refused).await.header("x-request-id"), "r-1");
}

#[tokio::test]
async fn a_request_id_that_could_spoil_a_log_is_not_taken() {
    let shop = Shop::shared().await;
    for bad in ["", "two words", "\"quoted\u{7f}\"", &"x".repeat(1_000)] {
        let livez = shop.shopper().anonymous(Method::GET, "/livez").header("x-request-id", bad);
        let Ok(livez) = livez.build() else { continue };
        let answer = http_client().execute(livez).await.unwrap();
        let made = answer.headers()["x-request-id"].to_str().unwrap();
        assert!(!made.is_empty() && made != bad, "{bad:?} was taken");
    }
}

#[tokio::test]
async fn every_problem_has_a_page_that_explains_it() {
    let shop = Shop::shared().await;
    let text = async |path: &str| {
        let answer = shop.shopper().anonymous(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let content_type = answer.headers()["content-type"].to_str().unwrap();
        assert!(content_type.starts_with("text/html"), "{path} is {content_type}");
        answer.text().await.unwrap()
    };
    let index = text("/problems").await;
    for (slug, status) in PROBLEMS {
        let path = format!("/problems/{slug}");
        let page = text(&path).await;
        assert!(page.contains(slug) && page.contains(&status.to_string()), "{page}");
        assert!(index.contains(&path), "/problems does not lead to {path}");
    }
    is_problem(&ask(&shop, Method::GET, "/problems/none-of-ours").await, "not-found");
}

#[tokio::test]
async fn a_problem_asked_for_with_head_has_no_body() {
    let shop = Shop::shared().await;
    let head = shop.shopper().anonymous(Method::HEAD, "/v1/products/no-such").send().await.unwrap();
    assert_eq!(head.status(), 404);
    assert_eq!(head.headers()["content-type"], "application/problem+json");
    assert!(head.text().await.unwrap().is_empty());
}
