//! `cargo xtask bench`: builds what is measured, runs the servers, and has `bench` measure.

use std::{env, process::Command};

use crate::{
    places, runner,
    servers::{Durability, Servers},
    task::Task,
    temporal::Choice,
    test::install_for_node,
};

/// How the measuring is done.
#[derive(clap::Args)]
pub struct Options {
    /// Few rounds on an unoptimised build: shows that everything runs.
    #[arg(long)]
    quick: bool,

    /// With --quick: few rounds, but on an optimised build.
    #[arg(long)]
    release: bool,

    /// Measures this alone: orders, histories, throughput, observed, reads, payments, storefront,
    /// orders-search or funnel.
    #[arg(long)]
    only: Option<String>,

    /// How many events the funnel is made of.
    #[arg(long)]
    events: Option<u64>,

    #[command(flatten)]
    temporal: Choice,
}

impl Options {
    const fn optimised(&self) -> bool {
        self.release || !self.quick
    }
}

/// Measures and prints. A goal that is missed is printed, not failed.
pub fn run(options: &Options) -> anyhow::Result<()> {
    options.temporal.check()?;
    let task = Task::of(3)?;
    build(options, &task)?;
    install_for_node(&task)?;
    // As durable as the shop: what is measured survives a power cut.
    let servers = Servers::all(Durability::AsTheShop, options.temporal, &task)?;
    // `bench` prints on its own from here on.
    task.progress.finish();
    println!("Temporal keeps its state in {}", servers.temporal_kept_in().unwrap_or_default());
    let mut measure = measure(options, &servers);
    let measured = runner::run("bench", &mut measure, &task.stop);
    if measured.is_err() && !task.stop.asked() {
        eprintln!("what the processes said is in {}", servers.keep_logs()?.display());
    }
    measured
}

fn build(options: &Options, task: &Task) -> anyhow::Result<()> {
    task.progress.begin("building (optimised, the first time takes many minutes)");
    let mut cargo = places::cargo();
    cargo.args(["build", "--workspace", "--locked", "--exclude", "xtask", "--bins"]);
    if options.optimised() {
        cargo.arg("--release");
    }
    task.progress.suspend(|| runner::run("cargo build", &mut cargo, &task.stop))?;
    task.progress.done("built");
    Ok(())
}

fn measure(options: &Options, servers: &Servers) -> Command {
    let binaries = places::binaries(options.optimised());
    let mut command = Command::new(binaries.join("bench"));
    command.arg("measure");
    if options.quick {
        command.arg("--quick");
    }
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    if let Some(events) = options.events {
        command.args(["--events", &events.to_string()]);
    }
    // A user's own Temporal is not the one to measure on.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TEMPORAL_")) {
            command.env_remove(name);
        }
    }
    command.envs(servers.environment(&binaries));
    command
}
