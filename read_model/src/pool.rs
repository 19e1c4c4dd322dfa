//! The API's connections to Postgres: as a role that may read, and append.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Connection, Executor, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// Why something could not be read or appended.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Postgres refused, or could not be reached.
    #[error("Postgres: {0}")]
    Sql(#[from] sqlx::Error),
    /// The row holds something that its column should not let in.
    #[error("a stored value can't be read: {0}")]
    Stored(String),
    /// The statement that this was part of failed.
    #[error(transparent)]
    OfAll(Arc<ReadError>),
    /// Postgres did not answer at all.
    #[error("Postgres is silent")]
    Silent,
    /// Whoever asks Postgres has stopped.
    #[error("Postgres was not asked: the process stops")]
    Unanswered,
}

impl ReadError {
    /// Whether a single row is what it failed of.
    pub(crate) const fn is_of_one_row(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::ColumnDecode { .. }) | Self::Stored(_) => true,
            Self::Sql(_) | Self::OfAll(_) | Self::Silent | Self::Unanswered => false,
        }
    }

    /// Whether its connection was lost, which says nothing about the next one.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Io(_)) => true,
            // Postgres stops, or has just begun.
            Self::Sql(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| ["57P01", "57P02"].contains(&&*code))
            }
            _ => false,
        }
    }
}

/// How long a connection may lie idle before it is asked whether it is still there.
const ASK_AFTER: Duration = Duration::from_secs(1);

/// Connects a pool. With `as_api_role` every connection takes the role `holdfast_api`, which
/// may do nothing but what the API does.
///
/// # Errors
/// When `url` can't be read or Postgres can't be reached.
pub async fn connect(url: &str, as_api_role: bool, connections: u32) -> Result<PgPool, ReadError> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.application_name("holdfast-api").options([
        ("idle_in_transaction_session_timeout", "5s"),
        ("client_min_messages", "error"),
        ("statement_timeout", "5s"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(2)
        .acquire_timeout(Duration::from_millis(1_500))
        .test_before_acquire(false)
        .before_acquire(|connection, of| {
            Box::pin(async move {
                // One that was used just now need not be asked: each question is a round trip.
                if of.idle_for >= ASK_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if as_api_role {
                    connection.execute("set role holdfast_api").await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    Ok(pool)
}
