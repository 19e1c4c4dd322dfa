//! A worker that a test brings, in this process, so that a test can stand between it and its
//! activities. To the shop it is a worker like any other.

use std::{ffi::OsStr, thread, time::Duration};

use clap::{CommandFactory, Parser};
use startup::SharedSettings;
use system_tests::Shop;
use temporalio_client::Client;
use temporalio_sdk::interceptors::ActivityInboundInterceptor;
use tokio_util::sync::CancellationToken;

/// How long Temporal may take to answer at all.
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);

/// The settings that the worker's own binary would read, from this shop and not from the
/// environment of whoever runs the tests.
#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    shared: SharedSettings,
    #[command(flatten)]
    worker: worker::Settings,
}

impl Settings {
    fn of(shop: &Shop) -> Self {
        let command = Self::command();
        let mut arguments = vec!["worker".to_owned()];
        for (name, value) in shop.settings() {
            let reads_it = |flag: &&clap::Arg| flag.get_env() == Some(OsStr::new(&name));
            if let Some(flag) = command.get_arguments().find(reads_it) {
                arguments.push(format!("--{}={value}", flag.get_long().unwrap()));
            }
        }
        Self::try_parse_from(arguments).expect("a worker takes the settings of a shop")
    }
}

/// A client of the shop's Temporal namespace.
pub async fn temporal_of(shop: &Shop) -> Client {
    let settings = Settings::of(shop);
    settings.shared.temporal.connect("a test", CONNECTED_WITHIN).await.expect("Temporal is there")
}

/// A worker that runs. Dropped, it is gone at once, as after SIGKILL: what it had under way is
/// never heard of again.
pub struct BroughtWorker {
    death: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl BroughtWorker {
    /// Starts a worker for `shop` whose activities all pass through `interceptor`.
    pub fn start(shop: &Shop, interceptor: impl ActivityInboundInterceptor) -> Self {
        let settings = Settings::of(shop);
        let death = CancellationToken::new();
        let dead = death.clone();
        // The worker's future stays on its thread; its tasks die with its runtime.
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    ran = run(settings, interceptor) => ran.expect("the worker runs"),
                    () = dead.cancelled() => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { death, thread: Some(thread) }
    }
}

async fn run(
    settings: Settings,
    interceptor: impl ActivityInboundInterceptor,
) -> anyhow::Result<()> {
    let Settings { shared, worker } = settings;
    let client = shared.temporal.connect("a test's worker", CONNECTED_WITHIN).await?;
    let prepared = worker::prepare(&shared, &worker, client, None).await?;
    prepared.with_activity_interceptor(interceptor).run(CancellationToken::new()).await
}

impl Drop for BroughtWorker {
    fn drop(&mut self) {
        self.death.cancel();
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has failed its test already.
            drop(thread.join());
        }
    }
}
