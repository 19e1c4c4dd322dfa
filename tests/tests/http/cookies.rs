//! The cookie that carries an order's secret where a header can't be sent.

use reqwest::{Method, RequestBuilder, header};
use system_tests::{Shop, Shopper};
use uuid::Uuid;

use crate::support::{brief_shop, is_problem};

/// Holds one unit; answers the shopper and the cookie's `name=value`.
async fn held_with_cookie(shop: &Shop, sku: &str) -> (Shopper, String) {
    let shopper = shop.shopper();
    let reply = shopper.put(&Shopper::cart(&[(sku, 1)])).await;
    assert!(reply.status.is_success(), "{}", reply.body);
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    (shopper, cookie)
}

fn by_cookie(shopper: &Shopper, method: Method, below: &str, cookie: &str) -> RequestBuilder {
    let path = format!("/v1/checkouts/{}{below}", shopper.order_id);
    shopper.anonymous(method, &path).header(header::COOKIE, format!("a=1; {cookie}; b=2"))
}

#[tokio::test]
async fn the_cookie_is_for_this_order_alone_and_out_of_reach_of_scripts() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    let reply = shopper.put(&Shopper::cart(&[(&sku, 1)])).await;
    let set = reply.header("set-cookie");
    let attributes: Vec<&str> = set.split(';').map(str::trim).collect();
    assert!(attributes.contains(&format!("Path=/v1/checkouts/{}", shopper.order_id).as_str()));
    assert!(attributes.contains(&"HttpOnly") && attributes.contains(&"SameSite=Strict"), "{set}");
    assert!(!attributes.contains(&"Secure"), "a Secure cookie is lost on http: {set}");
    let again = shopper.put(&Shopper::cart(&[(&sku, 1)])).await;
    assert_eq!(again.header("set-cookie"), set, "a client that lost it gets it again");
}

#[tokio::test]
async fn on_https_the_cookie_is_secure() {
    let shop = brief_shop().await;
    let sku = shop.product(1).await;
    let reply = shop.shopper().put(&Shopper::cart(&[(&sku, 1)])).await;
    assert!(reply.header("set-cookie").contains("; Secure"), "{}", reply.header("set-cookie"));
}

#[tokio::test]
async fn the_cookie_opens_the_order_and_its_events() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, cookie) = held_with_cookie(&shop, &sku).await;
    let get = Shopper::send(by_cookie(&shopper, Method::GET, "", &cookie)).await;
    assert_eq!((get.status.as_u16(), get.state()), (200, "awaiting_payment"));
    let events = by_cookie(&shopper, Method::GET, "/events", &cookie).send().await.unwrap();
    assert_eq!(events.status(), 200);
}

#[tokio::test]
async fn the_header_wins_over_the_cookie() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, cookie) = held_with_cookie(&shop, &sku).await;
    let wrong_header =
        by_cookie(&shopper, Method::GET, "", &cookie).bearer_auth(Uuid::new_v4().simple());
    is_problem(&Shopper::send(wrong_header).await, "checkout-not-found");
    let (name, _) = cookie.split_once('=').unwrap();
    let wrong_cookie = format!("{name}={}", Uuid::new_v4().simple());
    let right_header =
        by_cookie(&shopper, Method::DELETE, "", &wrong_cookie).bearer_auth(&shopper.secret);
    assert_eq!(Shopper::send(right_header).await.state(), "cancelled");
}

#[tokio::test]
async fn a_write_by_cookie_from_another_origin_or_from_none_is_403() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, cookie) = held_with_cookie(&shop, &sku).await;
    let delete = || by_cookie(&shopper, Method::DELETE, "", &cookie);
    is_problem(&Shopper::send(delete()).await, "cross-origin");
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "127.0.0.1"] {
        let reply = Shopper::send(delete().header(header::ORIGIN, origin)).await;
        is_problem(&reply, "cross-origin");
    }
    assert_eq!(shopper.get().await.state(), "awaiting_payment");
}

#[tokio::test]
async fn a_write_by_cookie_from_the_shops_own_pages_is_taken() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (shopper, cookie) = held_with_cookie(&shop, &sku).await;
    let delete = by_cookie(&shopper, Method::DELETE, "", &cookie);
    let reply = Shopper::send(delete.header(header::ORIGIN, shop.url())).await;
    assert_eq!((reply.status.as_u16(), reply.state()), (200, "cancelled"));
}

#[tokio::test]
async fn behind_a_proxy_the_shops_own_pages_are_those_of_its_public_address() {
    let shop = brief_shop().await;
    let sku = shop.product(1).await;
    let (shopper, cookie) = held_with_cookie(&shop, &sku).await;
    let delete = by_cookie(&shopper, Method::DELETE, "", &cookie);
    let reply = Shopper::send(delete.header(header::ORIGIN, "https://shop.example")).await;
    assert_eq!((reply.status.as_u16(), reply.state()), (200, "cancelled"));
}
