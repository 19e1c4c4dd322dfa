//! Headers, and where signing in leads.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use fuzz::{Verdict, hold};
use url::Url;

use super::{hold_text, refused};
use crate::{
    checkouts::{Access, last_event_id, matches_etag},
    operator::session,
    proxies::TrustedProxies,
};

/// The input: headers as they come, a line each. None for what no HTTP server would let through.
fn headers(input: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some(headers)
}

#[test]
fn a_secret_is_found_where_it_was_shown_and_the_header_wins() {
    hold("headers", |input| {
        let Some(headers) = headers(input) else { return Verdict::refused("no headers") };
        match Access::of(&headers) {
            Ok(access) => {
                let secret = access.secret_text().expose();
                let by_header = headers.contains_key(header::AUTHORIZATION);
                let name = if by_header { header::AUTHORIZATION } else { header::COOKIE };
                let mut shown =
                    headers.get_all(&name).iter().filter_map(|value| value.to_str().ok());
                assert!(shown.any(|value| value.contains(secret)), "it is nowhere");
                assert!((22..=256).contains(&secret.len()));
                Verdict::Accepted(name.to_string())
            }
            Err(problem) => refused(problem, None),
        }
    });
}

#[test]
fn what_else_headers_say_is_what_they_say() {
    let proxies: TrustedProxies = "10.0.0.0/8,2001:db8::/32".parse().unwrap();
    let peer = "10.0.0.1".parse().unwrap();
    hold("more-headers", |input| {
        let Some(headers) = headers(input) else { return Verdict::refused("no headers") };
        let has = |name: &str, text: &str| {
            let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.into_iter().any(|value| value.contains(text))
        };
        let mut said = Vec::new();
        if let Some(id) = last_event_id(&headers) {
            let digits = id.unsigned_abs().to_string();
            assert!(has("last-event-id", &digits), "{id} is nowhere");
            said.push("an event");
        }
        if let Some(session) = session::of(&headers) {
            assert!(has("cookie", session));
            assert!(!session.contains(';'), "it holds another cookie");
            said.push("a session");
        }
        let client = proxies.client(peer, &headers);
        if client != peer {
            assert!(headers.contains_key("x-forwarded-for"), "nobody said {client}");
            said.push("a client");
        }
        if matches_etag(&headers, &HeaderValue::from_static("\"7\"")) {
            assert!(has("if-none-match", "\"7\"") || has("if-none-match", "*"));
            said.push("a version");
        }
        if said.is_empty() {
            Verdict::refused("nothing")
        } else {
            Verdict::Accepted(said.join(", "))
        }
    });
}

#[test]
fn signing_in_leads_a_browser_to_no_other_site() {
    let page = Url::parse("http://shop.example:8081/sign-in").unwrap();
    hold_text("next-page", |text| {
        let next = session::next(Some(text));
        let there = page.join(next).expect("a browser goes there");
        assert_eq!(there.origin(), page.origin(), "it leads to {there}");
        HeaderValue::from_str(next).expect("it can be a header");
        if next == text { Verdict::accepted() } else { Verdict::refused("led to the first page") }
    });
}
