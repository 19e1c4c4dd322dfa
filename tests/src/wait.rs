//! Waiting for a condition, with a limit. Nothing here sleeps for a fixed time.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

/// Looks again and again until `look` gives something, for `limit` at the most.
///
/// # Panics
/// When it does not, naming `what` was waited for.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(25)).await;
    }
}

/// The answer of `work`, which has to come within `limit`.
///
/// # Panics
/// When it does not.
pub async fn within<T>(what: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    let Ok(done) = timeout(limit, work).await else { panic!("not within {limit:?}: {what}") };
    done
}
