//! The HTTP side of the API: authentication, faults, idempotency, headers.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{State as Shared, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use failpoints::ProviderCall;
use serde_json::Value;

use crate::{
    Sandbox,
    error::ApiError,
    events::new_id,
    faults::{FaultSettings, happens},
    form::Form,
    idempotency::{self, Stored},
    intents::Moment,
    objects::API_VERSION,
    operations::{Request, look, perform},
    store::State,
};

type App = Arc<Sandbox>;
/// How long an answer that never comes keeps its client waiting.
const NEVER: Duration = Duration::from_mins(1);

/// What is answered.
struct Answer {
    status: u16,
    body: Value,
    /// The request that was executed, if this answer is a replay of its.
    replayed_from: Option<String>,
    /// Whether the answer gets lost on its way.
    is_lost: bool,
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self { status: error.status, body: error.body, replayed_from: None, is_lost: false }
    }
}

/// Any request to the API.
pub async fn serve(
    Shared(app): Shared<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let id = new_id("req");
    let call = Call { app, id: id.clone(), headers: headers.clone() };
    // A provider goes on when its client hangs up, and so does this task.
    let work = tokio::spawn(call.answer(method, uri, body));
    let answer = work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request failed");
        ApiError::provider_failed().into()
    });
    if answer.is_lost {
        tokio::time::sleep(NEVER).await;
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    response(answer, &id, &headers)
}

/// A request on its way.
struct Call {
    app: App,
    id: String,
    headers: HeaderMap,
}

impl Call {
    async fn answer(self, method: Method, uri: Uri, body: Result<Bytes, BytesRejection>) -> Answer {
        let faults = self.app.faults.get();
        let latency = tokio::time::sleep(Duration::from_millis(faults.latency_ms));
        if faults.down {
            latency.await;
            return ApiError::down().into();
        }
        let key_shown = match authorize(&self.app, &self.headers) {
            Ok(key) => key,
            Err(error) => return error.into(),
        };
        if key_shown == Key::Publishable && !is_for_browsers(&method, &uri) {
            return ApiError::secret_key_required().into();
        }
        let Ok(body) = body else {
            return ApiError::too_long().into();
        };
        let is_write = method != Method::GET;
        let key = self.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        let key = key.filter(|key| method == Method::POST && !key.is_empty());
        // In use from before the wait: what is slow is under way.
        let _in_use = match key.map(|key| self.app.keys_in_use.take(key)).transpose() {
            Ok(in_use) => in_use,
            Err(error) => return error.into(),
        };
        latency.await;
        let request = match read(method, &uri, &self.headers, &body) {
            Ok(request) => request,
            Err(error) => return error.into(),
        };
        let answer = if is_write {
            let call = ProviderCall::new("sandbox", request.method.as_str(), &request.path, key);
            call.reached("before").await;
            let answer = self.write(&request, key, &faults).await;
            call.reached("after").await;
            answer
        } else {
            self.look(&request, &faults).await
        };
        // The effect has happened and is on disk; its answer is lost.
        let is_lost = is_write && happens(faults.timeout_after_effect_rate);
        Answer { is_lost, ..answer }
    }

    async fn look(&self, request: &Request, faults: &FaultSettings) -> Answer {
        if happens(faults.error_rate) {
            return ApiError::provider_failed().into();
        }
        match self.app.store.read(|state| look(state, request)).await {
            Ok(body) => Answer { status: 200, body, replayed_from: None, is_lost: false },
            Err(error) => error.into(),
        }
    }

    /// A request that changes something: once under its key, whatever happens to the answer.
    async fn write(&self, request: &Request, key: Option<&str>, faults: &FaultSettings) -> Answer {
        let fails = happens(faults.error_rate);
        let at = self.app.moment(Some(&self.id), key);
        let answer = self
            .app
            .store
            .change(|state| match key {
                Some(key) => once(state, request, &at, (key, faults.keys_last()), fails),
                None => executed(state, request, &at, fails).into_answer(),
            })
            .await;
        self.app.deliveries_due.notify_one();
        answer
    }
}

/// What came of executing a request.
struct Executed {
    status: u16,
    body: Value,
    uses_key: bool,
}

