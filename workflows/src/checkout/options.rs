//! How each kind of activity is called: timeouts, retries, and a token of its own, so that a
//! cancelled workflow still finishes what it owes.

use std::time::Duration;

use temporalio_workflow::{
    ActivityCancellationType, ActivityCloseTimeouts, ActivityOptions, LocalActivityOptions,
    RetryPolicy, WorkflowCancellationToken,
};

/// How long one call may take, all of its provider requests together.
const ONE_CALL: Duration = Duration::from_secs(45);
/// How often a worker says that it still works on a call. It learns of cancellation with it.
const HEARTBEAT: Duration = Duration::from_secs(6);
/// No limit on attempts.
const UNTIL_DONE: u32 = 0;
/// Longer than any order lives: Temporal keeps durations in milliseconds of 64 bits.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Backoff from a quarter of a second to ten.
fn retries(maximum_attempts: u32) -> RetryPolicy {
    RetryPolicy::builder()
        .initial_interval(Duration::from_millis(250))
        .backoff_coefficient(2.0)
        .maximum_interval(Duration::from_secs(10))
        .maximum_attempts(maximum_attempts)
        .build()
}

/// A local activity on our own database, retried until it is done.
#[must_use]
pub fn our_database(summary: &str) -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(10))
        .retry_policy(retries(UNTIL_DONE))
        .cancellation_token(WorkflowCancellationToken::new())
        .cancel_type(ActivityCancellationType::WaitCancellationCompleted)
        .summary(summary.to_owned())
        .build()
}

/// A remote activity at the payment provider, retried with backoff for `limit` at the most.
#[must_use]
pub fn provider(summary: &str, limit: Duration) -> ActivityOptions {
    provider_with(summary, limit, retries(UNTIL_DONE))
}

/// The first few tries of [`provider`]: enough for a hiccup, few enough to say soon when it is
/// more than that.
#[must_use]
pub fn provider_first_tries(summary: &str, limit: Duration) -> ActivityOptions {
    provider_with(summary, limit, retries(4))
}

/// A look through all that there is, which may take up to `limit` and is tried again if it fails.
#[must_use]
pub fn thorough_look(summary: &str, limit: Duration) -> ActivityOptions {
    ActivityOptions::with_close_timeouts(ActivityCloseTimeouts::ScheduleAndStartToClose {
        start_to_close: limit,
        schedule_to_close: limit,
    })
    .heartbeat_timeout(HEARTBEAT)
    .retry_policy(retries(UNTIL_DONE))
    .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
    .cancellation_token(WorkflowCancellationToken::new())
    .summary(summary.to_owned())
    .build()
}

fn provider_with(summary: &str, limit: Duration, retries: RetryPolicy) -> ActivityOptions {
    ActivityOptions::with_close_timeouts(ActivityCloseTimeouts::ScheduleAndStartToClose {
        start_to_close: ONE_CALL.min(limit),
        schedule_to_close: limit.min(FOR_EVER),
    })
    .heartbeat_timeout(HEARTBEAT)
    .retry_policy(retries)
    .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
    .cancellation_token(WorkflowCancellationToken::new())
    .summary(summary.to_owned())
    .build()
}
