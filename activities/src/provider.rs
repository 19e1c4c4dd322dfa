//! The payment provider: a small client of Stripe's API, the calls that a checkout needs. Those of
//! refunds and disputes are in [`refunds`], whole lists in [`books`], what is answered in `answers`.

mod answers;
pub mod books;
mod breaker;
pub mod refunds;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{AttemptId, Money, OrderId};
use failpoints::ProviderCall;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use tracing::Instrument;

pub use self::answers::{Answer, Intent, ProviderError};
use self::{
    answers::{classify, is_absent, retry_after},
    breaker::Breaker,
};
use crate::metrics;

/// The version of Stripe's API that this client was written against.
const STRIPE_VERSION: &str = "2025-06-30.basil";
/// The header under which a repeated request has its effect once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longer than the provider takes, shorter than a shopper waits.
const ONE_REQUEST: Duration = Duration::from_secs(10);

/// A connection to the provider.
#[derive(Clone)]
pub struct Provider {
    http: reqwest::Client,
    base: String,
    secret_key: String,
    return_base: String,
    breaker: Arc<Breaker>,
}

impl Provider {
    /// A client of the API at `base`. Shoppers come back from 3-D Secure to `return_base`.
    ///
    /// # Errors
    /// When the HTTP client can't be made.
    pub fn new(
        base: &str,
        secret_key: String,
        return_base: String,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(ONE_REQUEST)
            .connect_timeout(Duration::from_secs(3))
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            secret_key,
            return_base,
            breaker: Arc::default(),
        })
    }

    /// Creates the intent of an order, unconfirmed: nothing is charged by it.
    ///
    /// # Errors
    /// When it is not known whether it was created.
    pub async fn create(
        &self,
        order: OrderId,
        total: Money,
        try_number: u32,
    ) -> Result<Answer, ProviderError> {
        let form = [
            ("amount", total.amount.to_string()),
            ("currency", total.currency.as_str().to_ascii_lowercase()),
            ("capture_method", "manual".to_owned()),
            ("payment_method_types[]", "card".to_owned()),
            ("metadata[order_id]", order.to_string()),
            ("description", format!("Order {order}")),
        ];
        let request = self.post("payment_intents", &form);
        self.send(keyed(request, &format!("{order}/create"), try_number)).await
    }

    /// Confirms an intent with a payment method: this sets money aside.
    ///
    /// # Errors
    /// When it is not known whether it was confirmed.
    pub async fn confirm(
        &self,
        intent: &str,
        order: OrderId,
        attempt: AttemptId,
        payment_method: &str,
        try_number: u32,
    ) -> Result<Answer, ProviderError> {
        let form = [
            ("payment_method", payment_method.to_owned()),
            ("return_url", format!("{}/orders/{order}", self.return_base)),
        ];
        let request = self.post(&format!("payment_intents/{intent}/confirm"), &form);
        self.send(keyed(request, &format!("{order}/{attempt}"), try_number)).await?.about(intent)
    }

    /// Moves the money that is set aside.
    ///
    /// # Errors
    /// When it is not known whether it has moved.
    pub async fn capture(
        &self,
        intent: &str,
        order: OrderId,
        try_number: u32,
    ) -> Result<Answer, ProviderError> {
        let request = self.post(&format!("payment_intents/{intent}/capture"), &[]);
        self.send(keyed(request, &format!("{order}/capture"), try_number)).await?.about(intent)
    }

    /// Calls an intent off. Needs no key: called off twice is called off.
    ///
    /// # Errors
    /// When it is not known whether it was called off.
    pub async fn cancel(&self, intent: &str) -> Result<Answer, ProviderError> {
        self.send(self.post(&format!("payment_intents/{intent}/cancel"), &[])).await?.about(intent)
    }

    /// Asks where an intent stands.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn retrieve(&self, intent: &str) -> Result<Answer, ProviderError> {
        let request = self.request(Method::GET, &format!("payment_intents/{intent}"));
        self.send(request).await?.about(intent)
    }

    fn post(&self, path: &str, form: &[(&str, String)]) -> RequestBuilder {
        self.request(Method::POST, path).form(form)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}/v1/{path}", self.base))
            .bearer_auth(&self.secret_key)
            .header("stripe-version", STRIPE_VERSION)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, ProviderError> {
        Ok(self.ask(request).await?.map_or_else(|other| other, Answer::Intent))
    }

    /// Sends a request; answers what it asks for, or why it can't be granted.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<Result<T, Answer>, ProviderError> {
        let (status, retry_after, body) = self.exchange(request).await?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map(Ok)
                .map_err(|error| ProviderError::Nonsense(format!("{status}, {error}")));
        }
        classify(status, retry_after, &body).map(Err)
    }

    /// Sends a request, unless the provider is left alone just now; answers status, `Retry-After`
    /// and body.
    async fn exchange(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Option<Duration>, Vec<u8>), ProviderError> {
        let request = request.build()?;
        self.breaker
            .admit(ONE_REQUEST)
            .map_err(|retry_after| ProviderError::LeftAlone { retry_after })?;
        let call = failpoint(&request);
        call.reached("before").await;
        let began = Instant::now();
        let (method, path) = (request.method(), request.url().path());
        let span = tracing::info_span!("provider", otel.kind = "client", %method, path);
        let exchanged = async {
            let response = self.http.execute(request).await?;
            let (status, retry_after) = (response.status(), retry_after(&response));
            Ok((status, retry_after, response.bytes().await?.to_vec()))
        }
        .instrument(span)
        .await;
        let answered = matches!(&exchanged, Ok((status, _, _)) if !is_absent(*status));
        metrics::provider_asked(answered, began.elapsed());
        self.breaker.report(answered);
        call.reached("after").await;
        exchanged
    }
}

/// Where a test may have the request wait.
fn failpoint(request: &reqwest::Request) -> ProviderCall {
    let key = request.headers().get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
    ProviderCall::new("provider", request.method().as_str(), request.url().path(), key)
}

/// Adds the idempotency key of the `try_number`th try. A further key is used only after the
/// provider has failed under the one before, which it would repeat for ever.
fn keyed(request: RequestBuilder, key: &str, try_number: u32) -> RequestBuilder {
    let key = if try_number == 0 { key.to_owned() } else { format!("{key}/{try_number}") };
    request.header(IDEMPOTENCY_KEY, key)
}
