//! A Temporal server of our own: the CLI's development server, kept in a file.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{children::Running, places, ports, runner, stop::Stop, task::Task};

/// The CLI that we build, and the oldest on PATH that will do.
const VERSION: [u32; 3] = [1, 8, 2];
/// What the CLI is called in its module.
const PACKAGE: &str = "github.com/temporalio/cli/cmd/temporal";

/// The server's limits that a laptop shop would hit. The poll rates default to 20 a second for
/// each of three queues, which makes every task wait for tens of milliseconds on idle CPUs. A task
/// queue is cut into four partitions by default, for the sake of a cluster; on one node that only
/// makes some tasks wait for a poller to come by while others do not.
const DYNAMIC_CONFIG: [&str; 11] = [
    "history.transferProcessorMaxPollRPS=100000",
    "history.timerProcessorMaxPollRPS=100000",
    "history.visibilityProcessorMaxPollRPS=100000",
    "frontend.rps=100000",
    "frontend.namespaceRPS=100000",
    "frontend.namespaceCount=100000",
    "history.rps=100000",
    "matching.rps=100000",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "frontend.namespaceRPS.visibility=10000",
];

/// How a server is started.
pub struct Start<'a> {
    /// The CLI.
    pub cli: &'a Path,
    /// Where the frontend listens.
    pub address: SocketAddr,
    /// Where the UI listens, if there is to be one.
    pub ui: Option<SocketAddr>,
    /// The file that everything is kept in.
    pub file: &'a Path,
    /// Where it logs to.
    pub log: &'a Path,
}

/// Finds the CLI: built before, new enough on PATH, or built now.
pub fn cli(task: &Task) -> anyhow::Result<PathBuf> {
    let built = built_path()?;
    if built.exists() {
        return Ok(built);
    }
    if let Some(on_path) = places::program("temporal", &[]).filter(|cli| is_new_enough(cli)) {
        return Ok(on_path);
    }
    build(&built, task)?;
    Ok(built)
}

/// Where our build of it lies: named by what it is built from, outside the checkout.
fn built_path() -> anyhow::Result<PathBuf> {
    let module = module();
    let read = |file: &str| {
        let path = module.join(file);
        fs::read(&path).with_context(|| format!("read {}", path.display()))
    };
    let fingerprint = places::fingerprint(&[&read("go.mod")?, &read("go.sum")?]);
    Ok(places::cache()?.join(format!("temporal-{fingerprint}")).join("temporal"))
}

fn module() -> PathBuf {
    places::root().join("tools/temporal")
}

fn is_new_enough(cli: &Path) -> bool {
    let Ok(output) = Command::new(cli).arg("--version").output() else { return false };
    version(&String::from_utf8_lossy(&output.stdout)).is_some_and(|version| version >= VERSION)
}

/// `temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)` → 1.8.2.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers =
        text.strip_prefix("temporal version ")?.split([' ', '.', '-']).map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

/// Builds the CLI with Go, once for all checkouts of this user.
fn build(built: &Path, task: &Task) -> anyhow::Result<()> {
    let Some(go) = places::program("go", &["/usr/local/go/bin", "/usr/lib/go/bin"]) else {
        bail!(
            "the Temporal server has to be built once, and there is no Go on PATH: install Go 1.26.4 or \
             newer (https://go.dev/dl), or put `temporal` {}.{}.{} on PATH, or set TEMPORAL_ADDRESS",
            VERSION[0],
            VERSION[1],
            VERSION[2]
        );
    };
    task.progress.begin("building the Temporal server, once: about four minutes on two cores");
    let folder = built.parent().context("a cache without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let packages = count_packages(&go).unwrap_or(2_400);
    let began = Instant::now();
    // Two checkouts may build at once: each writes its own file, and the last rename wins.
    let unfinished = folder.join(format!("temporal-{}", std::process::id()));
    let mut command = Command::new(&go);
    command.current_dir(module()).args(["build", "-v", "-trimpath", "-ldflags=-s -w", "-o"]);
    command.arg(&unfinished).arg(PACKAGE);
    let mut compiled = 0;
    let outcome =
        runner::lines("build the Temporal server with Go", &mut command, &task.stop, |line| {
            if !line.starts_with("go:") {
                compiled += 1;
            }
            let seconds = began.elapsed().as_secs();
            task.progress.tell(&format!(
                "building the Temporal server: package {compiled} of {packages}, {seconds} s"
            ));
        });
    if let Err(error) = outcome {
        drop(fs::remove_file(&unfinished));
        return Err(error);
    }
    fs::rename(&unfinished, built).with_context(|| format!("write {}", built.display()))
}

fn count_packages(go: &Path) -> Option<usize> {
    let output =
        Command::new(go).current_dir(module()).args(["list", "-deps", PACKAGE]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).lines().count())
}

