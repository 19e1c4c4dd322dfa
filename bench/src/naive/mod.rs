//! The same shop as a tutorial would build it: each step a remote activity, plain SQL, payment by
//! signal, an axum route that starts the workflow with default options.
//!
//! Where tutorials differ, this is the kinder choice: API and worker are one process, its workers
//! are tuned like the product's, its provider calls are the product's, and callers are woken by
//! the activity that they wait for instead of asking again and again. It promises less: stock can
//! leak, a repeated activity takes units twice, nobody looks at webhooks.

mod activities;
mod routes;
mod workflow;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, migrate::MigrateDatabase, postgres::PgPoolOptions};
use startup::temporal::TemporalSettings;
use tokio::{net::TcpListener, sync::oneshot};
use uuid::Uuid;

use self::{activities::Steps, workflow::NaiveOrder};
use crate::{report, worker};

/// The task queue of the naive worker.
pub const QUEUE: &str = "naive";
/// How many products the naive shop has: `sku-0` and so on.
pub const PRODUCTS: usize = 16;

/// Where the naive build finds what it stands on.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    #[arg(long, env = "NAIVE_LISTEN")]
    pub listen: SocketAddr,

    /// Its own database.
    #[arg(long, env = "NAIVE_DATABASE_URL")]
    pub database_url: String,

    /// The payment sandbox.
    #[arg(long, env = "STRIPE_API_BASE")]
    pub stripe_api_base: String,

    #[command(flatten)]
    pub temporal: TemporalSettings,
}

/// An order: what its workflow is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Which.
    pub order_id: Uuid,
    /// Of what.
    pub sku: String,
    /// How many.
    pub quantity: i32,
}

/// The id of an order's workflow.
#[must_use]
pub fn workflow_id(order: Uuid) -> String {
    format!("naive/{order}")
}

/// Serves the naive build until it is killed.
///
/// # Errors
/// When a server can't be reached.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let client = settings.temporal.connect("naive", Duration::from_secs(30)).await?;
    let pool = open_database(&settings.database_url).await?;
    let provider = ::activities::Provider::new(
        &settings.stripe_api_base,
        "sk_test_sandbox".to_owned(),
        format!("http://{}", settings.listen),
    )?;
    let waiting = Arc::new(Waiting::default());
    let steps = Steps { pool, provider, waiting: Arc::clone(&waiting) };
    worker::start(client.clone(), QUEUE, move |worker| {
        worker.register_activities(steps);
        worker.register_workflow::<NaiveOrder>()?;
        Ok(())
    });
    let listener = TcpListener::bind(settings.listen).await.context("listen")?;
    report::listening("naive", listener.local_addr()?);
    axum::serve(listener, routes::router(client, waiting)).await.context("serve the naive build")
}

async fn open_database(url: &str) -> anyhow::Result<PgPool> {
    Postgres::create_database(url).await.context("make the naive build's database")?;
    let pool = PgPoolOptions::new().max_connections(32).connect(url).await?;
    for statement in [
        "create table stock (sku text primary key, available integer not null, sold integer not null default 0, price_minor bigint not null)",
        "create table orders (order_id uuid primary key, sku text not null, quantity integer not null, total_minor bigint not null, status text not null, payment_intent text)",
    ] {
        sqlx::query(statement).execute(&pool).await?;
    }
    sqlx::query(
        "insert into stock (sku, available, price_minor)
         select 'sku-' || number, 1000000, 1200 from generate_series(0, $1 - 1) as number",
    )
    .bind(i32::try_from(PRODUCTS)?)
    .execute(&pool)
    .await?;
    Ok(pool)
}

/// What a caller can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Reserved,
    Paid,
}

/// Callers that wait for a step of their order, in this process.
#[derive(Default)]
struct Waiting(Mutex<HashMap<(Uuid, Step), oneshot::Sender<()>>>);

impl Waiting {
    /// Begins to wait.
    fn wait_for(&self, order: Uuid, step: Step) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((order, step), sender);
        receiver
    }

    /// Wakes who waits.
    fn done(&self, order: Uuid, step: Step) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(order, step));
        if let Some(caller) = waiting {
            let _gone = caller.send(());
        }
    }
}
