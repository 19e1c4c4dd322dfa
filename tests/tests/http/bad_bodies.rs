//! Bodies that can't be read, wherever a body is taken.

use reqwest::{Method, RequestBuilder, header};
use serde_json::json;
use system_tests::{Shop, Shopper};
use uuid::Uuid;

use crate::support::{is_problem, json_text, raw};

/// Every request of both listeners that takes a JSON body, on things that exist.
async fn everything_that_takes_json(shop: &Shop) -> Vec<RequestBuilder> {
    let sku = shop.product(5).await;
    let (shopper, operator) = (shop.shopper(), shop.operator());
    shopper.hold(&[(&sku, 1)]).await;
    vec![
        shopper.request(Method::PUT, ""),
        shopper.request(Method::POST, "/payment"),
        shopper.anonymous(Method::POST, "/v1/stock-check"),
        shopper.anonymous(Method::POST, "/v1/analytics"),
        operator.request(Method::PUT, &format!("/v1/products/{sku}")),
        operator.request(Method::PATCH, &format!("/v1/stock/{sku}")),
    ]
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400() {
    let shop = Shop::shared().await;
    for request in everything_that_takes_json(&shop).await {
        for body in ["", "{", "{} {}", "{\"a\":1,}", "lines=1", "{\"a\":\"\u{1}\"}"] {
            let reply = json_text(request.try_clone().unwrap(), body).await;
            is_problem(&reply, "malformed-json");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_400() {
    let shop = Shop::shared().await;
    for request in everything_that_takes_json(&shop).await {
        is_problem(&json_text(request, b"{\"a\":\"\xff\"}").await, "malformed-json");
    }
}

#[tokio::test]
async fn a_body_with_a_member_twice_is_400_at_any_depth() {
    let shop = Shop::shared().await;
    for request in everything_that_takes_json(&shop).await {
        for body in
            [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"{"lines":[{"sku":"a","sku":"b"}]}"#]
        {
            let reply = json_text(request.try_clone().unwrap(), body).await;
            is_problem(&reply, "malformed-json");
        }
    }
}

#[tokio::test]
async fn a_body_of_thousands_of_brackets_is_400_and_no_more() {
    let shop = Shop::shared().await;
    for request in everything_that_takes_json(&shop).await {
        let reply = json_text(request, "[".repeat(60_000)).await;
        is_problem(&reply, "malformed-json");
    }
}

#[tokio::test]
async fn a_body_of_another_media_type_or_of_none_is_415() {
    let shop = Shop::shared().await;
    for request in everything_that_takes_json(&shop).await {
        for media_type in ["", "application/x-www-form-urlencoded", "text/html", "json"] {
            let reply = raw(request.try_clone().unwrap(), media_type, "{}").await;
            is_problem(&reply, "unsupported-media-type");
        }
    }
    let text = raw(shop.shopper().request(Method::PUT, ""), "text/plain", "{}").await;
    is_problem(&text, "unsupported-media-type");
}

#[tokio::test]
async fn a_media_type_may_have_parameters_and_capitals() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let body = Shopper::cart(&[(&sku, 1)]).to_string();
    let put = shop.shopper().request(Method::PUT, "");
    let reply = raw(put, "Application/JSON; charset=UTF-8", body).await;
    assert!(reply.status.is_success(), "{}", reply.body);
}

#[tokio::test]
async fn a_body_over_64_kib_is_413() {
    let shop = Shop::shared().await;
    for request in everything_that_takes_json(&shop).await {
        let body = format!("{{}}{}", " ".repeat(64 * 1024 - 1));
        is_problem(&json_text(request, body).await, "body-too-large");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_that_does_not_say_how_long_it_is_is_413() {
    let shop = Shop::shared().await;
    let chunks = (0..65).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    let put =
        shop.shopper().request(Method::PUT, "").header(header::CONTENT_TYPE, "application/json");
    is_problem(&Shopper::send(put.body(body)).await, "body-too-large");
}

#[tokio::test]
async fn a_body_of_64_kib_exactly_is_taken() {
    let shop = Shop::shared().await;
    let sku = shop.product(5).await;
    let mut body = Shopper::cart(&[(&sku, 1)]).to_string();
    body.push_str(&" ".repeat(64 * 1024 - body.len()));
    let reply = json_text(shop.shopper().request(Method::PUT, ""), body).await;
    assert!(reply.status.is_success(), "{}", reply.body);
}

#[tokio::test]
async fn a_client_that_hangs_up_half_way_through_its_body_harms_nobody() {
    use tokio::{io::AsyncWriteExt, net::TcpStream};

    let shop = Shop::shared().await;
    let address = shop.url().replace("http://", "");
    for _ in 0..20 {
        let mut socket = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "PUT /v1/checkouts/{} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 500\r\n\
             Content-Type: application/json\r\n\r\n{{\"lines\":",
            Uuid::new_v4()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
    }
    let sku = shop.product(1).await;
    let check = json!({"lines": [{"sku": sku, "quantity": 1}]});
    let ask = shop.shopper().anonymous(Method::POST, "/v1/stock-check").json(&check);
    assert_eq!(Shopper::send(ask).await.status, 200);
}
