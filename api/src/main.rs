//! The API's binary.

use std::{process::ExitCode, time::Duration};

use api::{Addresses, Settings};
use clap::Parser;
use startup::SharedSettings;
use tokio_util::sync::CancellationToken;

/// Holdfast's HTTP API: shoppers, operators, webhooks.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    shared: SharedSettings,
    #[command(flatten)]
    settings: Settings,
}

#[tokio::main]
async fn main() -> ExitCode {
    startup::exit_code(start().await)
}

async fn start() -> anyhow::Result<()> {
    let Cli { shared, settings } = Cli::parse();
    startup::logging::start(&shared.logging, "holdfast-api")?;
    startup::use_ring_for_tls();
    let stop = startup::shutdown::on_signal()?;
    let client = shared.temporal.connect("api", Duration::from_mins(1)).await?;
    let served = CancellationToken::new();
    let model = api::connect(&shared, &settings, served.clone()).await?;
    let _reads_on_until_then = served.drop_guard();
    api::serve(shared, settings, model, client, stop, announce).await
}

/// Tells whoever started this process where it listens.
#[expect(clippy::print_stdout, reason = "stdout is for the parent process, logs go to stderr")]
fn announce(addresses: Addresses) {
    println!("listening shop={} operator={}", addresses.shop, addresses.operator);
}
