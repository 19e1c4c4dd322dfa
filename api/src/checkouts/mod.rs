//! `/v1/checkouts/{order_id}` and what is below it.

mod access;
mod cancel;
mod events;
mod pay;
mod start;
mod view;

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use domain::{OrderId, OrderState, PricedLine, SecretHash};
use read_model::{Checkout, StoredOrder, hub::Subscription};
use serde_json::Value;
use tokio::time::Instant;
use workflows::CheckoutMemo;

#[cfg(test)]
pub use self::events::last_event_id;
use self::view::unwritten_json;
pub use self::{
    access::{Access, same_origin},
    view::{checkout_json, rfc3339},
};
use crate::{
    app::App,
    problem::{Answer, Kind, Problem},
    temporal::Begun,
};

/// How long word of a change is waited for before looking without it.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// The paths of checkouts.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/checkouts/{order_id}", put(start::put).get(read).delete(cancel::delete))
        .route("/v1/checkouts/{order_id}/payment", post(pay::post))
        .route("/v1/checkouts/{order_id}/events", get(events::stream))
}

/// An order as far as it is known.
enum Known {
    Written(Box<StoredOrder>),
    /// Just started.
    Reserving(CheckoutMemo),
    /// Somebody has ended its workflow before anything was written: it holds nothing, and will not
    /// unless the same request starts it again.
    EndedByForce(CheckoutMemo),
}

impl Known {
    /// The checkout, as far as it can be told.
    fn json(&self, order: OrderId) -> Value {
        match self {
            Self::Written(stored) => checkout_json(&stored.checkout),
            Self::Reserving(memo) => unwritten_json(order, memo, OrderState::Reserving),
            Self::EndedByForce(memo) => unwritten_json(order, memo, OrderState::Cancelled),
        }
    }
}

async fn read(
    State(app): State<App>,
    Path(order): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let order = order_id(&order)?;
    let access = Access::of(&headers)?;
    let known = known(&app, order, &access.secret).await?;
    let Known::Written(stored) = known else {
        return Ok(no_store(Json(known.json(order)).into_response()));
    };
    let etag = etag(stored.checkout.version);
    if matches_etag(&headers, &etag) {
        let unchanged = (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]);
        return Ok(no_store(unchanged.into_response()));
    }
    Ok(answer(StatusCode::OK, &stored.checkout))
}

/// The order, if there is one and it belongs to the holder of `secret`.
async fn known(app: &App, order: OrderId, secret: &SecretHash) -> Answer<Known> {
    let not_found = || Problem::new(Kind::CheckoutNotFound);
    if let Some(stored) = app.model.orders.look(order).await? {
        return if stored.secret_hash.matches(secret) {
            Ok(Known::Written(Box::new(stored)))
        } else {
            Err(not_found())
        };
    }
    let begun = app.temporal.begun(order).await?.ok_or_else(not_found)?;
    match begun {
        Begun { memo, .. } if !memo.secret_hash.matches(secret) => Err(not_found()),
        Begun { memo, by_force: false } => Ok(Known::Reserving(memo)),
        Begun { memo, by_force: true } => match app.model.orders.look(order).await? {
            // Written since it was looked for, and ended after that.
            Some(stored) => Ok(Known::Written(Box::new(stored))),
            None => Ok(Known::EndedByForce(memo)),
        },
    }
}

/// Waits until the order is written and `done` says so, up to `limit`; answers it as it is then.
async fn wait_until(
    app: &App,
    order: OrderId,
    limit: Duration,
    done: impl Fn(&StoredOrder) -> bool,
) -> Answer<Option<StoredOrder>> {
    let deadline = Instant::now() + limit;
    let mut subscription = app.model.hub.subscribe(order);
    loop {
        let stored = app.model.orders.look(order).await?;
        if stored.as_ref().is_some_and(&done) || Instant::now() >= deadline {
            return Ok(stored);
        }
        changed(&mut subscription, deadline).await;
    }
}

/// Waits until an order has changed, may have, or `deadline` has come: word of a change can be
/// lost, a look now and then can't.
async fn changed(subscription: &mut Subscription<'_>, deadline: Instant) {
    let look_again = (Instant::now() + LOOK_AGAIN).min(deadline);
    drop(tokio::time::timeout_at(look_again, subscription.changed()).await);
}

/// The order id of a path: what is no UUID names no checkout.
fn order_id(text: &str) -> Answer<OrderId> {
    // In its usual form alone: the cookie of an order is bound to its path.
    let usual = text.len() == 36;
    text.parse().ok().filter(|_| usual).ok_or_else(|| {
        Problem::new(Kind::CheckoutNotFound).because("an order id is a UUID that the client makes")
    })
}

fn etag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the client has this version already.
pub fn matches_etag(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Some(given) = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let ours = etag.to_str().unwrap_or_default();
    given
        .split(',')
        .map(str::trim)
        .any(|theirs| theirs == "*" || theirs.strip_prefix("W/").unwrap_or(theirs) == ours)
}

fn answer(status: StatusCode, checkout: &Checkout) -> Response {
    let etag = [(header::ETAG, etag(checkout.version))];
    no_store((status, etag, Json(checkout_json(checkout))).into_response())
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn retry_after(mut response: Response, seconds: u16) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// A line of people's words for the Temporal UI: what, and for how much.
fn summary(lines: &[PricedLine], total: domain::Money) -> String {
    let first = lines.first().map(|line| format!("{} × {}", line.quantity.get(), line.name));
    let more = match lines.len() {
        0 | 1 => String::new(),
        lines => format!(" and {} more", lines - 1),
    };
    format!("{}{more} · {total}", first.unwrap_or_default())
}
