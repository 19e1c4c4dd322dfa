//! How many statements a request takes, by Postgres's own count: outside of transactions each is one.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::time::sleep;

/// Postgres's sessions tell how many transactions they had within this time, busy or not.
const TOLD_WITHIN: Duration = Duration::from_secs(12);
const COUNT: &str =
    "select xact_commit::float8 from pg_stat_database where datname = current_database()";

/// What a database does by itself, to be taken off from what it does for others.
pub struct Statements<'a> {
    pool: &'a PgPool,
    /// A second.
    by_itself: f64,
}

impl<'a> Statements<'a> {
    /// Watches the database of `pool` while nobody asks for anything.
    ///
    /// # Errors
    /// When it can't be asked.
    pub async fn watch(pool: &'a PgPool) -> anyhow::Result<Self> {
        let idle = Self { pool, by_itself: 0.0 };
        sleep(TOLD_WITHIN).await;
        let (began, before) = (Instant::now(), idle.count().await?);
        sleep(TOLD_WITHIN).await;
        let done = idle.count().await? - before;
        Ok(Self { by_itself: done / began.elapsed().as_secs_f64(), ..idle })
    }

    /// How many statements each of `times` requests took that `work` makes.
    ///
    /// # Errors
    /// Those of `work`, and when the database can't be asked.
    pub async fn each(
        &self,
        times: usize,
        work: impl AsyncFnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<usize> {
        let (began, before) = (Instant::now(), self.count().await?);
        work().await?;
        sleep(TOLD_WITHIN).await;
        let all = self.count().await? - before;
        let of_others = all - self.by_itself * began.elapsed().as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "small numbers"
        )]
        let each = (of_others / times as f64).round() as usize;
        Ok(each)
    }

    async fn count(&self) -> sqlx::Result<f64> {
        sqlx::query_scalar(COUNT).fetch_one(self.pool).await
    }
}
