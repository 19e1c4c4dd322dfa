//! The connection to Postgres, and the one way to run a transaction on it.

use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{
    Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

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
}

impl Database {
    /// Connects a pool of at most `connections`.
    ///
    /// # Errors
    /// When `url` can't be read or Postgres can't be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, sqlx::Error> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("holdfast-worker").options([
            ("idle_in_transaction_session_timeout", "5s"),
            ("client_min_messages", "error"),
            ("lock_timeout", "5s"),
            ("statement_timeout", "30s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(2)
            .acquire_timeout(Duration::from_secs(5))
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
        tokio::spawn(async move {
            let mut transaction = pool.begin().await?;
            let answer = work(&mut transaction).await?;
            transaction.commit().await?;
            Ok(answer)
        })
        .await?
    }
}

/// Guards the pool: a connection that comes back inside a transaction is rolled back.
async fn end_open_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // Outside a transaction this is a warning, which `client_min_messages` keeps from us.
    connection.execute("rollback").await?;
    Ok(true)
}
