//! Telling the worker that an event was stored, by NOTIFY: a hint, after the commit, in a statement
//! of its own, and at most twenty times a second. Commits that notify wait for each other, and a
//! worker that is told of every single one takes each up with statements of its own, beside those
//! that store the next.

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long those are gathered into one notification that come after one that was told of at once.
const GATHER: Duration = Duration::from_millis(50);

/// Starts telling, until `stop`; `notify_one` on the answer says that there is something to tell.
pub fn start(pool: PgPool, stop: CancellationToken) -> Arc<Notify> {
    let wanted = Arc::new(Notify::new());
    let waiting = Arc::clone(&wanted);
    tokio::spawn(stop.run_until_cancelled_owned(async move {
        loop {
            waiting.notified().await;
            // A lost notification costs a fraction of a second: the worker looks by itself. So it
            // need not wait for the disk, and nobody's commit for it.
            let tell = "select set_config('synchronous_commit', 'off', true),
                pg_notify('holdfast_inbox', '')";
            if let Err(error) = sqlx::query(tell).execute(&pool).await {
                tracing::warn!(%error, "could not tell of a webhook");
            }
            tokio::time::sleep(GATHER).await;
        }
    }));
    wanted
}
