//! An order's event stream, read as a browser's EventSource reads one.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use system_tests::{Shopper, within};

/// How long an event that has to come may take.
const SOON: Duration = Duration::from_secs(15);
/// How long a comment may take: one is due every 15 seconds.
const COMMENT_DUE: Duration = Duration::from_secs(18);

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its sequence number.
    pub id: i64,
    /// The checkout after it.
    pub checkout: Value,
}

impl Event {
    /// The checkout's state.
    pub fn state(&self) -> &str {
        self.checkout["state"].as_str().unwrap_or_default()
    }

    /// The state of the checkout's payment.
    pub fn payment_state(&self) -> &str {
        self.checkout["payment"]["state"].as_str().unwrap_or_default()
    }
}

/// A stream that is open.
pub struct EventStream {
    response: Response,
    unread: String,
}

impl EventStream {
    /// The stream of `shopper`'s order.
    pub async fn open(shopper: &Shopper) -> Self {
        Self::send(shopper.request(Method::GET, "/events")).await
    }

    /// The stream after the event `last`.
    pub async fn resume(shopper: &Shopper, last: i64) -> Self {
        let request = shopper.request(Method::GET, "/events");
        Self::send(request.header("last-event-id", last)).await
    }

    async fn send(request: RequestBuilder) -> Self {
        let response = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 200);
        let content_type = response.headers()["content-type"].to_str().unwrap();
        assert!(content_type.starts_with("text/event-stream"), "{content_type}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, unread: String::new() }
    }

    /// The next event; none when the server has closed the stream.
    pub async fn next(&mut self) -> Option<Event> {
        within("the next event", SOON, async {
            loop {
                while let Some(end) = self.unread.find("\n\n") {
                    let block: String = self.unread.drain(..end + 2).collect();
                    let event = read(&block);
                    if event.is_some() {
                        return event;
                    }
                }
                let chunk = self.response.chunk().await.unwrap()?;
                self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        })
        .await
    }

    /// Waits for a comment.
    pub async fn comment(&mut self) {
        within("a comment", COMMENT_DUE, async {
            while !self.unread.starts_with(':') {
                let chunk = self.response.chunk().await.unwrap().expect("the stream goes on");
                self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        })
        .await;
    }

    /// The first event from here on that `wanted` wants.
    pub async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Every event from here to the end of the stream.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// Reads one block of the stream; none for a comment.
fn read(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let data = field("data:")?;
    assert_eq!(field("event:"), Some("checkout"), "{block}");
    let id = field("id:").unwrap_or_else(|| panic!("an event without id: {block}"));
    Some(Event { id: id.parse().unwrap(), checkout: serde_json::from_str(data).unwrap() })
}
