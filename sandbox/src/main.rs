//! The sandbox's binary.

use std::process::ExitCode;

use clap::Parser;
use sandbox::Settings;

/// A Stripe-compatible payment provider, so that everything runs with no account.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
}

#[tokio::main]
async fn main() -> ExitCode {
    startup::exit_code(start().await)
}

async fn start() -> anyhow::Result<()> {
    let Cli { settings } = Cli::parse();
    startup::logging::start(&settings.logging, "sandbox")?;
    startup::use_ring_for_tls();
    let stop = startup::shutdown::on_signal()?;
    sandbox::serve(settings, stop, announce).await
}

/// Tells whoever started this process where it listens.
#[expect(clippy::print_stdout, reason = "stdout is for the parent process, logs go to stderr")]
fn announce(address: std::net::SocketAddr) {
    println!("listening sandbox={address}");
}
