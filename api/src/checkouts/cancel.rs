//! `DELETE /v1/checkouts/{order_id}`: calls an order off.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{OrderId, OrderState};
use read_model::StoredOrder;
use workflows::CancelAnswer;

use super::{Known, access::Access, answer, known, no_store, order_id, retry_after, wait_until};
use crate::{
    app::App,
    problem::{Answer, Kind, Problem},
};

/// How long a shopper waits for the hold to be released before being told to look again.
const RELEASED_WITHIN: Duration = Duration::from_secs(2);

pub async fn delete(
    State(app): State<App>,
    Path(order): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let order = order_id(&order)?;
    let access = Access::for_write(&headers, &app)?;
    let known = known(&app, order, &access.secret).await?;
    let cancelled = tokio::spawn(async move { cancel(&app, order, known).await }).await;
    cancelled.map_err(|_| Problem::new(Kind::Internal))?
}

async fn cancel(app: &App, order: OrderId, known: Known) -> Answer<Response> {
    match &known {
        Known::Written(stored) if is_on_its_way_out(stored.checkout.changing.state) => {
            return as_it_is(stored);
        }
        Known::EndedByForce(_) => return Ok(no_store(Json(known.json(order)).into_response())),
        Known::Written(_) | Known::Reserving(_) => {}
    }
    let taken = match app.temporal.cancel(order).await? {
        Some(CancelAnswer::AlreadyPaid) => return Err(Problem::new(Kind::AlreadyPaid)),
        Some(CancelAnswer::Cancelling) => true,
        None => false,
    };
    let decided = |stored: &StoredOrder| {
        let state = stored.checkout.changing.state;
        state.has_ended() || state.is_bought()
    };
    match (wait_until(app, order, RELEASED_WITHIN, decided).await?, known) {
        (Some(stored), _) if taken => as_it_is(&on_its_way_out(stored)),
        (Some(stored), _) => as_it_is(&stored),
        (None, Known::Written(stored)) => as_it_is(&stored),
        (None, unwritten) => {
            let body = Json(unwritten.json(order));
            Ok(retry_after(no_store((StatusCode::ACCEPTED, body).into_response()), 1))
        }
    }
}

const fn is_on_its_way_out(state: OrderState) -> bool {
    state.has_ended() || state.is_bought() || matches!(state, OrderState::Closing)
}

/// The order's workflow has taken the cancel, and takes no further attempt. The row says so once
/// the call to the provider that was under way has come back.
fn on_its_way_out(mut stored: StoredOrder) -> StoredOrder {
    let changing = &mut stored.checkout.changing;
    if !is_on_its_way_out(changing.state) {
        changing.state = OrderState::Closing;
        changing.next_action_url = None;
    }
    stored
}

fn as_it_is(stored: &StoredOrder) -> Answer<Response> {
    let state = stored.checkout.changing.state;
    if state.is_bought() {
        Err(Problem::new(Kind::AlreadyPaid))
    } else if state.has_ended() {
        Ok(answer(StatusCode::OK, &stored.checkout))
    } else {
        Ok(retry_after(answer(StatusCode::ACCEPTED, &stored.checkout), 1))
    }
}
