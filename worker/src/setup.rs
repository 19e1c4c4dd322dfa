//! `worker setup`: brings database and Temporal to what this version needs. Safe to repeat, and
//! to run from several machines at once.

use std::time::Duration;

use anyhow::Context;
use sqlx::{
    Connection, PgConnection, Postgres,
    migrate::{MigrateDatabase, Migrator},
};

use crate::{catalogue, registration, roles};

/// `invalid_catalog_name` (PostgreSQL, "Error Codes").
const NO_SUCH_DATABASE: &str = "3D000";

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// What `worker setup` can be asked for.
#[derive(clap::Args, Clone, Debug)]
pub struct SetupSettings {
    /// Fill an empty catalogue with the demonstration shop's products.
    #[arg(long)]
    pub demo_catalogue: bool,
}

/// Migrates, makes the API's role, registers search attributes and the schedule, and seeds when asked to.
///
/// # Errors
/// Says which of these could not be done, and why.
pub async fn setup(
    shared: &startup::SharedSettings,
    settings: &SetupSettings,
) -> anyhow::Result<()> {
    let mut connection = connect(&shared.database_url).await?;
    require_version(&mut connection).await?;
    MIGRATIONS.run(&mut connection).await.context("migrate the database")?;
    roles::make(&mut connection).await?;
    if settings.demo_catalogue {
        catalogue::seed(&mut connection).await?;
    }
    connection.close().await?;
    let client = shared.temporal.connect("setup", Duration::from_secs(60)).await?;
    registration::make_namespace(&client).await?;
    registration::register_search_attributes(&client).await?;
    registration::make_schedule(&client).await?;
    tracing::info!("database and Temporal are set up");
    Ok(())
}

/// Connects; makes the database first when the server has none of this name.
async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    let unreachable = "Postgres can't be reached: look at DATABASE_URL, and whether it runs";
    match PgConnection::connect(url).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_DATABASE) => {
            let made = Postgres::create_database(url).await;
            // Two setups at once make it once; the connection tells whether it is there.
            PgConnection::connect(url).await.with_context(|| match made {
                Err(error) => format!("make the database that DATABASE_URL names: {error}"),
                Ok(()) => unreachable.to_owned(),
            })
        }
        connected => connected.context(unreachable),
    }
}

async fn require_version(connection: &mut PgConnection) -> anyhow::Result<()> {
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(connection)
        .await?;
    anyhow::ensure!(
        version >= 150_000,
        "Postgres 15 or newer is needed, this is {}",
        version / 10_000
    );
    Ok(())
}
