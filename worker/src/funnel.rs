//! Keeps the funnel's counts: rolls up what has happened, and deletes what browsers reported long
//! ago. Whoever reads the funnel adds what is not rolled up yet: nobody waits for this.

use std::time::Duration;

use activities::{
    Database,
    database::DatabaseError,
    funnel::{self, SHORTEST_RETENTION, Source},
};
use anyhow::Context;
use startup::{SharedSettings, parse_duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often is looked for something to count.
const LOOK: Duration = Duration::from_secs(1);
/// How often is looked for something to delete.
const FORGET: Duration = Duration::from_secs(60);

/// Counts until `stop`.
pub async fn keep(database: Database, retention: Duration, stop: CancellationToken) {
    let mut forget_at = Instant::now() + FORGET;
    let mut may_be_foreign = true;
    while !stop.is_cancelled() {
        let kept = async {
            if may_be_foreign && funnel::was_restored_elsewhere(&database).await? {
                tracing::warn!("the database comes from another server: building the funnel anew");
                funnel::rebuild(&database).await?;
            }
            may_be_foreign = false;
            count(&database, &stop).await?;
            if Instant::now() >= forget_at {
                forget(&database, retention, &stop).await?;
                forget_at = Instant::now() + FORGET;
            }
            Ok::<_, DatabaseError>(())
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "the funnel's counts wait");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn count(database: &Database, stop: &CancellationToken) -> Result<(), DatabaseError> {
    for source in [Source::Orders, Source::Sessions] {
        while !stop.is_cancelled() && funnel::roll_up(database, source).await? {}
    }
    Ok(())
}

async fn forget(
    database: &Database,
    retention: Duration,
    stop: &CancellationToken,
) -> Result<(), DatabaseError> {
    while !stop.is_cancelled() && funnel::forget_sessions(database, retention).await? {
        // Orders come first: deleting must not keep the disk to itself.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Reads how long raw browser events are kept.
pub fn parse_retention(text: &str) -> Result<Duration, String> {
    let retention = parse_duration(text)?;
    if retention < SHORTEST_RETENTION {
        return Err("has to be 8d at the least: reports may come seven days late".into());
    }
    Ok(retention)
}

/// `worker rebuild-funnel`: throws the counts away and makes them anew from the events.
///
/// # Errors
/// When Postgres can't be asked; then the counts are as they were.
pub async fn rebuild(shared: &SharedSettings) -> anyhow::Result<()> {
    let database = Database::connect(&shared.database_url, 2)
        .await
        .context("Postgres can't be reached: look at DATABASE_URL, and whether it runs")?;
    let began = Instant::now();
    funnel::rebuild(&database).await.context("build the funnel's counts")?;
    tracing::info!(seconds = began.elapsed().as_secs(), "the funnel's counts are built anew");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_that_late_reports_would_outlive_is_refused() {
        assert_eq!(parse_retention("90d"), Ok(Duration::from_secs(90 * 24 * 3_600)));
        for bad in ["7d", "0s", "90"] {
            assert!(parse_retention(bad).is_err(), "{bad}");
        }
    }
}
