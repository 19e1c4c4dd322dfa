//! Sessions of the database that were left inside a transaction.

use std::time::Duration;

use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);

/// The sessions that have idled in a transaction for `seconds`, with what they said last.
pub async fn idle_in_transaction(database: &PgPool, seconds: f64) -> Vec<String> {
    sqlx::query_scalar(
        "select application_name || ': ' || query from pg_stat_activity
         where datname = current_database() and state like 'idle in transaction%'
           and clock_timestamp() - state_change > $1 * interval '1 second'",
    )
    .bind(seconds)
    .fetch_all(database)
    .await
    .unwrap()
}

/// Somebody who looks for such sessions all the time.
pub struct Watch {
    stop: CancellationToken,
    looking: JoinHandle<Vec<String>>,
}

impl Watch {
    /// Looks for sessions that idle in a transaction for `seconds`.
    pub fn start(database: PgPool, seconds: f64) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let looking = tokio::spawn(async move {
            let mut found = Vec::new();
            while !stopped.is_cancelled() {
                found.extend(idle_in_transaction(&database, seconds).await);
                tokio::time::sleep(LOOK).await;
            }
            found
        });
        Self { stop, looking }
    }

    /// Stops; answers those that were found.
    pub async fn stop(self) -> Vec<String> {
        self.stop.cancel();
        self.looking.await.unwrap()
    }
}
