//! An operator: products, stock, orders, over the operators' listener.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Reply, Shopper, http_client, shop::OPERATOR_TOKEN};

/// Somebody with the token.
#[derive(Clone, Debug)]
pub struct Operator {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Operator {
    pub(crate) fn new(url: String) -> Self {
        Self::at(url, OPERATOR_TOKEN.to_owned())
    }

    /// Somebody with this token at the listener `url`, `http://host:port`.
    #[must_use]
    pub fn at(url: String, token: String) -> Self {
        Self { url, token, http: http_client() }
    }

    /// The listener's address, `http://host:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bearer token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Somebody else, with a token of their own.
    #[must_use]
    pub fn with_token(self, token: String) -> Self {
        Self { token, ..self }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// A request without it.
    pub fn without_token(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Reads `path`, which has to be there.
    ///
    /// # Panics
    /// When it is not.
    pub async fn get(&self, path: &str) -> Value {
        let reply = Shopper::send(self.request(Method::GET, path)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    /// Creates or changes a product, in EUR.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn put_product(&self, sku: &str, price_minor: i64) {
        let body = json!({
            "name": format!("Thing {sku}"), "description": "A thing.",
            "price": {"amount": price_minor, "currency": "EUR"},
        });
        let put = || self.request(Method::PUT, &format!("/v1/products/{sku}")).json(&body);
        let reply = Shopper::send_until_decided(&format!("product {sku}"), put).await;
        assert!(reply.status.is_success(), "{}", reply.body);
    }

    /// Counts units in or out, under an id of its own.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn adjust_stock(&self, sku: &str, on_hand_delta: i64) -> Value {
        let patch = self.adjustment(Uuid::new_v4(), sku, on_hand_delta);
        let again = || patch.try_clone().unwrap();
        let reply = Shopper::send_until_decided(&format!("stock of {sku}"), again).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    /// Counts units in or out, under this id.
    pub async fn adjust_stock_as(&self, id: Uuid, sku: &str, on_hand_delta: i64) -> Reply {
        Shopper::send(self.adjustment(id, sku, on_hand_delta)).await
    }

    fn adjustment(&self, id: Uuid, sku: &str, on_hand_delta: i64) -> RequestBuilder {
        let body = json!({
            "adjustment_id": id, "on_hand_delta": on_hand_delta, "reason": "a test",
        });
        self.request(Method::PATCH, &format!("/v1/stock/{sku}")).json(&body)
    }

    /// What there is of a product: (available, held, sold).
    pub async fn stock(&self, sku: &str) -> (i64, i64, i64) {
        let stock = self.get(&format!("/v1/stock/{sku}")).await;
        let number = |name: &str| stock[name].as_i64().unwrap_or(i64::MIN);
        (number("available"), number("held"), number("sold"))
    }

    /// Everything about an order.
    pub async fn order(&self, order: Uuid) -> Value {
        self.get(&format!("/v1/orders/{order}")).await
    }
}
