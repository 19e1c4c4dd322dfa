//! A shopper: one order id, one secret, over HTTP.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{eventually, http_client};

/// How long an order may take to get where it is going, with everything up.
const SOON: Duration = Duration::from_mins(1);

/// What the shop answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, if it is JSON.
    pub body: Value,
}

impl Reply {
    /// Reads an answer.
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, body }
    }

    /// The slug of the problem, if it is one.
    #[must_use]
    pub fn problem(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.strip_prefix("/problems/").unwrap_or_default()
    }

    /// The checkout's state.
    #[must_use]
    pub fn state(&self) -> &str {
        self.body["state"].as_str().unwrap_or_default()
    }

    /// A header, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Somebody who buys.
#[derive(Clone, Debug)]
pub struct Shopper {
    /// The order.
    pub order_id: Uuid,
    /// What makes it theirs.
    pub secret: String,
    shop_url: String,
    http: reqwest::Client,
}

impl Shopper {
    /// A shopper of the shop at `shop_url`.
    #[must_use]
    pub fn new(shop_url: String) -> Self {
        let secret = Uuid::new_v4().simple().to_string();
        Self { order_id: Uuid::new_v4(), secret, shop_url, http: http_client() }
    }

    /// The same shopper with an order id and a secret for another order.
    #[must_use]
    pub fn another_order(&self) -> Self {
        let secret = Uuid::new_v4().simple().to_string();
        Self { order_id: Uuid::new_v4(), secret, ..self.clone() }
    }

    /// The body of a PUT.
    #[must_use]
    pub fn cart(lines: &[(&str, u32)]) -> Value {
        let line = |(sku, quantity): &(&str, u32)| json!({"sku": sku, "quantity": quantity});
        json!({"lines": lines.iter().map(line).collect::<Vec<_>>()})
    }

    /// A request on this shopper's order, with its secret; `below` is empty, or `/payment`.
    pub fn request(&self, method: Method, below: &str) -> RequestBuilder {
        let url = format!("{}/v1/checkouts/{}{below}", self.shop_url, self.order_id);
        self.http.request(method, url).bearer_auth(&self.secret)
    }

    /// A request to the shop, without a secret.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.shop_url))
    }

    /// Sends a request whose answer has to come.
    ///
    /// # Panics
    /// When it does not.
    pub async fn send(request: RequestBuilder) -> Reply {
        Reply::of(request.send().await.expect("the shop answers")).await
    }

    /// Starts the checkout of `body`.
    pub async fn put(&self, body: &Value) -> Reply {
        Self::send(self.request(Method::PUT, "").json(body)).await
    }

    /// Sends `request`; told to come back, comes back. Answers what is decided of `what`.
    pub async fn send_until_decided(what: &str, request: impl Fn() -> RequestBuilder) -> Reply {
        eventually(&format!("a decision on {what}"), SOON, || async {
            let reply = Self::send(request()).await;
            let come_back = [StatusCode::ACCEPTED, StatusCode::SERVICE_UNAVAILABLE];
            (!come_back.contains(&reply.status)).then_some(reply)
        })
        .await
    }

    /// Starts the checkout of `body`; told to come back, comes back. Answers the decision.
    pub async fn put_until_decided(&self, body: &Value) -> Reply {
        let put = || self.request(Method::PUT, "").json(body);
        Self::send_until_decided(&format!("order {}", self.order_id), put).await
    }

    /// Holds `lines`, which can be had; answers the checkout.
    ///
    /// # Panics
    /// When they can't.
    pub async fn hold(&self, lines: &[(&str, u32)]) -> Value {
        let reply = self.put_until_decided(&Self::cart(lines)).await;
        assert!(reply.status.is_success(), "{}", reply.body);
        assert_eq!(reply.state(), "awaiting_payment");
        reply.body
    }

    /// A new attempt to pay.
    pub async fn pay(&self, payment_method: &str) -> Reply {
        self.pay_attempt(Uuid::new_v4(), payment_method).await
    }

    /// This attempt to pay.
    pub async fn pay_attempt(&self, attempt: Uuid, payment_method: &str) -> Reply {
        let body = json!({"attempt_id": attempt, "payment_method": payment_method});
        Self::send(self.request(Method::POST, "/payment").json(&body)).await
    }

    /// The checkout as it is.
    pub async fn get(&self) -> Reply {
        Self::send(self.request(Method::GET, "")).await
    }

    /// Calls the order off.
    pub async fn cancel(&self) -> Reply {
        Self::send(self.request(Method::DELETE, "")).await
    }

    /// Waits until the order is in `state`; answers the checkout as it is then. An API that is
    /// away for a moment is asked again.
    pub async fn reaches(&self, state: &str) -> Value {
        self.reaches_within(state, SOON).await
    }

    /// Like `reaches`, with a limit.
    pub async fn reaches_within(&self, state: &str, limit: Duration) -> Value {
        let what = format!("order {} is {state}", self.order_id);
        eventually(&what, limit, || async {
            let response = self.request(Method::GET, "").send().await.ok()?;
            let reply = Reply::of(response).await;
            (reply.state() == state).then_some(reply.body)
        })
        .await
    }

    /// Waits until the order has ended, paid or not; answers the state that it ended in.
    pub async fn ends(&self) -> String {
        let what = format!("order {} ends", self.order_id);
        eventually(&what, SOON, || async {
            let response = self.request(Method::GET, "").send().await.ok()?;
            let state = Reply::of(response).await.state().to_owned();
            let open = ["", "reserving", "awaiting_payment", "paying", "confirmed", "closing"];
            (!open.contains(&state.as_str())).then_some(state)
        })
        .await
    }
}
