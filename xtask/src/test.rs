//! `cargo xtask test`: every test there is.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use nix::unistd::Uid;

use crate::{
    alerts, check, places, prepare, runner,
    servers::{Durability, Servers},
    soak,
    suite::{self, Count},
    task::Task,
    temporal::Choice,
};

/// The folders of tests that are written for Node.
const NODE_TESTS: [&str; 2] = ["tests/stripe-node", "tests/browser"];

/// The browser that the tests like best, which is also its Debian package, and those that do.
const BROWSER: &str = "chromium-headless-shell";
const OTHER_BROWSERS: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];

/// Runs all of it; the last line counts the tests.
pub fn run() -> anyhow::Result<()> {
    let task = Task::of(10)?;
    check::formatting(&task)?;
    check::lints(&task)?;
    build(&task)?;
    let servers = Servers::all(Durability::Processes, Choice::default(), &task)?;
    let mut counted = Count::default();
    let passed = suites(&servers, &task, &mut counted);
    task.progress.finish();
    if !matches!(passed, Ok(true)) {
        eprintln!("what the processes under test said is in {}", servers.keep_logs()?.display());
    }
    drop(servers);
    let passed = passed?;
    let soaked = soak::one_minute(&task);
    counted.one(soaked.is_ok());
    if let Err(error) = &soaked {
        eprintln!("{error:#}");
    }
    counted.conclude(passed && soaked.is_ok())
}

/// Runs one suite after the other, whatever becomes of each; false when one has failed.
fn suites(servers: &Servers, task: &Task, counted: &mut Count) -> anyhow::Result<bool> {
    prepare::verify(servers, task)?;
    alerts::check(task)?;
    install_for_node(task)?;
    let environment = servers.environment(&places::binaries(false));

    let mut rust = places::cargo();
    rust.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    rust.envs(environment.iter().cloned());
    // Most of a system test is waiting.
    rust.env("RUST_TEST_THREADS", "4");
    let mut passed = suite::cargo_test("Rust tests", &mut rust, task, counted)?;

    let mut stripe = Command::new("node");
    stripe.current_dir(places::root().join("tests/stripe-node"));
    stripe.args(["--test", "--test-reporter=tap"]);
    stripe.env("HOLDFAST_BINARIES", places::binaries(false));
    passed &= suite::node_test("Stripe's Node client on the sandbox", &mut stripe, task, counted)?;
    Ok(passed)
}

fn build(task: &Task) -> anyhow::Result<()> {
    task.progress.begin("building");
    let mut binaries = places::cargo();
    binaries.args(["build", "--workspace", "--locked", "--exclude", "xtask", "--bins"]);
    task.progress.suspend(|| runner::run("cargo build", &mut binaries, &task.stop))?;
    task.progress.done("built");
    Ok(())
}

/// Installs what the tests that are written for Node need.
pub fn install_for_node(task: &Task) -> anyhow::Result<()> {
    task.progress.begin("installing the packages of the Node tests, and a browser");
    let npm = places::program("npm", &[])
        .context("some tests run on Node, and there is no npm on PATH: install Node 20 or newer")?;
    for folder in NODE_TESTS {
        let folder = places::root().join(folder);
        if is_installed(&folder)? {
            continue;
        }
        let mut install = Command::new(&npm);
        install.current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]);
        runner::lines("npm ci", &mut install, &task.stop, |_| {})?;
    }
    install_browser(task)?;
    task.progress.done("Node's packages and a browser are here");
    Ok(())
}

/// Installs Chromium's headless shell, in which the tests take half as long, or is content with what
/// there is.
fn install_browser(task: &Task) -> anyhow::Result<()> {
    let is_here = |name: &&str| places::program(name, &[]).is_some();
    if is_here(&BROWSER) {
        return Ok(());
    }
    let apt = places::program("apt-get", &[]).filter(|_| Uid::effective().is_root());
    let installed = match &apt {
        Some(apt) => runner::apt_install(apt, BROWSER, task),
        None => Err(anyhow::anyhow!("no package can be installed here")),
    };
    match (installed, apt) {
        (Ok(()), _) => Ok(()),
        (Err(_), _) if OTHER_BROWSERS.iter().any(is_here) => Ok(()),
        (Err(_), Some(apt)) => runner::apt_install(&apt, "chromium", task),
        (Err(error), None) => Err(error).context("the browser tests need Chromium: install it"),
    }
}

/// Whether what the lock file asks for is there.
fn is_installed(folder: &Path) -> anyhow::Result<bool> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::metadata(&lock).with_context(|| format!("read {}", lock.display()))?;
    let Ok(installed) = fs::metadata(folder.join("node_modules/.package-lock.json")) else {
        return Ok(false);
    };
    Ok(installed.modified()? >= wanted.modified()?)
}
