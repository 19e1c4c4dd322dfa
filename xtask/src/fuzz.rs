//! `cargo xtask fuzz`: bad input, as much of it as one likes, of each target or of one.

use std::{fs, path::PathBuf};

use anyhow::Context;

use crate::{
    places,
    servers::{Durability, Servers},
    suite::{self, Count},
    task::Task,
    temporal::Choice,
};

/// The target that is no parser: bad requests over HTTP, to a shop and a sandbox that run.
const HTTP: &str = "http";

/// What there is to choose.
#[derive(clap::Args)]
pub struct Options {
    /// A folder of fuzz/corpus, or 'http'. [default: all of them]
    target: Option<String>,

    /// How many inputs are made for each target.
    #[arg(long, default_value_t = 100_000)]
    inputs: u64,

    /// What they are made from. [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the targets; each says how many inputs it tried.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let target = options.target.as_deref();
    if let Some(target) = target {
        let targets = targets()?;
        anyhow::ensure!(
            targets.iter().any(|known| known == target),
            "there is no target '{target}', but {}",
            targets.join(", ")
        );
    }
    let task = Task::of(if target == Some(HTTP) { 3 } else { 4 })?;
    let mut counted = Count::default();
    let mut passed = true;
    if target != Some(HTTP) {
        let arguments = ["--lib", "bad_input::"];
        passed &= tests("bad input to the parsers", &arguments, options, &[], &task, &mut counted)?;
    }
    if target.is_none_or(|target| target == HTTP) {
        let mut binaries = places::cargo();
        binaries.args(["build", "--workspace", "--locked", "--exclude", "bench", "--bins"]);
        task.progress.begin("building");
        task.progress.suspend(|| crate::runner::run("cargo build", &mut binaries, &task.stop))?;
        let servers = Servers::all(Durability::Processes, Choice::default(), &task)?;
        let environment = servers.environment(&places::binaries(false));
        let arguments = ["--test", "bad_input"];
        passed &= tests("bad requests", &arguments, options, &environment, &task, &mut counted)?;
    }
    task.progress.finish();
    counted.conclude(passed)
}

/// The targets that there are.
fn targets() -> anyhow::Result<Vec<String>> {
    let folder: PathBuf = places::root().join("fuzz/corpus");
    let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut targets = names.collect::<anyhow::Result<Vec<_>>>()?;
    targets.push(HTTP.to_owned());
    targets.sort();
    Ok(targets)
}

fn tests(
    what: &str,
    which: &[&str],
    options: &Options,
    environment: &[(&str, String)],
    task: &Task,
    counted: &mut Count,
) -> anyhow::Result<bool> {
    let mut cargo = places::cargo();
    cargo.args(["test", "--workspace", "--locked", "--no-fail-fast"]).args(which);
    cargo.args(["--", "--nocapture"]);
    cargo.envs(environment.iter().cloned()).env("FUZZ_INPUTS", options.inputs.to_string());
    if let Some(seed) = options.seed {
        cargo.env("FAULTS_SEED", seed.to_string());
    }
    match &options.target {
        Some(target) => cargo.env("FUZZ_TARGET", target),
        None => cargo.env_remove("FUZZ_TARGET"),
    };
    suite::cargo_test(what, &mut cargo, task, counted)
}
