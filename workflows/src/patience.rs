//! Waiting for the provider's word, which may be lost.

use std::time::Duration;

use temporalio_workflow::{
    TimerOptions, WaitConditionOptions, WorkflowCancellationToken, WorkflowContext, select,
};

/// Waits until `has_spoken`, for `pause` at the most: then the provider is asked. A cancelled
/// workflow waits all the same.
pub async fn for_word<W>(
    ctx: &WorkflowContext<W>,
    pause: Duration,
    has_spoken: impl FnMut(&W) -> bool,
) {
    let token = WorkflowCancellationToken::new();
    let timer = TimerOptions::builder(pause)
        .cancellation_token(token.clone())
        .summary("ask the provider again, should its word be lost".to_owned())
        .build();
    let detached = WaitConditionOptions::builder()
        .cancellation_token(WorkflowCancellationToken::new())
        .build();
    select! {
        _ = ctx.wait_condition_with_options(has_spoken, detached) => {}
        _ = ctx.timer(timer) => {}
    }
    token.cancel();
}
