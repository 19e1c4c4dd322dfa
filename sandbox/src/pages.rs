//! What all pages for people share.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State as Shared},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

use crate::{Sandbox, error::ApiError, intents::Moment, store::State};

/// Where a browser's request comes from (Fetch Metadata Request Headers).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Makes a change that no request to the API asked for.
pub async fn change<T>(app: &Sandbox, change: impl FnOnce(&mut State, &Moment<'_>) -> T) -> T {
    let at = app.moment(None, None);
    let answer = app.store.change(|state| change(state, &at)).await;
    app.deliveries_due.notify_one();
    answer
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble<'a> {
    message: &'a str,
}

/// The page that says what went wrong.
pub fn trouble(error: &ApiError) -> Response {
    let message = error.body["error"]["message"].as_str().unwrap_or("Something went wrong.");
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, html(&Trouble { message })).into_response()
}

/// A form is taken from the sandbox's own pages, and from programs, which say nothing of where they
/// are. Another site's page could have a visitor's browser press these buttons.
pub async fn only_from_here(
    Shared(app): Shared<Arc<Sandbox>>,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = request.method().is_safe();
    if is_safe || !comes_from_elsewhere(request.headers(), &app.public_url) {
        return next.run(request).await;
    }
    let message =
        "This was sent by another site's page. Use the buttons of the sandbox's own pages.";
    (StatusCode::FORBIDDEN, html(&Trouble { message })).into_response()
}

fn comes_from_elsewhere(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // The shop on another port is the same site, but not the same origin.
    if let Some(site) = text(SEC_FETCH_SITE) {
        return !matches!(site, "same-origin" | "none");
    }
    // Browsers send it to https and to this machine only; to others there is the origin.
    let host = text(header::HOST).unwrap_or_default();
    text(header::ORIGIN).is_some_and(|origin| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        origin != public_url && authority != Some(host)
    })
}

/// A page. No other site shows it in a frame, where a visitor would press its buttons unawares.
pub fn html(page: &impl Template) -> Response {
    let policy = HeaderValue::from_static("frame-ancestors 'none'");
    match page.render() {
        Ok(page) => ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://pay.example";

    fn is_refused(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        comes_from_elsewhere(&headers.collect(), HERE)
    }

    #[test]
    fn what_another_sites_page_sends_is_refused() {
        assert!(is_refused(&[("sec-fetch-site", "cross-site"), ("host", "127.0.0.1:8090")]));
        assert!(is_refused(&[("sec-fetch-site", "same-site"), ("host", "127.0.0.1:8090")]));
        assert!(is_refused(&[("origin", "http://evil.example"), ("host", "sandbox:8090")]));
        assert!(is_refused(&[("origin", "null"), ("host", "sandbox:8090")]));
    }

    #[test]
    fn own_pages_and_programs_are_served() {
        assert!(!is_refused(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(!is_refused(&[("origin", "http://sandbox:8090"), ("host", "sandbox:8090")]));
        assert!(!is_refused(&[("origin", HERE), ("host", "behind-a-proxy:80")]));
        assert!(!is_refused(&[("host", "sandbox:8090")]));
    }
}
