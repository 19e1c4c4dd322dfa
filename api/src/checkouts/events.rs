//! `GET /v1/checkouts/{order_id}/events`: every change of an order, as it happens.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use domain::OrderId;
use futures::Stream;
use read_model::{Checkout, orders::OrderEvent};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Known, access::Access, known, no_store, order_id, view::checkout_at};
use crate::{app::App, problem::Answer};

/// How often a silent stream says that it is alive.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// When somebody comes back whose stream has ended because this process stops.
const COME_BACK_AFTER_MS: u64 = 1_000;
const COME_BACK_WITHIN_MS: u64 = 2_000;
/// How often is looked without word of a change. No word is lost that this would have to make good:
/// it is for what nobody has thought of.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long is waited for a database that can't be asked.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long a reader may leave its stream unread while there is something to tell.
const UNREAD_FOR: Duration = Duration::from_mins(1);

pub async fn stream(
    State(app): State<App>,
    Path(order): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let order = order_id(&order)?;
    let access = Access::of(&headers)?;
    let known = known(&app, order, &access.secret).await?;
    let last_seen = last_event_id(&headers);
    if let (Known::Written(stored), Some(last)) = (&known, last_seen)
        && stored.checkout.changing.state.has_ended()
        && app.model.order_events.look((order, last)).await?.is_none()
    {
        // Tells EventSource not to come back.
        return Ok(no_store(StatusCode::NO_CONTENT.into_response()));
    }
    let (sender, events) = mpsc::channel(4);
    tokio::spawn(async move {
        tokio::select! {
            () = app.stop.cancelled() => drop(sender.send(come_back()).await),
            () = sender.closed() => {}
            () = follow(&app, order, known, last_seen, &sender) => {}
        }
    });
    let stream =
        Sse::new(as_stream(events)).keep_alive(KeepAlive::new().interval(COMMENT_EVERY).text(""));
    Ok(no_store(stream.into_response()))
}

fn as_stream(events: mpsc::Receiver<Event>) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::StreamExt::map(ReceiverStream::new(events), Ok)
}

/// The event after which a client goes on.
pub fn last_event_id(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

/// Sends what the client has not seen, then each change, until the order has ended.
async fn follow(
    app: &App,
    order: OrderId,
    known: Known,
    last_seen: Option<i64>,
    sender: &mpsc::Sender<Event>,
) {
    let mut subscription = app.model.hub.subscribe(order);
    let unwritten = !matches!(known, Known::Written(_));
    if unwritten && !send(sender, None, &known.json(order)).await {
        return;
    }
    if matches!(known, Known::EndedByForce(_)) {
        return;
    }
    let mut position = last_seen;
    loop {
        match news(app, order, position).await {
            Ok(Some((checkout, events))) => {
                for event in events {
                    let body = checkout_at(&checkout, &event.changing, event.version, event.at);
                    position = Some(event.seq);
                    if !send(sender, position, &body).await || event.changing.state.has_ended() {
                        return;
                    }
                }
            }
            Ok(None) => {}
            Err(_unavailable) => {
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
                continue;
            }
        }
        drop(tokio::time::timeout(LOOK_EVERY, subscription.changed()).await);
    }
}

/// The events after `position`; without one, the newest: the checkout as it is.
async fn news(
    app: &App,
    order: OrderId,
    position: Option<i64>,
) -> Answer<Option<(Checkout, Vec<OrderEvent>)>> {
    let known = (order, position.unwrap_or(0));
    let Some(mut events) = app.model.order_events.look(known).await? else { return Ok(None) };
    if position.is_none() {
        events.drain(..events.len() - 1);
    }
    let stored = app.model.orders.look(order).await?;
    Ok(stored.map(|stored| (stored.checkout, events)))
}

/// Tells EventSource after what time to come back. Not the same for all of them: they are many.
fn come_back() -> Event {
    let spread = u64::from(getrandom::u32().unwrap_or_default()) % COME_BACK_WITHIN_MS;
    Event::default().retry(Duration::from_millis(COME_BACK_AFTER_MS + spread))
}

/// False when nobody reads any more.
async fn send(sender: &mpsc::Sender<Event>, id: Option<i64>, checkout: &Value) -> bool {
    let event = Event::default().event("checkout").data(checkout.to_string());
    let event = match id {
        Some(id) => event.id(id.to_string()),
        None => event,
    };
    sender.send_timeout(event, UNREAD_FOR).await.is_ok()
}
