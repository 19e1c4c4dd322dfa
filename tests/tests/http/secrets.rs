//! The secret that makes an order its client's.

use reqwest::{Method, RequestBuilder, header};
use serde_json::json;
use system_tests::{Shop, Shopper};
use uuid::Uuid;

use crate::support::{is_problem, stranger_to};

/// Every verb of an order, each with a body that is fine, and without a secret.
fn every_verb(shopper: &Shopper, sku: &str) -> Vec<RequestBuilder> {
    let path = format!("/v1/checkouts/{}", shopper.order_id);
    let attempt = json!({"attempt_id": Uuid::new_v4(), "payment_method": "pm_card_visa"});
    vec![
        shopper.anonymous(Method::PUT, &path).json(&Shopper::cart(&[(sku, 1)])),
        shopper.anonymous(Method::GET, &path),
        shopper.anonymous(Method::DELETE, &path),
        shopper.anonymous(Method::POST, &format!("{path}/payment")).json(&attempt),
        shopper.anonymous(Method::GET, &format!("{path}/events")),
    ]
}

#[tokio::test]
async fn without_a_secret_every_verb_is_401() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    for request in every_verb(&shopper, &sku) {
        let reply = Shopper::send(request).await;
        is_problem(&reply, "missing-secret");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    assert_eq!(shopper.get().await.state(), "awaiting_payment");
}

#[tokio::test]
async fn a_secret_that_is_short_or_not_url_safe_is_401() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    for bad in [
        "Bearer",
        "Bearer ",
        "Bearer 123456789012345678901",
        "Bearer 1234567890123456789012/+=",
        "Bearer 12345678901234567890 2",
        "Basic 1234567890123456789012",
        "1234567890123456789012",
    ] {
        for request in every_verb(&shop.shopper(), &sku) {
            let reply = Shopper::send(request.header(header::AUTHORIZATION, bad)).await;
            is_problem(&reply, "missing-secret");
        }
    }
}

#[tokio::test]
async fn a_secret_of_22_url_safe_characters_is_enough() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let secret = format!("{}-_", &Uuid::new_v4().simple().to_string()[..20]);
    let mut shopper = shop.shopper();
    shopper.secret = secret;
    shopper.hold(&[(&sku, 1)]).await;
    assert_eq!(shopper.get().await.status, 200);
}

#[tokio::test]
async fn to_another_secret_the_order_does_not_exist() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    let held = shopper.hold(&[(&sku, 1)]).await;
    let stranger = stranger_to(&shopper);
    for request in every_verb(&stranger, &sku) {
        let reply = Shopper::send(request.bearer_auth(&stranger.secret)).await;
        is_problem(&reply, "checkout-not-found");
        assert_eq!(reply.header("set-cookie"), "");
    }
    let other_body = stranger.put(&Shopper::cart(&[(&sku, 2)])).await;
    is_problem(&other_body, "checkout-not-found");
    assert_eq!(shopper.get().await.body["version"], held["version"], "the order was touched");
    assert_eq!(shop.operator().stock(&sku).await, (4, 1, 0));
}

#[tokio::test]
async fn an_order_that_nobody_made_looks_like_a_strangers() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (nobodys, owner) = (shop.shopper(), shop.shopper());
    owner.hold(&[(&sku, 1)]).await;
    let stranger = stranger_to(&owner);
    let (nothing, strangers) = (nobodys.get().await, stranger.get().await);
    is_problem(&nothing, "checkout-not-found");
    for member in ["type", "title", "status", "detail"] {
        assert_eq!(nothing.body[member], strangers.body[member]);
    }
    for request in every_verb(&nobodys, &sku).into_iter().skip(1) {
        let reply = Shopper::send(request.bearer_auth(&nobodys.secret)).await;
        is_problem(&reply, "checkout-not-found");
    }
}

#[tokio::test]
async fn the_server_keeps_no_secret_in_the_clear() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    let mut cart = Shopper::cart(&[(&sku, 1)]);
    cart["email"] = json!("somebody@shop.example");
    shopper.put(&cart).await;
    let database = shop.database().await;
    let kept: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(orders)::text from orders where order_id = $1
         union all select to_jsonb(order_contacts)::text from order_contacts where order_id = $1",
    )
    .bind(shopper.order_id)
    .fetch_all(&database)
    .await
    .unwrap();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|row| !row.contains(&shopper.secret)), "{kept:?}");
}
