//! Running: one Temporal worker for everything, the notifier, the webhook inbox, and the funnel.

use std::{net::SocketAddr, time::Duration};

use activities::{ChangeSink, Changes, Database, Provider, Reconciler, Saga};
use anyhow::Context;
use futures::future::{BoxFuture, LocalBoxFuture};
use temporalio_client::Client;
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    interceptors::ActivityInboundInterceptor,
    runtime::{
        PollerBehavior, RuntimeOptions,
        worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
    },
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workflows::{Checkout, Conclude, Dispute, Operator, Reconcile, Refund, Settle, TASK_QUEUE};

use crate::{funnel, inbox, metrics, notify, stoppable::Stoppable, traced::Traced};

/// Connections for the notifier and the inbox.
const NOTES_CONNECTIONS: u32 = 6;
/// How long webhooks that are being delivered are waited for when the worker stops.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);

/// The worker's own settings.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "worker-settings")]
pub struct Settings {
    /// The key to the payment provider's API.
    #[arg(
        long,
        env = "STRIPE_SECRET_KEY",
        default_value = "sk_test_sandbox",
        hide_env_values = true
    )]
    pub stripe_secret_key: String,

    /// Connections to Postgres, at the most.
    #[arg(long, env = "WORKER_DATABASE_CONNECTIONS", default_value_t = 16)]
    pub worker_database_connections: u32,

    /// Open checkouts kept in memory; further ones are replayed when something happens to them.
    #[arg(long, env = "WORKER_CACHED_WORKFLOWS", default_value_t = 20_000)]
    pub worker_cached_workflows: usize,

    /// How long what browsers report is kept; what it counts for stays.
    #[arg(
        long,
        env = "ANALYTICS_RETENTION",
        default_value = "90d",
        value_parser = funnel::parse_retention
    )]
    pub analytics_retention: Duration,
    /// Where Prometheus finds this worker's metrics, at /metrics and without a token, such as
    /// 127.0.0.1:9464. Where API and worker are one process, the operator listener has them as
    /// well. [default: nowhere]
    #[arg(long, env = "WORKER_METRICS_LISTEN")]
    pub worker_metrics_listen: Option<SocketAddr>,

    /// Where Prometheus finds what Temporal's SDK says of itself (pollers, slots, latencies), at
    /// /metrics and without a token, such as 127.0.0.1:9465. [default: nowhere]
    #[arg(long, env = "WORKER_TEMPORAL_METRICS_LISTEN")]
    pub worker_temporal_metrics_listen: Option<SocketAddr>,
}

/// A worker that has everything it needs to run.
pub struct Prepared {
    client: Client,
    /// For the inbox and the counting of the funnel: what a crash takes of it is done again.
    notes: Database,
    /// For everything else.
    database: Database,
    listen_url: String,
    analytics_retention: Duration,
    metrics_listener: Option<TcpListener>,
    worker_temporal_metrics_listen: Option<SocketAddr>,
    options: WorkerOptions,
}

/// Connects to Postgres and the provider. `local` is told of changes before anybody else: the
/// API, when it lives in this process. Boxed, as [`Prepared::run`] is, so that all of the worker is
/// compiled here, once, and not in each binary that awaits it.
///
/// # Errors
/// When Postgres can't be reached or a setting can't be used.
pub fn prepare<'a>(
    shared: &'a startup::SharedSettings,
    settings: &'a Settings,
    client: Client,
    local: Option<ChangeSink>,
) -> BoxFuture<'a, anyhow::Result<Prepared>> {
    Box::pin(connect(shared, settings, client, local))
}

async fn connect(
    shared: &startup::SharedSettings,
    settings: &Settings,
    client: Client,
    local: Option<ChangeSink>,
) -> anyhow::Result<Prepared> {
    startup::metrics::start()?;
    activities::metrics::describe();
    let metrics_listener = metrics::listen(settings.worker_metrics_listen).await?;
    let database = Database::connect(&shared.database_url, settings.worker_database_connections)
        .await
        .context("Postgres can't be reached: look at DATABASE_URL, and whether it runs")?;
    let notes = Database::connect_for_notes(&shared.database_url, NOTES_CONNECTIONS)
        .await
        .context("Postgres gives no further connections: look at max_connections")?;
    let provider = Provider::new(
        &shared.stripe_api_base,
        settings.stripe_secret_key.clone(),
        shared.public_url(),
    )
    .context("the payment provider's client can't be made")?;
    let everybody = notify::start(notes.clone());
    let changes = ChangeSink::new(move |changes: Changes| {
        activities::metrics::count(&changes);
        if let Some(local) = &local {
            local.tell(changes);
        }
        everybody.notify_one();
    });
    let reconciler = Reconciler::new(database.clone(), provider.clone(), client.clone());
    let saga = Saga::new(database.clone(), provider, changes);
    let mut options = options(saga, reconciler, settings.worker_cached_workflows)?;
    if cfg!(debug_assertions) {
        options.activity_inbound_interceptor(Stoppable);
    }
    Ok(Prepared {
        client,
        notes,
        database,
        listen_url: shared.database_url.clone(),
        analytics_retention: settings.analytics_retention,
        metrics_listener,
        worker_temporal_metrics_listen: settings.worker_temporal_metrics_listen,
        options,
    })
}

