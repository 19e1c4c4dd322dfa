//! `POST /v1/analytics`: what browsers report of the stages before a checkout.

mod limits;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header::USER_AGENT},
    routing::post,
};
use domain::Sku;
use read_model::appends::{self, AnalyticsEvent};
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

pub use self::limits::Limits;
use crate::{
    app::App,
    body::{LARGEST_BODY, Reader, media_type, parse, plain_text, read_up_to},
    metrics::count_reported,
    problem::{Answer, Kind, Problem},
};

/// How many events one report may have.
const MOST_EVENTS: usize = 50;
/// How far a browser's clock may be ahead.
const AHEAD: Duration = Duration::minutes(5);
/// How late a report may come.
const LATE: Duration = Duration::days(7);
/// What crawlers that run scripts call themselves.
const CRAWLERS: [&str; 6] =
    ["bot", "crawler", "spider", "slurp", "facebookexternalhit", "bingpreview"];

/// The path of the beacon.
pub fn router() -> Router<App> {
    Router::new().route("/v1/analytics", post(report))
}

/// Takes JSON, also as `text/plain`, which `sendBeacon` sends without asking first.
async fn report(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Answer<StatusCode> {
    let client = app.trusted_proxies.client(peer.ip(), request.headers());
    app.analytics_limits.admit_report(client)?;
    let is_crawler = is_crawler(request.headers());
    let media_type = media_type(&request);
    if !matches!(media_type.as_str(), "application/json" | "text/plain") {
        return Err(Problem::new(Kind::UnsupportedMediaType));
    }
    let body = parse(&read_up_to(request, LARGEST_BODY).await?)?;
    let Report { session, events, errors } = Report::read(&body, &app)?;
    if is_crawler {
        // It is told nothing, and counts for nothing.
        count("crawler", events.len());
        return Ok(StatusCode::NO_CONTENT);
    }
    app.analytics_limits.admit_events(&session, events.len())?;
    count("kept", events.len());
    count("refused", errors.len());
    count_reported(appends::keep_analytics(&app.model.pool, events).await?);
    // What was well formed is kept all the same, and is so only once if the report comes again.
    if errors.is_empty() { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::invalid_all(errors)) }
}

fn is_crawler(headers: &HeaderMap) -> bool {
    let name = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let name = name.unwrap_or_default().to_ascii_lowercase();
    CRAWLERS.iter().any(|crawler| name.contains(crawler))
}

fn count(outcome: &'static str, events: usize) {
    let events = u64::try_from(events).unwrap_or(u64::MAX);
    metrics::counter!("analytics_events_total", "outcome" => outcome).increment(events);
}

/// A report: what can be kept of it, and what is wrong with the rest.
struct Report {
    session: String,
    events: Vec<AnalyticsEvent>,
    errors: Vec<(String, String)>,
}

impl Report {
    /// A report that is none is refused; one bad event does not hurt the others.
    fn read(body: &Value, app: &App) -> Answer<Self> {
        let mut reader = Reader::new(body, "");
        let session = reader.text("session_id", plain_text(1, 64));
        let events = reader.required("events").and_then(|value| {
            let events = value.as_array().filter(|events| events.len() <= MOST_EVENTS);
            if events.is_none() {
                reader.wrong("/events".into(), "has to be an array of 50 events at most");
            }
            events
        });
        let (session, events) = reader.finish(session.zip(events))?;
        let mut report = Self { session, events: Vec::new(), errors: Vec::new() };
        for (index, event) in events.iter().enumerate() {
            match read_event(event, format!("/events/{index}"), &report.session, app) {
                Ok(event) => report.events.push(event),
                Err(errors) => report.errors.extend(errors),
            }
        }
        Ok(report)
    }
}

fn read_event(
    event: &Value,
    at: String,
    session: &str,
    app: &App,
) -> Result<AnalyticsEvent, Vec<(String, String)>> {
    let mut reader = Reader::new(event, at);
    let kind = reader.text("kind", |kind| match kind {
        "product_viewed" | "added_to_cart" | "removed_from_cart" | "checkout_opened" => {
            Ok(kind.to_owned())
        }
        _ => Err("has to be product_viewed, added_to_cart, removed_from_cart or checkout_opened"),
    });
    let sku = reader.optional_text("sku", |sku| {
        let known = sku.parse().ok().and_then(|sku: Sku| app.model.catalogue.product(&sku));
        known.map(|product| product.sku.to_string()).ok_or("is not a product of this shop")
    });
    let at = reader.text("at", |text| {
        let now = OffsetDateTime::now_utc();
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .filter(|&at| at <= now + AHEAD && at >= now - LATE)
            .ok_or("has to be an RFC 3339 time of the last seven days")
    });
    let event = kind.zip(at).map(|(kind, at)| {
        let what = format!("{session}\n{kind}\n{}\n{at}", sku.as_deref().unwrap_or_default());
        AnalyticsEvent {
            hash: Sha256::digest(what).to_vec(),
            session_id: session.to_owned(),
            kind,
            sku,
            at,
        }
    });
    reader.finish_with_errors(event)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_crawler_says_that_it_is_one() {
        let called = |name: &'static str| {
            HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(name))])
        };
        assert!(is_crawler(&called("Mozilla/5.0 (compatible; Googlebot/2.1)")));
        assert!(is_crawler(&called("Baiduspider+(+http://www.baidu.com)")));
        assert!(!is_crawler(&called("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0")));
        assert!(!is_crawler(&HeaderMap::new()));
    }
}
