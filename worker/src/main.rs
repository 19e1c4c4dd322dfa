//! The worker's binary: `worker run`, `worker setup`, `worker token`, `worker rebuild-funnel`.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use startup::SharedSettings;
use worker::{Settings, SetupSettings, TokenCommand};

/// Runs Holdfast's workflows and activities.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs workflows and activities until it is told to stop.
    Run {
        #[command(flatten)]
        shared: SharedSettings,
        #[command(flatten)]
        settings: Settings,
    },
    /// Migrates the database, makes its roles, registers search attributes; safe to repeat.
    Setup {
        #[command(flatten)]
        shared: SharedSettings,
        #[command(flatten)]
        settings: SetupSettings,
    },
    /// Makes the funnel's counts anew from all events; safe while everything runs.
    RebuildFunnel {
        #[command(flatten)]
        shared: SharedSettings,
    },
    /// Makes, lists and revokes the tokens of operators; only their hashes are kept.
    Token {
        /// Postgres, as its owner.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        database_url: String,
        #[command(subcommand)]
        command: TokenCommand,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    startup::exit_code(start().await)
}

async fn start() -> anyhow::Result<()> {
    startup::use_ring_for_tls();
    match Cli::parse().command {
        Command::Run { shared, settings } => run(shared, settings).await,
        Command::Setup { shared, settings } => {
            startup::logging::start(&shared.logging, "holdfast-worker")?;
            worker::setup(&shared, &settings).await
        }
        Command::RebuildFunnel { shared } => {
            startup::logging::start(&shared.logging, "holdfast-worker")?;
            worker::rebuild_funnel(&shared).await
        }
        Command::Token { database_url, command } => {
            tell(&worker::tokens(&database_url, &command).await?);
            Ok(())
        }
    }
}

async fn run(shared: SharedSettings, settings: Settings) -> anyhow::Result<()> {
    startup::logging::start(&shared.logging, "holdfast-worker")?;
    let stop = startup::shutdown::on_signal()?;
    let client = shared.temporal.connect("worker", Duration::from_secs(60)).await?;
    let prepared = worker::prepare(&shared, &settings, client, None).await?;
    announce();
    prepared.run(stop).await
}

/// Tells whoever asked.
#[expect(clippy::print_stdout, reason = "what a command was asked for")]
fn tell(answer: &str) {
    println!("{answer}");
}

/// Tells whoever started this process that it is up.
#[expect(clippy::print_stdout, reason = "stdout is for the parent process, logs go to stderr")]
fn announce() {
    println!("listening worker");
}