impl Prepared {
    /// Has every activity pass through `interceptor`, which may look at it, delay it or fail it.
    #[must_use]
    pub fn with_activity_interceptor(
        mut self,
        interceptor: impl ActivityInboundInterceptor,
    ) -> Self {
        self.options.activity_inbound_interceptor(interceptor);
        self
    }

    /// Runs until `stop` is cancelled, then finishes what is under way. The future stays on its
    /// thread: drive it from `main`, or from a thread of its own.
    ///
    /// # Errors
    /// When the worker ends by itself.
    pub fn run(self, stop: CancellationToken) -> LocalBoxFuture<'static, anyhow::Result<()>> {
        Box::pin(self.work(stop))
    }

    async fn work(self, stop: CancellationToken) -> anyhow::Result<()> {
        let runtime = RuntimeOptions::builder()
            .telemetry_options(metrics::of_temporal(self.worker_temporal_metrics_listen)?)
            .heartbeat_interval(None)
            .build()
            .map_err(anyhow::Error::msg)
            .and_then(|options| Ok(Runtime::from_current_tokio(options)?))?;
        let mut inbox = tokio::spawn(inbox::deliver(
            self.notes.clone(),
            self.client.clone(),
            self.listen_url.clone(),
            stop.clone(),
        ));
        let counts =
            tokio::spawn(funnel::keep(self.notes.clone(), self.analytics_retention, stop.clone()));
        tokio::spawn(metrics::show_pools(self.database, self.notes, stop.clone()));
        if let Some(listener) = self.metrics_listener {
            tokio::spawn(metrics::serve(listener, stop.clone()));
        }
        let mut worker =
            Worker::new(&runtime, self.client, self.options).context("make the Temporal worker")?;
        let shut_down = worker.shutdown_handle();
        let stopped = stop.clone();
        let stopper = async move {
            stopped.cancelled().await;
            shut_down();
        };
        let (ran, ()) = tokio::join!(
            async {
                let ran = worker.run().await;
                stop.cancel();
                ran
            },
            stopper
        );
        match tokio::time::timeout(LAST_DELIVERIES, &mut inbox).await {
            Ok(ended) => ended.context("the inbox's task")?,
            // What is not noted as delivered is delivered again.
            Err(_) => inbox.abort(),
        }
        counts.await.context("the funnel's task")?;
        ran.context("the Temporal worker ended")
    }
}

fn options(
    saga: Saga,
    reconciler: Reconciler,
    cached_workflows: usize,
) -> anyhow::Result<WorkerOptions> {
    let slots = TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(200))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(200))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(200))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build();
    Ok(WorkerOptions::new(TASK_QUEUE)
        .max_cached_workflows(cached_workflows)
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(16))
        // Half of them for the first task of each workflow. By default it would be one in five,
        // and with fewer of them than the task queue has partitions, new orders and operators'
        // changes wait for seconds while those that are under way do not.
        .nonsticky_to_sticky_poll_ratio(0.5)
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(8))
        .tuner(slots)
        // A call learns with its heartbeat that the shopper has called it off.
        .max_heartbeat_throttle_interval(Duration::from_secs(1))
        .graceful_shutdown_period(Duration::from_secs(5))
        .activity_inbound_interceptor(Traced)
        .register_activities(saga)
        .register_activities(reconciler)
        .register_workflow::<Checkout>()?
        .register_workflow::<Settle>()?
        .register_workflow::<Operator>()?
        .register_workflow::<Refund>()?
        .register_workflow::<Dispute>()?
        .register_workflow::<Conclude>()?
        .register_workflow::<Reconcile>()?
        .build())
}