/// Starts a server and waits until it answers.
pub fn start(start: &Start<'_>, stop: &Stop) -> anyhow::Result<Running> {
    let mut server = process(start)?;
    let up = stop.wait_for(Duration::from_secs(60), || {
        if let Some(status) = server.ended()? {
            bail!(
                "the Temporal server ended at once ({status}): its log is {}",
                start.log.display()
            );
        }
        Ok(is_healthy(start.cli, start.address))
    })?;
    anyhow::ensure!(up, "the Temporal server does not answer: its log is {}", start.log.display());
    Ok(server)
}

/// Starts the server's process.
pub fn process(start: &Start<'_>) -> anyhow::Result<Running> {
    let mut command = cli_command(start.cli);
    command.args([
        "server",
        "start-dev",
        "--log-level",
        "warn",
        "--ip",
        &start.address.ip().to_string(),
    ]);
    command.args(["--port", &start.address.port().to_string()]);
    match start.ui {
        Some(ui) => {
            command.args(["--ui-ip", &ui.ip().to_string(), "--ui-port", &ui.port().to_string()]);
        }
        None => {
            command.arg("--headless");
        }
    }
    command.arg("--db-filename").arg(start.file);
    // `full`: what Temporal has acknowledged survives a power cut, as in Postgres and the
    // provider. It must not forget what they remember.
    for pragma in ["journal_mode=wal", "synchronous=full"] {
        command.args(["--sqlite-pragma", pragma]);
    }
    // What goes into searches; `worker setup` registers the same on servers that are not ours.
    for attribute in ["CheckoutState=Keyword", "OrderTotal=Int", "HoldExpiresAt=Datetime"] {
        command.args(["--search-attribute", attribute]);
    }
    for setting in DYNAMIC_CONFIG {
        command.args(["--dynamic-config-value", setting]);
    }
    Running::start("temporal", command, start.log)
}

/// Whether the frontend there is up.
pub fn is_healthy(cli: &Path, address: SocketAddr) -> bool {
    ports::answers(address)
        && cli_command(cli)
            .args(["operator", "cluster", "health", "--address", &address.to_string()])
            .args(["--command-timeout", "2s"])
            .output()
            .is_ok_and(|output| output.status.success())
}

/// Keeps workflows that have ended for a month: the default of one day is short for whoever
/// wants to see what happened.
pub fn keep_for_a_month(cli: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let output = cli_command(cli)
        .args(["operator", "namespace", "update", "--namespace", "default", "--retention", "720h"])
        .args(["--address", &address.to_string()])
        .output()
        .context("set the retention")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "set the retention: {}", errors.trim());
    Ok(())
}

/// The CLI, deaf to the settings of a user's own Temporal.
fn cli_command(cli: &Path) -> Command {
    let mut command = Command::new(cli);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TEMPORAL_")) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(version("temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)"), Some([1, 8, 2]));
        assert!(version("temporal version 1.10.0 (Server 1.32.0)").unwrap() > VERSION);
        assert!(version("temporal version 1.7.9").unwrap() < VERSION);
        assert_eq!(version("Temporal CLI 0.0.0-DEV"), None);
    }
}
