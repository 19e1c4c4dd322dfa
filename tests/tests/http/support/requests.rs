//! Requests that no well-behaved client makes, and times.

use reqwest::{RequestBuilder, header};
use serde_json::Value;
use system_tests::{Reply, Shopper};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Sends `body` as it is, as `content_type`; none when that is empty.
pub async fn raw(request: RequestBuilder, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
    let request = match content_type {
        "" => request,
        content_type => request.header(header::CONTENT_TYPE, content_type),
    };
    Shopper::send(request.body(body.into())).await
}

/// Sends `body` as JSON, whatever it is.
pub async fn json_text(request: RequestBuilder, body: impl Into<Vec<u8>>) -> Reply {
    raw(request, "application/json", body).await
}

/// Somebody who knows the order of `shopper`, and not its secret.
pub fn stranger_to(shopper: &Shopper) -> Shopper {
    let mut stranger = shopper.clone();
    stranger.secret = Uuid::new_v4().simple().to_string();
    stranger
}

/// A time of an answer.
#[track_caller]
pub fn time_of(value: &Value) -> OffsetDateTime {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    assert!(text.ends_with('Z'), "{text} is not UTC");
    OffsetDateTime::parse(text, &Rfc3339).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Waits until it is `time`.
pub async fn at_time(time: OffsetDateTime) {
    let left = time - OffsetDateTime::now_utc();
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}
