//! The HTTP side: authentication, faults, idempotency, and which path does what.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State as Shared},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};

use crate::{
    Sandbox, cards, console,
    error::ApiError,
    events::{new_id, now},
    faults::{FaultSettings, happens},
    form::Form,
    idempotency::{self, InUse, Stored},
    intents::{self, Moment},
    objects::{Endpoint, Intent},
    refunds,
    store::State,
};

type App = Arc<Sandbox>;
/// How long an answer that never comes keeps its client waiting.
const NEVER: Duration = Duration::from_secs(60);

/// Everything that the sandbox serves.
pub fn router(sandbox: App) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api))
        .route("/sandbox/faults", get(faults).put(set_faults).delete(clear_faults))
        .route("/sandbox/ledger", get(ledger))
        .route("/", get(console::page))
        .route("/console/refund/{intent}", post(console::refund))
        .route("/console/resend/{event}", post(console::resend))
        .route("/3ds/{intent}", get(console::bank_page).post(console::bank_answer))
        .with_state(sandbox)
}

/// One request to the API, as the operations see it.
struct Request<'a> {
    method: Method,
    path: Vec<&'a str>,
    form: Form,
}

async fn api(
    Shared(app): Shared<App>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let faults = app.faults.get();
    tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
    if faults.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let encoded =
        if method == Method::GET { query.unwrap_or_default().into_bytes() } else { body.to_vec() };
    let request = Request {
        method,
        path: uri.path().trim_start_matches("/v1/").split('/').collect(),
        form: Form::parse(&encoded),
    };
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let mut response = match authorized(&app, &headers) {
        false => ApiError::unauthorized().into_response(),
        true if request.method == Method::POST => write(&app, &request, key, &faults).await,
        true => answer(app.store.read(|state| look(state, &request))),
    };
    if request.method == Method::POST && happens(faults.timeout_after_effect_rate) {
        // The effect has happened and is on disk; its answer is lost.
        tokio::time::sleep(NEVER).await;
        response = StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    if let Ok(id) = HeaderValue::from_str(&new_id("req")) {
        response.headers_mut().insert("request-id", id);
    }
    for name in ["stripe-version", "idempotency-key"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn authorized(app: &App, headers: &HeaderMap) -> bool {
    use base64::Engine;
    let Some(given) = headers.get("authorization").and_then(|value| value.to_str().ok()) else {
        return false;
    };
    if let Some(token) = given.strip_prefix("Bearer ") {
        return token == app.secret_key;
    }
    let basic = given
        .strip_prefix("Basic ")
        .and_then(|encoded| base64::engine::general_purpose::STANDARD.decode(encoded).ok());
    basic
        .and_then(|pair| String::from_utf8(pair).ok())
        .is_some_and(|pair| pair.split(':').next() == Some(app.secret_key.as_str()))
}

/// A request that changes something: once under its key, whatever happens to the answer.
async fn write(
    app: &App,
    request: &Request<'_>,
    key: Option<&str>,
    faults: &FaultSettings,
) -> Response {
    let _in_use = match key.map(InUse::take).transpose() {
        Ok(in_use) => in_use,
        Err(error) => return error.into_response(),
    };
    let now = now();
    let what = format!("{} {}", request.path.join("/"), request.form.canonical());
    let fails = happens(faults.error_rate);
    let (status, body, replayed) = app
        .store
        .change(|state| {
            if let Some(key) = key {
                match idempotency::replay(state, key, &what, now) {
                    Ok(Some(stored)) => return (stored.status, stored.body, true),
                    Ok(None) => {}
                    Err(error) => return (error.status.as_u16(), error.body, false),
                }
            }
            let at = Moment { now, key, public_url: &app.public_url };
            let result =
                if fails { Err(ApiError::provider_failed()) } else { perform(state, request, &at) };
            let (status, body) = match result {
                Ok(body) => (200, body),
                Err(error) => (error.status.as_u16(), error.body),
            };
            if let Some(key) = key.filter(|_| was_executed(status, &body)) {
                let stored = Stored { request: what, status, body: body.clone(), created: now };
                idempotency::remember(state, key, stored);
                if state.keys.len() % 1_000 == 0 {
                    idempotency::forget_old(state, now);
                }
            }
            (status, body, false)
        })
        .await;
    app.deliveries_due.notify_one();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// Whether a request got as far as being executed: a refused parameter or an unknown object is
/// found before that, and its key stays unused.
fn was_executed(status: u16, body: &Value) -> bool {
    let code = body["error"]["code"].as_str().unwrap_or_default();
    let refused_at_the_door = code.starts_with("parameter_")
        || matches!(code, "amount_too_small" | "amount_too_large" | "resource_missing");
    status != 404 && !refused_at_the_door
}

fn perform(state: &mut State, request: &Request<'_>, at: &Moment<'_>) -> Result<Value, ApiError> {
    let form = &request.form;
    let intent = match request.path.as_slice() {
        ["payment_intents"] => intents::create(state, form, at)?,
        ["payment_intents", id] => intents::update(state, id, form)?,
        ["payment_intents", id, "confirm"] => intents::confirm(state, id, form, at)?,
        ["payment_intents", id, "capture"] => intents::capture(state, id, form, at)?,
        ["payment_intents", id, "cancel"] => intents::cancel(state, id, form, at)?,
        ["refunds"] => return Ok(refunds::create(state, form, at)?.json()),
        ["webhook_endpoints"] => return create_endpoint(state, form, at),
        _ => return Err(unknown(request)),
    };
    Ok(expanded(&intent, form))
}

fn look(state: &State, request: &Request<'_>) -> Result<Value, ApiError> {
    if request.method == Method::DELETE {
        return Err(unknown(request));
    }
    let form = &request.form;
    match request.path.as_slice() {
        ["payment_intents"] => {
            list("/v1/payment_intents", form, state.intents.values().rev().map(Intent::json))
        }
        ["payment_intents", "search"] => search(state, form),
        ["payment_intents", id] => Ok(expanded(&intents::find(state, id)?, form)),
        ["charges", id] => {
            let charge = state.intents.values().filter_map(Intent::charge_json);
            found(charge.into_iter().find(|charge| charge["id"] == *id), "charge", id)
        }
        ["refunds"] => {
            list("/v1/refunds", form, state.refunds.values().rev().map(|refund| refund.json()))
        }
        ["refunds", id] => found(state.refunds.get(*id).map(|refund| refund.json()), "refund", id),
        ["events"] => {
            list("/v1/events", form, state.events.values().rev().map(|event| event.json()))
        }
        ["events", id] => found(state.events.get(*id).map(|event| event.json()), "event", id),
        ["payment_methods", id] => found(cards::json(id), "PaymentMethod", id),
        ["webhook_endpoints"] => {
            let endpoints = state.endpoints.values().rev().map(|endpoint| endpoint.json(false));
            list("/v1/webhook_endpoints", form, endpoints)
        }
        _ => Err(unknown(request)),
    }
}

fn found(object: Option<Value>, kind: &str, id: &str) -> Result<Value, ApiError> {
    object.ok_or_else(|| ApiError::missing(kind, id, "id"))
}

fn unknown(request: &Request<'_>) -> ApiError {
    ApiError::unknown_path(request.method.as_str(), &format!("/v1/{}", request.path.join("/")))
}

/// An intent with its charge in full, where the client asked for that.
fn expanded(intent: &Intent, form: &Form) -> Value {
    let mut value = intent.json();
    if form.list("expand").iter().any(|what| what == "latest_charge") {
        value["latest_charge"] = intent.charge_json().unwrap_or_default();
    }
    value
}

/// A page of a list, newest first (Stripe, "Pagination").
fn list(
    url: &str,
    form: &Form,
    newest_first: impl Iterator<Item = Value>,
) -> Result<Value, ApiError> {
    let limit = form.integer("limit")?.unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return Err(ApiError::parameter("parameter_invalid_integer", "limit", "limit is 1 to 100"));
    }
    let after = form.text("starting_after");
    let kind = form.text("type");
    let mut rest: Vec<Value> = newest_first
        .skip_while(|value| after.is_some_and(|after| value["id"] != after))
        .skip(usize::from(after.is_some()))
        .filter(|value| kind.is_none_or(|kind| value["type"] == kind))
        .take(usize::try_from(limit).unwrap_or(10) + 1)
        .collect();
    let has_more = rest.len() > usize::try_from(limit).unwrap_or(10);
    if has_more {
        rest.pop();
    }
    Ok(json!({"object": "list", "url": url, "has_more": has_more, "data": rest}))
}

/// Search by one member of `metadata` (Stripe, "Search").
fn search(state: &State, form: &Form) -> Result<Value, ApiError> {
    let query = form.required("query")?;
    let wanted = query.strip_prefix("metadata[").and_then(|rest| rest.split_once("]:"));
    let Some((name, value)) = wanted else {
        let message = "The sandbox searches by metadata['name']:'value'.";
        return Err(ApiError::parameter("parameter_invalid_string", "query", message));
    };
    let bare = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    let (name, value) = (bare(name), bare(value));
    let matches =
        |intent: &&Intent| intent.metadata.get(&name).and_then(Value::as_str) == Some(&value);
    let data: Vec<_> = state.intents.values().rev().filter(matches).map(Intent::json).collect();
    Ok(json!({
        "object": "search_result", "url": "/v1/payment_intents/search", "has_more": false,
        "next_page": null, "data": data,
    }))
}

fn create_endpoint(state: &mut State, form: &Form, at: &Moment<'_>) -> Result<Value, ApiError> {
    form.only(&["url", "enabled_events", "description", "metadata[", "api_version"])?;
    let endpoint = Endpoint {
        id: new_id("we"),
        created: at.now,
        url: form.required("url")?.to_owned(),
        secret: new_id("whsec"),
        enabled_events: form.list("enabled_events"),
    };
    state.put("endpoint", &endpoint.id, &endpoint);
    let shown = endpoint.json(true);
    state.endpoints.insert(endpoint.id.clone(), endpoint);
    Ok(shown)
}

fn answer(result: Result<Value, ApiError>) -> Response {
    result.map_or_else(IntoResponse::into_response, |body| Json(body).into_response())
}

async fn faults(Shared(app): Shared<App>) -> Json<FaultSettings> {
    Json(app.faults.get())
}

async fn set_faults(Shared(app): Shared<App>, body: Bytes) -> Response {
    let settings: Result<FaultSettings, _> = serde_json::from_slice(&body);
    let checked = settings
        .map_err(|error| error.to_string())
        .and_then(|settings| settings.check().map(|()| settings));
    match checked {
        Ok(settings) => {
            app.faults.set(settings.clone());
            Json(settings).into_response()
        }
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": {"message": why}})))
            .into_response(),
    }
}

async fn clear_faults(Shared(app): Shared<App>) -> Json<FaultSettings> {
    app.faults.set(FaultSettings::default());
    Json(app.faults.get())
}

/// Every payment, with the money as the provider sees it.
async fn ledger(Shared(app): Shared<App>) -> Json<Value> {
    let intents: Vec<_> = app.store.read(|state| {
        let entry = |intent: &Intent| {
            json!({
                "payment_intent": intent.id, "order_id": intent.metadata.get("order_id"),
                "status": intent.status, "amount": intent.amount,
                "currency": intent.currency.to_uppercase(),
                "amount_capturable": intent.capturable(), "captured": intent.captured,
                "refunded": intent.charge.as_ref().map_or(0, |charge| charge.refunded),
                "disputed": intent.charge.as_ref().is_some_and(|charge| charge.disputed && intent.captured > 0),
            })
        };
        state.intents.values().map(entry).collect()
    });
    Json(json!({ "intents": intents }))
}

/// Where an intent's page on the sandbox is.
pub async fn with_intent(
    app: &App,
    Path(id): Path<String>,
    change: impl FnOnce(&mut State, &str, &Moment<'_>) -> Result<Intent, ApiError>,
) -> Result<Intent, ApiError> {
    let at = Moment { now: now(), key: None, public_url: &app.public_url };
    let intent = app.store.change(|state| change(state, &id, &at)).await;
    app.deliveries_due.notify_one();
    intent
}
