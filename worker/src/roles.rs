//! The API's role: it may read, and append to what it is told from outside; nothing else.

use anyhow::Context;
use sqlx::{Connection, PgConnection};

/// Roles belong to the whole server, so that two databases set up at once make it twice: the
/// second finds it there, however close they are.
const MAKE_ROLE: &str = "
do $$
begin
    create role holdfast_api nologin;
exception when duplicate_object or unique_violation then
    null;
end
$$";

const GRANTS: [&str; 5] = [
    "grant usage on schema public to holdfast_api",
    "grant select on all tables in schema public to holdfast_api",
    "grant insert on webhook_inbox, analytics_events, order_contacts to holdfast_api",
    "alter default privileges in schema public grant select on tables to holdfast_api",
    // So that the owner's connection string serves the API as well, by `set role`.
    "grant holdfast_api to current_user",
];

/// Makes the role, if it is not there, and gives it its rights in this database.
///
/// # Errors
/// When the connection's user may not make roles.
pub async fn make(connection: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::query(MAKE_ROLE)
        .execute(&mut *connection)
        .await
        .context("make the role holdfast_api: DATABASE_URL's user must be allowed to make roles")?;
    for grant in GRANTS {
        grant_once(connection, grant).await.with_context(|| grant.to_owned())?;
    }
    Ok(())
}

/// Grants on the role itself are rows of the whole server: two at once collide, and again is
/// enough.
async fn grant_once(connection: &mut PgConnection, grant: &str) -> Result<(), sqlx::Error> {
    let mut tries = 0;
    loop {
        let mut transaction = connection.begin().await?;
        let granted = sqlx::query(sqlx::AssertSqlSafe(grant)).execute(&mut *transaction).await;
        match granted {
            Ok(_) => return transaction.commit().await,
            Err(sqlx::Error::Database(error))
                if tries < 20
                    && (error.is_unique_violation()
                        || error.message().contains("concurrently updated")) =>
            {
                tries += 1;
                transaction.rollback().await?;
            }
            Err(error) => return Err(error),
        }
    }
}
