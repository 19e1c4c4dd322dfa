//! `cargo xtask check`: what can be known of the code in under a minute, without servers.

use crate::{places, runner, stop::Stop, suite, task::Task};

/// Formatting, lints, and the tests that need no server.
pub fn run() -> anyhow::Result<()> {
    let task = Task::of(3)?;
    formatting(&task)?;
    lints(&task)?;
    let mut counted = suite::Count::default();
    let mut unit = places::cargo();
    unit.args(["test", "--workspace", "--lib", "--bins", "--exclude", "system-tests"]);
    let passed = suite::cargo_test("unit tests", &mut unit, &task, &mut counted)?;
    task.progress.finish();
    counted.conclude(passed)
}

/// rustfmt finds nothing to change.
pub fn formatting(task: &Task) -> anyhow::Result<()> {
    task.progress.begin("formatting");
    let mut fmt = places::cargo();
    fmt.args(["fmt", "--all", "--check"]);
    quietly("cargo fmt", &mut fmt, &task.stop)?;
    task.progress.done("formatted");
    Ok(())
}

/// Clippy has nothing to say.
pub fn lints(task: &Task) -> anyhow::Result<()> {
    task.progress.begin("lints");
    let mut clippy = places::cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--"]);
    clippy.args(["-D", "warnings"]);
    quietly("cargo clippy", &mut clippy, &task.stop)?;
    task.progress.done("no lints");
    Ok(())
}

fn quietly(what: &str, command: &mut std::process::Command, stop: &Stop) -> anyhow::Result<()> {
    runner::lines(what, command, stop, |_| {})
}
