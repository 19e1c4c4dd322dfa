//! `cargo xtask load`: servers of its own, and the binary `load`, which does the rest.

use std::{env, process::Command};

use crate::{
    places, runner,
    servers::{Durability, Servers},
    soak::new_seed,
    task::Task,
    temporal::Choice,
};

/// What a load can be asked for.
#[derive(clap::Args)]
pub struct Options {
    /// How many shop at once.
    #[arg(long, default_value_t = 1_000)]
    shoppers: u32,

    /// How long they come and go; parts of a minute may be given.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,

    /// Everybody wants the same product, and at once.
    #[arg(long)]
    drop: bool,

    /// With --drop: how many units there are of it.
    #[arg(long, default_value_t = 500)]
    units: u32,

    /// With --drop: how many come in a second. [default: 20000]
    #[arg(long)]
    per_second: Option<u32>,

    /// What the schedule and the shoppers' ways are drawn from. [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,

    /// How many connections they share at the most. [default: 8192, or fewer where a process may
    /// have few descriptors]
    #[arg(long)]
    connections: Option<u64>,

    /// How long the shop's holds last, such as 30s. [default: 5m]
    #[arg(long)]
    hold_ttl: Option<String>,

    /// An unoptimised build: ready sooner, and slower.
    #[arg(long)]
    dev: bool,

    #[command(flatten)]
    temporal: Choice,
}

/// Builds, and loads. A shop that is slow is no failure; one that breaks a promise is.
pub fn run(options: &Options) -> anyhow::Result<()> {
    options.temporal.check()?;
    let task = Task::of(3)?;
    build(options, &task)?;
    // As durable as the shop: what is measured survives a power cut.
    let mut servers = Servers::all(Durability::AsTheShop, options.temporal, &task)?;
    // `load` prints on its own from here on.
    task.progress.finish();
    println!("Temporal keeps its state in {}", servers.temporal_kept_in().unwrap_or_default());
    let mut load = command(options, &servers);
    let ended = runner::status_beside("load", &mut load, &task.stop, || servers.look_after())?;
    if ended.success() {
        return Ok(());
    }
    let kept = servers.keep_logs_in("load-logs")?;
    anyhow::bail!("the load failed ({ended}): what the processes said is in {}", kept.display())
}

fn build(options: &Options, task: &Task) -> anyhow::Result<()> {
    let optimised = "building (optimised, the first time takes many minutes)";
    task.progress.begin(if options.dev { "building" } else { optimised });
    let mut cargo = places::cargo();
    cargo.args(["build", "--workspace", "--locked", "--exclude", "xtask", "--bins"]);
    if !options.dev {
        cargo.arg("--release");
    }
    task.progress.suspend(|| runner::run("cargo build", &mut cargo, &task.stop))?;
    task.progress.done("built");
    Ok(())
}

fn command(options: &Options, servers: &Servers) -> Command {
    let binaries = places::binaries(!options.dev);
    let mut command = Command::new(binaries.join("load"));
    let seed = options.seed.unwrap_or_else(new_seed);
    command.args(["--shoppers", &options.shoppers.to_string(), "--seed", &seed.to_string()]);
    command.args(["--minutes", &options.minutes.to_string()]);
    command.args(["--units", &options.units.to_string()]);
    command.arg("--reports").arg(places::state().join("load"));
    if options.drop {
        command.arg("--drop");
    }
    let further = [
        ("--per-second", options.per_second.map(|number| number.to_string())),
        ("--connections", options.connections.map(|number| number.to_string())),
        ("--hold-ttl", options.hold_ttl.clone()),
    ];
    for (flag, value) in further {
        command.args(value.map(|value| [flag.to_owned(), value]).into_iter().flatten());
    }
    // A user's own Temporal is not the one to load.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TEMPORAL_")) {
            command.env_remove(name);
        }
    }
    command.envs(servers.environment(&binaries));
    command
}
