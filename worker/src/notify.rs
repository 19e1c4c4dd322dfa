//! Telling the API's nodes that something has changed, by NOTIFY: without a meaning of its own,
//! after the commit, and at most once in a few milliseconds however many orders change. (Commits
//! that notify wait for each other in Postgres; these do not.)

use std::{sync::Arc, time::Duration};

use activities::Database;
use tokio::sync::Notify;

/// How long changes are gathered into one notification.
const GATHER: Duration = Duration::from_millis(5);

/// Starts the notifier; `notify_one` on the answer asks for a notification.
pub fn start(database: Database) -> Arc<Notify> {
    let wanted = Arc::new(Notify::new());
    let waiting = Arc::clone(&wanted);
    tokio::spawn(async move {
        loop {
            waiting.notified().await;
            // A lost notification costs readers a fraction of a second: they look by themselves.
            if let Err(error) = send(&database).await {
                tracing::warn!(%error, "could not notify of changes");
            }
            tokio::time::sleep(GATHER).await;
        }
    });
    wanted
}

async fn send(database: &Database) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify('holdfast', '')").execute(database.pool()).await?;
    Ok(())
}
