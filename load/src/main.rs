//! `cargo xtask load` runs it, on servers that the environment names.
#![allow(clippy::print_stdout, reason = "the report")]

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use load::{Options, raise_descriptors, run};
use system_tests::{Running, Shop, ShopOptions};
use time::{OffsetDateTime, macros::format_description};

/// Loads a shop of its own with virtual shoppers, and checks what came of every order.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    options: Options,

    /// How long the shop's holds last.
    #[arg(long, default_value = "5m")]
    hold_ttl: String,

    /// Where the report is written, into a folder named after the time.
    #[arg(long)]
    reports: PathBuf,
}

/// One thread is enough for what the machine can carry besides, and takes no more of it than its
/// share.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> ExitCode {
    startup::use_ring_for_tls();
    startup::exit_code(load(Cli::parse()).await)
}

async fn load(cli: Cli) -> anyhow::Result<()> {
    // Before the shop's processes begin, which have the limit of this one.
    raise_descriptors()?;
    let shop = Shop::open(ShopOptions {
        running: Running::Together,
        environment: vec![("HOLD_TTL", cli.hold_ttl.clone())],
        ..ShopOptions::default()
    })
    .await;
    let report = run(&shop, &cli.options).await?;
    let format = format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]Z");
    let now = OffsetDateTime::now_utc().format(&format).context("write the time")?;
    let folder = cli.reports.join(now);
    report.write(&folder)?;
    println!("{}", report.text());
    println!("report.txt, report.json and plots are in {}", folder.display());
    report.conclude()
}
