//! Keys that the shop made for itself.

use sqlx::PgPool;

use crate::ReadError;

/// What shoppers' addresses are hashed with: the same on every node, and for as long as the database
/// lasts.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn of_addresses(pool: &PgPool) -> Result<Vec<u8>, ReadError> {
    Ok(sqlx::query_scalar!("select key from keys where name = 'addresses'").fetch_one(pool).await?)
}
