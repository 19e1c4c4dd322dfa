//! The script for entering cards, as shops load it (Stripe, "Stripe.js reference"), and the page
//! of its frames. What is typed there goes to `POST /v1/payment_methods` of this same origin.

use askama::Template;
use axum::{
    Router,
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

/// What the frame's page may do. Any shop may show it, and it asks nobody but the sandbox.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The paths below `/v3`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let script = || async { file(include_str!("../assets/stripe.js"), SCRIPT) };
    let frame_script = || async { file(include_str!("../assets/card-frame.js"), SCRIPT) };
    let frame_style =
        || async { file(include_str!("../assets/card-frame.css"), "text/css; charset=utf-8") };
    Router::new()
        .route("/v3/", get(script))
        .route("/v3", get(script))
        .route("/v3/card-frame", get(card_frame))
        .route("/v3/card-frame.js", get(frame_script))
        .route("/v3/card-frame.css", get(frame_style))
}

fn file(text: &'static str, media_type: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, text).into_response()
}

#[derive(Template)]
#[template(path = "card_frame.html")]
struct CardFrame;

async fn card_frame() -> Response {
    let policy = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    match CardFrame.render() {
        Ok(page) => (policy, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the card's frame can't be made");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
