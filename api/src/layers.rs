//! What every request passes through: its id, its limits, its headers, its place in the metrics.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use startup::traces::{belongs_to_caller, belongs_to_order};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::{
    metrics::{InFlight, answered_in},
    problem::{IsProblem, Kind, Problem},
};

/// The name of the header that carries a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a request may take. Event streams are answered at once and go on.
const TIME_LIMIT: Duration = Duration::from_secs(12);

/// The outermost layer: every response has an id, every error is a problem, nothing escapes.
///
/// Once `stop` is cancelled, each answer is the last on its connection.
pub async fn outermost(
    State(stop): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let version = request.version();
    let id = request_id(&request);
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let began = Instant::now();
    let _in_flight = InFlight::begin();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = span(&request, &method, &path, route.as_deref(), &id);
    let answered = AssertUnwindSafe(tokio::time::timeout(TIME_LIMIT, next.run(request)))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(_elapsed)) => Problem::new(Kind::Overloaded).retry_after(2).into_response(),
        Err(_panic) => {
            span.in_scope(|| tracing::error!("a handler panicked"));
            Problem::new(Kind::Internal).into_response()
        }
    };
    let mut response = as_problem(response, &method, &path);
    answered_in(&method, route.as_deref(), response.status(), began.elapsed());
    span.record("http.response.status_code", response.status().as_u16());
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    if stop.is_cancelled() && version <= Version::HTTP_11 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in SECURITY {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A request's place in logs and traces: with the order that its path names, if it names one.
fn span(
    request: &Request,
    method: &Method,
    path: &str,
    route: Option<&str>,
    id: &HeaderValue,
) -> Span {
    let order = order_of(path);
    let span = tracing::info_span!(
        "http",
        otel.name = format!("{method} {}", route.unwrap_or("none")),
        otel.kind = "server",
        %method,
        path,
        request_id = id.to_str().unwrap_or_default(),
        order_id = order.map(tracing::field::display),
        http.response.status_code = tracing::field::Empty,
    );
    match order {
        Some(order) => belongs_to_order(&span, order),
        None => belongs_to_caller(&span, |name| {
            request.headers().get(name)?.to_str().ok().map(str::to_owned)
        }),
    }
    span
}

fn order_of(path: &str) -> Option<Uuid> {
    let after = ["/v1/checkouts/", "/v1/orders/"].iter().find_map(|of| path.strip_prefix(of))?;
    after.split('/').next()?.parse().ok()
}

/// What browsers are told of every answer. The docs page brings its own styles inline.
const SECURITY: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' data: https:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

fn request_id(request: &Request) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID).filter(|value| {
        (1..=128).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    });
    given.cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// Adds `instance` to a problem, and makes one of the router's own bare refusals.
fn as_problem(response: Response, method: &Method, path: &str) -> Response {
    if let Some(IsProblem(body)) = response.extensions().get::<IsProblem>() {
        let mut body = body.clone();
        body["instance"] = path.into();
        let (parts, _) = response.into_parts();
        let body = if method == Method::HEAD { Body::empty() } else { body.to_string().into() };
        return without_length(Response::from_parts(parts, body));
    }
    if response.headers().get(header::CONTENT_TYPE).is_some_and(is_page) {
        return response;
    }
    let kind = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => Kind::MethodNotAllowed,
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Kind::InvalidRequest,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::UnsupportedMediaType,
        _ => return response,
    };
    let problem = match kind {
        Kind::InvalidRequest => Problem::invalid("", "the path or the query can't be read"),
        _ => Problem::new(kind),
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut problem = as_problem(problem.into_response(), method, path);
    if let Some(allow) = allow {
        problem.headers_mut().insert(header::ALLOW, allow);
    }
    problem
}

/// What says in words for people what is the matter.
fn is_page(media_type: &HeaderValue) -> bool {
    media_type.as_bytes().starts_with(b"text/html")
}

fn without_length(mut response: Response) -> Response {
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}
