//! What stands before the provider: passes on what the shop asks, knows what that was, and may
//! answer something else.

use std::sync::{Arc, Mutex, OnceLock, RwLock};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use system_tests::http_client;
use tokio::net::TcpListener;

/// A provider's address with a memory.
#[derive(Clone, Default)]
pub struct Front(Arc<Inner>);

#[derive(Default)]
struct Inner {
    url: OnceLock<String>,
    provider: OnceLock<String>,
    asked: Mutex<Vec<String>>,
    /// The next look whose address has all of this fails.
    fails: Mutex<Vec<&'static str>>,
    /// What becomes of answers: told the address, and the answer.
    changes: RwLock<Vec<Change>>,
}

type Change = Box<dyn Fn(&Uri, &mut Value) + Send + Sync>;

impl Front {
    /// Listens; until there is a provider behind it, nobody answers.
    pub async fn open() -> Self {
        let front = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        front.0.url.set(format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(pass_on).with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        front
    }

    pub fn url(&self) -> String {
        self.0.url.get().unwrap().clone()
    }

    /// From now on `provider` is behind it.
    pub fn stands_before(&self, provider: String) {
        self.0.provider.set(provider).unwrap();
    }

    /// The next look whose address has all of `parts` is answered 500.
    pub fn fails_once(&self, parts: &[&'static str]) {
        *self.0.fails.lock().unwrap() = parts.to_vec();
    }

    /// From now on `change` may make of each answer whatever it likes.
    pub fn changes_answers(&self, change: impl Fn(&Uri, &mut Value) + Send + Sync + 'static) {
        self.0.changes.write().unwrap().push(Box::new(change));
    }

    /// The addresses of what was looked at since the last time.
    pub fn takes_what_was_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.asked.lock().unwrap())
    }

    /// What is told of an answer: itself, unless somebody changes it.
    fn tells(&self, address: &Uri, answer: Bytes) -> Bytes {
        let changes = self.0.changes.read().unwrap();
        if changes.is_empty() {
            return answer;
        }
        let Ok(mut told) = serde_json::from_slice(&answer) else { return answer };
        changes.iter().for_each(|change| change(address, &mut told));
        serde_json::to_vec(&told).unwrap().into()
    }

    /// Notes a look; answers whether it is the one that fails.
    fn notes(&self, address: &str) -> bool {
        self.0.asked.lock().unwrap().push(address.to_owned());
        let mut fails = self.0.fails.lock().unwrap();
        let it_is = !fails.is_empty() && fails.iter().all(|part| address.contains(part));
        if it_is {
            fails.clear();
        }
        it_is
    }
}

async fn pass_on(
    State(front): State<Front>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(provider) = front.0.provider.get() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if method == Method::GET && front.notes(&uri.to_string()) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut request = http_client().request(method, format!("{provider}{uri}")).body(body);
    for name in ["authorization", "content-type", "idempotency-key", "stripe-version"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status();
            let json = [(header::CONTENT_TYPE, "application/json")];
            let answer = answer.bytes().await.unwrap_or_default();
            (status, json, front.tells(&uri, answer)).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
