//! Signing in to the dashboard and out of it. Browsers send no bearer token by themselves: they are
//! given a cookie that only this listener's pages can use.

use std::time::Duration;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use url::form_urlencoded;

use super::{access::Perhaps, dashboard};
use crate::{
    app::App,
    checkouts::same_origin,
    pages::asset,
    problem::{Answer, Kind, Problem},
};

/// The cookie's name.
const COOKIE: &str = "holdfast_operator";
/// How long a session lasts.
const LASTS: Duration = Duration::from_hours(12);

/// The paths of signing in and out.
pub fn router() -> Router<App> {
    Router::new().route("/sign-in", get(page).post(sign_in)).route("/sign-out", post(sign_out))
}

/// The session that a browser shows.
pub fn of(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Where somebody signs in who wanted to see `page`.
pub fn sign_in_and_on_to(page: &Uri) -> String {
    let page = page.path_and_query().map_or("/", |page| page.as_str());
    if page == "/" {
        return "/sign-in".to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", page).finish();
    format!("/sign-in?{query}")
}

/// The page of ours to go on to; the first one for whatever leads elsewhere.
pub fn next(given: Option<&str>) -> &str {
    let ours = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    given.filter(ours).unwrap_or("/")
}

#[derive(Template)]
#[template(path = "operator/sign-in.html")]
struct SignIn<'a> {
    next: &'a str,
    refused: bool,
}

#[derive(Deserialize)]
struct On {
    next: Option<String>,
}

async fn page(Perhaps(operator): Perhaps, Query(on): Query<On>) -> Answer<Response> {
    let next = next(on.next.as_deref());
    if operator.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    dashboard::page(&SignIn { next, refused: false })
}

#[derive(Deserialize)]
struct Given {
    token: String,
    next: Option<String>,
}

async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Answer<Response> {
    // Nobody is signed in as somebody else by another site's page.
    if headers.contains_key(header::ORIGIN) && !same_origin(&headers, None) {
        return Err(Problem::new(Kind::CrossOrigin));
    }
    let next = next(given.next.as_deref());
    let Some(operator) = app.tokens.whose(given.token.trim(), &app.model.pool).await? else {
        let mut page = dashboard::page(&SignIn { next, refused: true })?;
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        let bearer = HeaderValue::from_static("Bearer");
        page.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        return Ok(page);
    };
    tracing::info!(operator = operator.name, "signed in");
    let session = app.tokens.session(&operator, LASTS);
    Ok(with_cookie(Redirect::to(next), &session, LASTS, &headers))
}

async fn sign_out(headers: HeaderMap) -> Answer<Response> {
    if !same_origin(&headers, None) {
        return Err(Problem::new(Kind::CrossOrigin));
    }
    Ok(with_cookie(Redirect::to("/sign-in"), "", Duration::ZERO, &headers))
}

/// Strict, and out of reach of scripts. Cookies know no ports: what keeps the pages of another
/// listener on this machine from using it is that changes need the same origin.
fn with_cookie(to: Redirect, session: &str, lasts: Duration, headers: &HeaderMap) -> Response {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let secure = origin.is_some_and(|origin| origin.starts_with("https://"));
    let secure = if secure { "; Secure" } else { "" };
    let lasts = lasts.as_secs();
    let cookie =
        format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lasts}{secure}");
    let mut response = to.into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_our_own_pages_alone() {
        assert_eq!(next(Some("/orders?state=paid")), "/orders?state=paid");
        for elsewhere in ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb"]
        {
            assert_eq!(next(Some(elsewhere)), "/", "{elsewhere}");
        }
        let page = "/orders?state=paid&limit=5".parse().unwrap();
        assert_eq!(sign_in_and_on_to(&page), "/sign-in?next=%2Forders%3Fstate%3Dpaid%26limit%3D5");
    }
}
