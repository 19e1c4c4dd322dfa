//! How the workers of this crate run: with the slots, pollers and cache of the product's, so that
//! what differs is the design and not its tuning.

use std::time::Duration;

use temporalio_client::Client;
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    runtime::{
        PollerBehavior, RuntimeOptions,
        worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
    },
};

/// Runs a worker on `queue` on a thread of its own until the process ends; `register` says of
/// what. The process is of no use without it and ends when it does.
pub fn start(
    client: Client,
    queue: &'static str,
    register: impl FnOnce(&mut WorkerOptions) -> anyhow::Result<()> + Send + 'static,
) {
    let tokio = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let ended = tokio.block_on(run(client, queue, register));
        let why = ended.err().map_or_else(|| "it ended".to_owned(), |error| format!("{error:#}"));
        eprintln!("the worker of {queue} does not run: {why}");
        std::process::exit(1);
    });
}

async fn run(
    client: Client,
    queue: &'static str,
    register: impl FnOnce(&mut WorkerOptions) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let options = RuntimeOptions::builder().heartbeat_interval(None).build();
    let runtime = Runtime::from_current_tokio(options.map_err(anyhow::Error::msg)?)?;
    let mut worker = tuned(queue);
    register(&mut worker)?;
    Worker::new(&runtime, client, worker)?.run().await?;
    Ok(())
}

fn tuned(queue: &str) -> WorkerOptions {
    let slots = TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(200))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(200))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(200))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build();
    WorkerOptions::new(queue)
        .max_cached_workflows(20_000)
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(8))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(8))
        .tuner(slots)
        .graceful_shutdown_period(Duration::from_secs(5))
        .build()
}
