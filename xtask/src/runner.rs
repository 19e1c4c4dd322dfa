//! Running commands that end, and hearing of it when they are told to stop or fail.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::Duration,
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{stop::Stop, task::Task};

/// Runs `command` to its end, which has to be a good one.
pub fn run(what: &str, command: &mut Command, stop: &Stop) -> anyhow::Result<()> {
    let status = status(what, command, stop)?;
    anyhow::ensure!(status.success(), "{what} failed ({status})");
    Ok(())
}

/// Runs `command` to its end.
pub fn status(what: &str, command: &mut Command, stop: &Stop) -> anyhow::Result<ExitStatus> {
    status_beside(what, command, stop, || Ok(()))
}

/// Runs `command` to its end, and does `meanwhile` ten times a second.
pub fn status_beside(
    what: &str,
    command: &mut Command,
    stop: &Stop,
    mut meanwhile: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<ExitStatus> {
    stop.check()?;
    // A group of its own, so that stopping it stops what it has started.
    command.process_group(0);
    let mut child = Guard(command.spawn().with_context(|| cannot_start(what, command))?);
    let mut ended = None;
    stop.wait_for(Duration::MAX, || {
        meanwhile()?;
        ended = child.0.try_wait()?;
        Ok(ended.is_some())
    })?;
    ended.context("a command without an end")
}

/// Runs `command`, hands each line that it prints to `line`; an error with the last of them, if it
/// fails.
pub fn lines(
    what: &str,
    command: &mut Command,
    stop: &Stop,
    mut line: impl FnMut(&str),
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    let ended = each_line(what, command, stop, |text| {
        line(text);
        all.push(text.to_owned());
    })?;
    let last = &all[all.len().saturating_sub(15)..];
    anyhow::ensure!(ended.success(), "{what} failed:\n{}", last.join("\n"));
    Ok(())
}

/// Runs `command` to its end and hands each line that it prints to `line`.
pub fn each_line(
    what: &str,
    command: &mut Command,
    stop: &Stop,
    mut line: impl FnMut(&str),
) -> anyhow::Result<ExitStatus> {
    stop.check()?;
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Guard(command.spawn().with_context(|| cannot_start(what, command))?);
    let (sender, printed) = mpsc::channel();
    if let Some(stdout) = child.0.stdout.take() {
        forward(stdout, sender.clone());
    }
    if let Some(stderr) = child.0.stderr.take() {
        forward(stderr, sender);
    }
    let mut ended = None;
    stop.wait_for(Duration::MAX, || {
        for text in printed.try_iter() {
            line(&text);
        }
        ended = child.0.try_wait()?;
        Ok(ended.is_some())
    })?;
    // What it has started may still hold its output open: what was printed by now is enough.
    while let Ok(text) = printed.recv_timeout(Duration::from_millis(200)) {
        line(&text);
    }
    ended.context("a command without an end")
}

/// Installs a Debian package.
pub fn apt_install(apt: &Path, package: &str, task: &Task) -> anyhow::Result<()> {
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(apt);
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        command
    };
    let tell = |line: &str| task.progress.tell(line);
    lines("apt-get update", &mut apt_get(&["update"]), &task.stop, tell)?;
    let install = ["install", "--yes", "--no-install-recommends", package];
    lines(&format!("apt-get install {package}"), &mut apt_get(&install), &task.stop, tell)
}

fn forward(stream: impl std::io::Read + Send + 'static, lines: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

fn cannot_start(what: &str, command: &Command) -> String {
    format!("{what}: start {}", command.get_program().to_string_lossy())
}

/// Ends the command, and what it has started, when we stop waiting for it.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            if let Ok(group) = i32::try_from(self.0.id()) {
                let _gone = killpg(Pid::from_raw(group), Signal::SIGTERM);
            }
            drop(self.0.wait());
        }
    }
}
