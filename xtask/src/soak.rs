//! `cargo xtask soak`: servers of its own, which it brings back when they are killed, and the
//! binary `soak`, which does the rest.

use std::{
    env,
    path::PathBuf,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    places, runner,
    servers::{Durability, Servers},
    task::Task,
    temporal::Choice,
};

/// What a soak can be asked for.
#[derive(clap::Args)]
pub struct Options {
    /// How long faults and shoppers go on; parts of a minute may be given.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,

    /// What the faults and the shoppers' ways are made from. [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,

    /// How many shop at once.
    #[arg(long, default_value_t = SHOPPERS)]
    shoppers: u32,
}

const SHOPPERS: u32 = 24;

/// Where the logs of a soak that found something lie, beside the shop's state.
const KEPT_LOGS: &str = "soak-logs";

/// Builds, and soaks.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let task = Task::of(3)?;
    task.progress.begin("building");
    let mut cargo = places::cargo();
    cargo.args(["build", "--workspace", "--locked", "--bins"]);
    cargo.args(["--exclude", "xtask", "--exclude", "bench"]);
    task.progress.suspend(|| runner::run("cargo build", &mut cargo, &task.stop))?;
    task.progress.done("built");
    soak(options, &task)
}

/// A minute of it, of a new seed each time, on binaries that are built.
pub fn one_minute(task: &Task) -> anyhow::Result<()> {
    soak(&Options { minutes: 1.0, seed: None, shoppers: SHOPPERS }, task)
}

fn soak(options: &Options, task: &Task) -> anyhow::Result<()> {
    let mut servers = Servers::all(Durability::Processes, Choice::default(), task)?;
    // `soak` prints on its own from here on.
    task.progress.finish();
    let mut command = command(options, &servers);
    let ended = runner::status_beside("soak", &mut command, &task.stop, || servers.look_after())?;
    if ended.success() {
        return Ok(());
    }
    let kept: PathBuf = servers.keep_logs_in(KEPT_LOGS)?;
    anyhow::bail!("the soak failed ({ended}): its report and the logs are in {}", kept.display())
}

fn command(options: &Options, servers: &Servers) -> Command {
    let binaries = places::binaries(false);
    let mut command = Command::new(binaries.join("soak"));
    let seed = options.seed.unwrap_or_else(new_seed);
    command.args(["--minutes", &options.minutes.to_string(), "--seed", &seed.to_string()]);
    command.args(["--shoppers", &options.shoppers.to_string()]);
    // A user's own Temporal is not the one to shake.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TEMPORAL_")) {
            command.env_remove(name);
        }
    }
    command.envs(servers.environment(&binaries));
    command.env("SOAK_SERVERS", servers.record());
    command
}

/// Short enough to be typed.
pub fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ (now.as_secs() & 0xffff_ffff)
}
