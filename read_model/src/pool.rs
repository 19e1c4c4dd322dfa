//! The API's connections to Postgres: as a role that may read, and append.

use std::time::Duration;

use sqlx::{
    Executor, PgPool,
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
}

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
