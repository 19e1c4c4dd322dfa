//! The least that a durable checkout costs: an empty workflow, and one row that survives a power
//! cut. Both on the servers that the product stands on.

use std::time::{Duration, Instant};

use anyhow::Context;
use sqlx::{Connection, Executor, PgConnection, Postgres, migrate::MigrateDatabase};
use temporalio_client::{Client, WorkflowGetResultOptions, WorkflowHandle, WorkflowStartOptions};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::worker;

const QUEUE: &str = "floor";

/// Does nothing.
#[workflow]
#[derive(Default)]
pub struct Empty {}

#[workflow_methods]
impl Empty {
    /// Ends at once.
    #[expect(clippy::unused_async, reason = "it does nothing, on purpose")]
    #[run(name = "empty")]
    pub async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(())
    }
}

/// A worker for the empty workflow, and a connection to Postgres.
pub struct Floor {
    client: Client,
    database: Mutex<PgConnection>,
}

/// What the floor of accepting an order took.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// The start of the workflow.
    pub started: Duration,
    /// The commit after it.
    pub committed: Duration,
}

impl Floor {
    /// Starts the worker, makes the database.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn open(client: Client, database_url: &str) -> anyhow::Result<Self> {
        worker::start(client.clone(), QUEUE, |worker| {
            worker.register_workflow::<Empty>()?;
            Ok(())
        });
        Postgres::create_database(database_url).await.context("make the floor's database")?;
        let mut database = PgConnection::connect(database_url).await?;
        database.execute("create table accepted (id uuid primary key, note text)").await?;
        Ok(Self { client, database: Mutex::new(database) })
    }

    /// Starts an empty workflow and commits a row. The workflow's end is waited for, not measured.
    ///
    /// # Errors
    /// When one of the servers refuses.
    pub async fn accept(&self) -> anyhow::Result<Accepted> {
        let began = Instant::now();
        let workflow = self.start().await?;
        let started = began.elapsed();
        let mut database = self.database.lock().await;
        let began = Instant::now();
        sqlx::query("insert into accepted (id, note) values ($1, 'held')")
            .bind(Uuid::new_v4())
            .execute(&mut *database)
            .await?;
        let committed = began.elapsed();
        workflow.get_result(WorkflowGetResultOptions::default()).await?;
        Ok(Accepted { started, committed })
    }

    /// Starts an empty workflow and waits for its end; answers how long that took.
    ///
    /// # Errors
    /// When Temporal refuses.
    pub async fn run(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let workflow = self.start().await?;
        workflow.get_result(WorkflowGetResultOptions::default()).await?;
        Ok(began.elapsed())
    }

    async fn start(&self) -> anyhow::Result<WorkflowHandle<Client, empty::Run>> {
        let options = WorkflowStartOptions::new(QUEUE, format!("empty/{}", Uuid::new_v4())).build();
        Ok(self.client.start_workflow(Empty::run, (), options).await?)
    }
}
