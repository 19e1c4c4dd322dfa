//! `bench measure` measures; the rest are processes that it starts.

use std::process::ExitCode;

use bench::{bare, measures, naive};
use clap::{Parser, Subcommand};

/// Benchmarks of Holdfast, each a ratio within one run. `cargo xtask bench` runs them.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures, on the servers that the environment names.
    Measure(measures::Options),
    /// Serves the naive build.
    Naive(naive::Settings),
    /// Serves fixed bytes from bare axum routes.
    Bare(bare::Settings),
}

#[tokio::main]
async fn main() -> ExitCode {
    startup::use_ring_for_tls();
    let done = match Cli::parse().command {
        Command::Measure(options) => measures::run(&options).await,
        Command::Naive(settings) => naive::serve(settings).await,
        Command::Bare(settings) => bare::serve(settings).await,
    };
    startup::exit_code(done)
}
