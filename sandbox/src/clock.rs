//! What happens by itself when its time has come.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    Sandbox, capture,
    error::ApiError,
    events::now_ms,
    intents::{Moment, find},
    objects::{Intent, Refund, RefundStatus, Status},
    processing, refunds,
    store::{Kept, State},
};

/// How often is looked for what has fallen due.
const TICK: Duration = Duration::from_millis(50);

/// Does what falls due until `stop`.
pub(crate) async fn run(sandbox: Arc<Sandbox>, stop: CancellationToken) {
    loop {
        let now_ms = now_ms();
        if sandbox.store.peek(|state| state.has_due(now_ms)) {
            let at = sandbox.moment(None, None);
            sandbox.store.change(|state| pass(state, now_ms, &at)).await;
            sandbox.deliveries_due.notify_one();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Does what falls due by `now_ms`, all of it in one transaction.
fn pass(state: &mut State, now_ms: i64, at: &Moment<'_>) {
    while let Some((kind, id)) = state.take_due(now_ms) {
        let done = match kind {
            Intent::KIND => pass_intent(state, &id, at),
            Refund::KIND => pass_refund(state, &id, at),
            _ => Ok(()),
        };
        if let Err(error) = done {
            tracing::error!(%id, error = %error.body, "what was due can't be done");
        }
    }
}

fn pass_intent(state: &mut State, id: &str, at: &Moment<'_>) -> Result<(), ApiError> {
    match find(state, id, "intent")?.status {
        Status::Processing => processing::end(state, id, at).map(drop),
        Status::RequiresCapture => capture::expire(state, id, at).map(drop),
        Status::RequiresPaymentMethod
        | Status::RequiresConfirmation
        | Status::RequiresAction
        | Status::Canceled
        | Status::Succeeded => Ok(()),
    }
}

fn pass_refund(state: &mut State, id: &str, at: &Moment<'_>) -> Result<(), ApiError> {
    let is_pending =
        state.refunds.get(id).is_some_and(|refund| refund.status == RefundStatus::Pending);
    refunds::decide(state, id, is_pending, at)
}