impl Executed {
    fn into_answer(self) -> Answer {
        Answer { status: self.status, body: self.body, replayed_from: None, is_lost: false }
    }
}

fn executed(state: &mut State, request: &Request, at: &Moment<'_>, fails: bool) -> Executed {
    let result = if fails { Err(ApiError::provider_failed()) } else { perform(state, request, at) };
    match result {
        Ok(body) => Executed { status: 200, body, uses_key: true },
        Err(error) => Executed { status: error.status, body: error.body, uses_key: error.executed },
    }
}

/// Executes a request, or replays what came of it before.
fn once(
    state: &mut State,
    request: &Request,
    at: &Moment<'_>,
    (key, keys_last): (&str, i64),
    fails: bool,
) -> Answer {
    let parameters = request.form.fingerprint();
    let since = at.now - keys_last;
    match idempotency::replay(state, key, &request.path, &parameters, since) {
        Ok(Some(Stored { status, body, request, .. })) => {
            return Answer { status, body, replayed_from: Some(request), is_lost: false };
        }
        Ok(None) => {}
        Err(error) => return error.into(),
    }
    let executed = executed(state, request, at, fails);
    if executed.uses_key {
        let stored = Stored {
            path: request.path.clone(),
            parameters,
            status: executed.status,
            body: executed.body.clone(),
            created: at.now,
            request: at.request.unwrap_or_default().to_owned(),
        };
        idempotency::remember(state, key, stored);
    }
    executed.into_answer()
}

/// The request, with its parameters from address and body.
fn read(method: Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Request, ApiError> {
    let content_type = headers.get("content-type").and_then(|kind| kind.to_str().ok());
    let is_form =
        content_type.is_none_or(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !body.is_empty() && !is_form {
        return Err(ApiError::not_a_form());
    }
    let query = uri.query().unwrap_or_default().as_bytes();
    let form = Form::parse(&[query, b"&", body].concat());
    Ok(Request { method, path: uri.path().to_owned(), form })
}

/// Which of its keys a client shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Secret,
    Publishable,
}

/// What a browser may do without the secret key: make a payment method.
fn is_for_browsers(method: &Method, uri: &Uri) -> bool {
    method == Method::POST && uri.path() == "/v1/payment_methods"
}

fn authorize(app: &App, headers: &HeaderMap) -> Result<Key, ApiError> {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    let shown = given.map(|given| match given.strip_prefix("Bearer ") {
        Some(token) => token.to_owned(),
        None => user_of_basic(given).unwrap_or_default(),
    });
    match shown.as_deref() {
        Some(shown) if shown == app.secret_key => Ok(Key::Secret),
        Some(shown) if shown == app.publishable_key => Ok(Key::Publishable),
        shown => Err(ApiError::unauthorized(shown.is_some_and(|shown| !shown.is_empty()))),
    }
}

/// The user of HTTP Basic, which is how `curl -u key:` shows a key.
fn user_of_basic(header: &str) -> Option<String> {
    use base64::Engine;
    let encoded = header.strip_prefix("Basic ")?;
    let pair = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split(':').next().map(str::to_owned)
}

fn response(answer: Answer, id: &str, request: &HeaderMap) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(answer.body)).into_response();
    let headers = response.headers_mut();
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    add("request-id", id);
    let version = request.get("stripe-version").and_then(|version| version.to_str().ok());
    add("stripe-version", version.unwrap_or(API_VERSION));
    if let Some(key) = request.get("idempotency-key").and_then(|key| key.to_str().ok()) {
        add("idempotency-key", key);
        add("original-request", answer.replayed_from.as_deref().unwrap_or(id));
    }
    if answer.replayed_from.is_some() {
        add("idempotent-replayed", "true");
    }
    match status {
        // The same key would be answered the same for ever.
        StatusCode::INTERNAL_SERVER_ERROR => add("stripe-should-retry", "false"),
        StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => {
            add("stripe-should-retry", "true");
        }
        StatusCode::UNAUTHORIZED => add("www-authenticate", "Basic realm=\"Stripe\""),
        _ => {}
    }
    response
}
