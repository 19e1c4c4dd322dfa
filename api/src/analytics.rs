//! `POST /v1/analytics`: what browsers report of the stages before a checkout.

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    routing::post,
};
use domain::Sku;
use read_model::appends::{self, AnalyticsEvent};
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    app::App,
    body::{LARGEST_BODY, Reader, media_type, parse, read_up_to},
    problem::{Answer, Kind, Problem},
};

/// How many events one report may have.
const MOST_EVENTS: usize = 50;
/// How far a browser's clock may be ahead.
const AHEAD: Duration = Duration::minutes(5);
/// How late a report may come.
const LATE: Duration = Duration::days(7);

/// The path of the beacon.
pub fn router() -> Router<App> {
    Router::new().route("/v1/analytics", post(report))
}

/// Takes JSON, also as `text/plain`, which `sendBeacon` sends without asking first.
async fn report(State(app): State<App>, request: Request) -> Answer<StatusCode> {
    let media_type = media_type(&request);
    if !matches!(media_type.as_str(), "application/json" | "text/plain") {
        return Err(Problem::new(Kind::UnsupportedMediaType));
    }
    let body = parse(&read_up_to(request, LARGEST_BODY).await?)?;
    let events = read(&body, &app)?;
    appends::keep_analytics(&app.model.pool, events).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(body: &Value, app: &App) -> Answer<Vec<AnalyticsEvent>> {
    let mut reader = Reader::new(body, "");
    let session = reader.text("session_id", crate::body::plain_text(1, 64));
    let events = reader.required("events").and_then(|value| {
        let events = value.as_array().filter(|events| events.len() <= MOST_EVENTS);
        if events.is_none() {
            reader.wrong("/events".into(), "has to be an array of 50 events at most");
        }
        events
    });
    let mut read = Vec::new();
    if let (Some(session), Some(events)) = (&session, events) {
        for (index, event) in events.iter().enumerate() {
            match read_event(event, format!("/events/{index}"), session, app) {
                Ok(event) => read.push(event),
                Err(errors) => reader.take_errors(errors),
            }
        }
    }
    reader.finish(session.map(|_| read))
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
