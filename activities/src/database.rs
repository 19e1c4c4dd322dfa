//! The connection to Postgres, and the one way to run a transaction on it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use sqlx::{
    Connection, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::metrics;

/// Somebody else holds the lock.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// How long a transaction may take. Postgres ends statements sooner; this is for a connection that
/// has gone silent.
const PATIENCE: Duration = Duration::from_secs(35);

/// How long a connection may lie idle before it is asked whether it is still there.
const ASK_AFTER: Duration = Duration::from_secs(1);

/// Postgres, with the rights of the shop's owner.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
}

/// Why work on the database did not come to an answer. All of it is worth another try.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Postgres refused, or could not be reached.
    #[error("Postgres: {0}")]
    Sql(#[from] sqlx::Error),
    /// Another transaction came between a look and what was done upon it; nothing was done.
    #[error("another transaction wrote the same order")]
    Raced,
    /// The task that ran the transaction was ended, or panicked.
    #[error("the transaction's task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The row holds something that its column should not let in.
    #[error("a stored value can't be read: {0}")]
    Stored(String),
    /// The transaction that this was part of failed.
    #[error(transparent)]
    OfTheBatch(Arc<DatabaseError>),
    /// Postgres did not answer at all.
    #[error("Postgres is silent")]
    Silent,
    /// Whoever runs the transactions has stopped.
    #[error("the transaction was not run: the worker stops")]
    Unanswered,
}

impl DatabaseError {
    /// Whether one of many members of a transaction can be what it failed of, so that the others
    /// are worth a try without it; not when Postgres itself is in trouble.
    pub(crate) fn is_of_one_member(&self) -> bool {
        match self {
            // Bad data, a broken constraint, a row that somebody else has locked for long (Postgres,
            // "Error Codes", classes 22 and 23, and 55P03).
            Self::Sql(sqlx::Error::Database(error)) => error.code().is_some_and(|code| {
                code.starts_with("22") || code.starts_with("23") || code == LOCK_NOT_AVAILABLE
            }),
            Self::Raced | Self::Stored(_) | Self::Sql(sqlx::Error::ColumnDecode { .. }) => true,
            Self::Task(error) => error.is_panic(),
            Self::Sql(_) | Self::OfTheBatch(_) | Self::Silent | Self::Unanswered => false,
        }
    }
}

impl Database {
    /// Connects a pool of at most `connections`.
    ///
    /// # Errors
    /// When `url` can't be read or Postgres can't be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, sqlx::Error> {
        Self::connect_with(url.parse()?, connections).await
    }

    /// Connects a pool whose commits are answered before the disk has them: for what may be lost
    /// in a crash of the database because it is done again, such as the note that a webhook was
    /// delivered. What must not be lost does not wait for it then.
    ///
    /// # Errors
    /// When `url` can't be read or Postgres can't be reached.
    pub async fn connect_for_notes(url: &str, connections: u32) -> Result<Self, sqlx::Error> {
        let options: PgConnectOptions = url.parse()?;
        Self::connect_with(options.options([("synchronous_commit", "off")]), connections).await
    }

    async fn connect_with(
        options: PgConnectOptions,
        connections: u32,
    ) -> Result<Self, sqlx::Error> {
        let options = options.application_name("holdfast-worker").options([
            ("idle_in_transaction_session_timeout", "5s"),
            ("client_min_messages", "error"),
            ("lock_timeout", "1s"),
            ("statement_timeout", "30s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(2)
            .acquire_timeout(Duration::from_secs(5))
            .test_before_acquire(false)
            .before_acquire(|connection, of| Box::pin(is_usable(connection, of.idle_for)))
            .after_release(|connection, _| Box::pin(end_open_transaction(connection)))
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    /// The pool, for single statements.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Shows in the metrics how the pool is used; it goes by `name` there.
    pub fn show_use(&self, name: &'static str) {
        metrics::connections(name, &self.pool);
    }

    /// Runs `work` in one transaction, which is committed when it answers `Ok`.
    ///
    /// The transaction runs in a task of its own: a caller that is dropped half-way, such as a
    /// cancelled activity, can't leave a pooled connection inside it (sqlx 0.9 forgets a `begin`
    /// that is cancelled before it is answered, and what the connection writes next is lost).
    ///
    /// # Errors
    /// What `work` answers, or why the transaction could not be begun or committed. After an
    /// error of the commit itself it is not known whether the work was done.
    pub async fn transact<T, F>(&self, work: F) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, DatabaseError>>
            + Send
            + 'static,
    {
        let pool = self.pool.clone();
        let mut task = tokio::spawn(async move {
            let asked_at = Instant::now();
            let mut transaction = pool.begin().await?;
            metrics::connection_acquired(asked_at);
            let answer = work(&mut transaction).await?;
            transaction.commit().await?;
            Ok(answer)
        });
        let answer = tokio::time::timeout(PATIENCE, &mut task).await.unwrap_or_else(|_| {
            task.abort();
            Ok(Err(DatabaseError::Silent))
        })?;
        if let Err(DatabaseError::Sql(sqlx::Error::Database(error))) = &answer {
            metrics::database_refused(error.code().as_deref().unwrap_or_default());
        }
        answer
    }
}

/// Asks a connection that has lain idle whether it is still there. One that was used just now
/// need not be asked: each question costs a round trip.
async fn is_usable(connection: &mut PgConnection, idle: Duration) -> Result<bool, sqlx::Error> {
    if idle >= ASK_AFTER {
        connection.ping().await?;
    }
    Ok(true)
}

/// Guards the pool: a connection that comes back inside a transaction is rolled back.
async fn end_open_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // A `rollback` alone would be a warning in Postgres's log, each time that there is nothing to
    // roll back: nearly always. A transaction that has failed takes no `begin`.
    if connection.execute("begin; rollback").await.is_err() {
        connection.execute("rollback").await?;
    }
    Ok(true)
}
