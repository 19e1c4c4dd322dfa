//! `POST /v1/checkouts/{order_id}/payment`: queues a try to pay.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use domain::{OrderId, OrderState, PayRefusal, payment::MOST_ATTEMPTS};
use read_model::{StoredOrder, orders};
use workflows::{Pay, PayAnswer};

use super::{Known, access::Access, answer, known, order_id, wait_until};
use crate::{
    app::App,
    body::JsonBody,
    problem::{Answer, Kind, Problem},
    requests::PayRequest,
};

/// How long a queued attempt is given to show, so that the answer tells of it.
const SHOWS_WITHIN: Duration = Duration::from_secs(1);

pub async fn post(
    State(app): State<App>,
    Path(order): Path<String>,
    headers: HeaderMap,
    body: JsonBody,
) -> Answer<Response> {
    let order = order_id(&order)?;
    let access = Access::for_write(&headers, &app)?;
    let request = PayRequest::read(&body.0)?;
    let stored = match known(&app, order, &access.secret).await? {
        Known::Written(stored) => *stored,
        Known::Reserving(_) => return Err(Problem::new(Kind::StillReserving).retry_after(1)),
        Known::EndedByForce(_) => return Err(Problem::new(Kind::HoldEnded)),
    };
    let paid = tokio::spawn(async move {
        let turn = app.turns.wait(order).await;
        let changed = if turn.waited {
            // By whoever had the turn before.
            app.model.orders.look(order).await?
        } else {
            None
        };
        let stored = changed.unwrap_or(stored);
        pay(&app, order, stored, request).await
    })
    .await;
    paid.map_err(|_| Problem::new(Kind::Internal))?
}

async fn pay(
    app: &App,
    order: OrderId,
    stored: StoredOrder,
    request: PayRequest,
) -> Answer<Response> {
    let changing = &stored.checkout.changing;
    if changing.state != OrderState::AwaitingPayment {
        return as_it_is(&stored);
    }
    if changing.payment_attempts >= MOST_ATTEMPTS {
        let known = orders::has_attempt(&app.model.pool, order, request.attempt_id).await?;
        return if known { as_it_is(&stored) } else { Err(Problem::new(Kind::TooManyAttempts)) };
    }
    let pay = Pay {
        attempt_id: request.attempt_id,
        payment_method: request.payment_method,
        seen_attempts: changing.payment_attempts,
    };
    match app.temporal.pay(order, pay).await? {
        Some(PayAnswer::Queued { number }) => {
            let shows = |stored: &StoredOrder| {
                let changing = &stored.checkout.changing;
                changing.payment_attempts >= number || changing.state != OrderState::AwaitingPayment
            };
            let shown = wait_until(app, order, SHOWS_WITHIN, shows).await?;
            as_it_is(&shown.unwrap_or(stored))
        }
        Some(PayAnswer::Refused { refusal: PayRefusal::TooManyAttempts }) => {
            Err(Problem::new(Kind::TooManyAttempts))
        }
        Some(PayAnswer::Refused { refusal: PayRefusal::HoldEnded }) => {
            Err(Problem::new(Kind::HoldEnded))
        }
        Some(PayAnswer::Refused {
            refusal: PayRefusal::AlreadyUnderWay | PayRefusal::StillReserving,
        }) => {
            let now = app.model.orders.look(order).await?;
            as_it_is(&now.unwrap_or(stored))
        }
        // The workflow has ended: by now the row says how.
        None => {
            let ended = |stored: &StoredOrder| {
                stored.checkout.changing.state != OrderState::AwaitingPayment
            };
            match wait_until(app, order, SHOWS_WITHIN, ended).await? {
                Some(now) if ended(&now) => as_it_is(&now),
                _ => Err(Problem::new(Kind::HoldEnded)),
            }
        }
    }
}

/// The answer to an attempt that was made, or that was not because of how the order stands.
fn as_it_is(stored: &StoredOrder) -> Answer<Response> {
    match stored.checkout.changing.state {
        OrderState::Reserving
        | OrderState::AwaitingPayment
        | OrderState::Paying
        | OrderState::Confirmed => Ok(queued(stored)),
        OrderState::Paid
        | OrderState::PartiallyRefunded
        | OrderState::Refunded
        | OrderState::Disputed => Ok(answer(StatusCode::OK, &stored.checkout)),
        OrderState::Closing
        | OrderState::Refused
        | OrderState::Expired
        | OrderState::Cancelled
        | OrderState::PaymentFailed => Err(Problem::new(Kind::HoldEnded)),
    }
}

fn queued(stored: &StoredOrder) -> Response {
    let mut response = answer(StatusCode::ACCEPTED, &stored.checkout);
    let location = format!("/v1/checkouts/{}", stored.checkout.order_id);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
