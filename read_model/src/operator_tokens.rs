//! Who may use the operators' listener.

use sqlx::PgPool;

use crate::ReadError;

/// A token in force.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// SHA-256 of it.
    pub token_hash: Vec<u8>,
    /// Whose it is: the actor of what is done with it.
    pub name: String,
    /// What may be done with it.
    pub role: String,
}

/// The tokens that are in force.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn tokens(pool: &PgPool) -> Result<Vec<TokenRow>, ReadError> {
    let rows = sqlx::query_as!(
        TokenRow,
        "select token_hash, name, role from operator_tokens where revoked_at is null",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
