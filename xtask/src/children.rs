//! The processes that we start: known by pid and start time, so that nobody else's is ever ended.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A process that runs until it is told to stop.
pub struct Running {
    /// What we call it.
    pub name: &'static str,
    child: Child,
    started: Instant,
    stop_signal: Signal,
}

impl Running {
    /// Starts `command` in a process group of its own, so that the terminal's Ctrl-C reaches it
    /// through us; what it prints goes to `log`.
    pub fn start(name: &'static str, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open {}", log.display()))?;
        let errors = output.try_clone().context("share the log")?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().with_context(|| {
            format!("start {name} ({})", command.get_program().to_string_lossy())
        })?;
        Ok(Self { name, child, started: Instant::now(), stop_signal: Signal::SIGTERM })
    }

    /// Stops by this signal instead of SIGTERM.
    #[must_use]
    pub fn stopped_by(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("look after {}", self.name))
    }

    /// How long it has been running.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the next `up` has to know to end it, if we can't.
    pub fn record(&self) -> Option<String> {
        let pid = self.child.id();
        Some(format!("{} {pid} {}", self.name, start_time(pid)?))
    }

    /// Asks it to stop, and insists after a while.
    pub fn stop(&mut self) {
        if !matches!(self.ended(), Ok(None)) {
            return;
        }
        let Ok(pid) = i32::try_from(self.child.id()) else { return };
        signal(pid, self.stop_signal);
        let deadline = Instant::now() + Duration::from_secs(20);
        while matches!(self.ended(), Ok(None)) {
            if Instant::now() > deadline {
                eprintln!("{} does not stop: killing it", self.name);
                drop(self.child.kill());
                drop(self.child.wait());
                return;
            }
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The record of what runs, for the next `up`.
pub struct Record(PathBuf);

impl Record {
    /// Kept in `file`.
    pub const fn at(file: PathBuf) -> Self {
        Self(file)
    }

    /// Writes down what runs: ourselves first.
    pub fn write<'a>(&self, running: impl Iterator<Item = &'a Running>) -> anyhow::Result<()> {
        let us = std::process::id();
        let ourselves = start_time(us).map(|time| format!("up {us} {time}"));
        let lines: Vec<_> =
            ourselves.into_iter().chain(running.filter_map(Running::record)).collect();
        let new = self.0.with_extension("new");
        fs::write(&new, lines.join("\n"))
            .and_then(|()| fs::rename(&new, &self.0))
            .with_context(|| format!("write {}", self.0.display()))
    }

    /// Forgets it: everything has stopped.
    pub fn remove(&self) {
        drop(fs::remove_file(&self.0));
    }

    /// What of it still runs: name and pid.
    fn alive(&self) -> Vec<(String, i32)> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            let (name, pid, time) = (words.next()?, words.next()?, words.next()?);
            let pid: u32 = pid.parse().ok()?;
            let same = start_time(pid).is_some_and(|now| now.to_string() == time);
            same.then_some((name.to_owned(), i32::try_from(pid).ok()?))
        };
        text.lines().filter_map(line).collect()
    }

    /// Ends what an `up` that was killed has left behind.
    ///
    /// # Errors
    /// When that `up` is not dead at all.
    pub fn end_leftovers(&self) -> anyhow::Result<Vec<String>> {
        let left = self.alive();
        if let Some((_, pid)) = left.iter().find(|(name, _)| name == "up") {
            anyhow::bail!(
                "this checkout's shop is running already (process {pid}): stop it with Ctrl-C, or `kill {pid}`"
            );
        }
        // The other way round from how they were started: servers last.
        for (name, pid) in left.iter().rev() {
            let with = if name == "postgres" { Signal::SIGINT } else { Signal::SIGTERM };
            self.end(name, *pid, with);
        }
        Ok(left.into_iter().map(|(name, _)| name).collect())
    }

    fn end(&self, name: &str, pid: i32, with: Signal) {
        signal(pid, with);
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.alive().iter().any(|(_, alive)| *alive == pid) {
            if Instant::now() > deadline {
                eprintln!("{name}, left behind by an earlier run, does not stop: killing it");
                signal(pid, Signal::SIGKILL);
                return;
            }
            sleep(Duration::from_millis(50));
        }
    }
}

fn signal(pid: i32, signal: Signal) {
    // A process that is gone by now is as good.
    let _gone = kill(Pid::from_raw(pid), signal);
}

/// When a process started, in clock ticks since boot (proc(5), `/proc/pid/stat`, field 22). None
/// when there is no such process, or only its remains.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_time() {
        let us = std::process::id();
        assert!(start_time(us).unwrap() > 0);
        assert_eq!(start_time(us), start_time(us));
        assert_eq!(start_time(u32::MAX), None);
    }

    #[test]
    fn a_pid_that_went_to_somebody_else_is_left_alone() {
        let file = std::env::temp_dir().join(format!("holdfast-record-{}", std::process::id()));
        fs::write(&file, format!("worker {} 1\n", std::process::id())).unwrap();
        let record = Record::at(file);
        assert!(record.alive().is_empty());
        assert!(record.end_leftovers().unwrap().is_empty());
        record.remove();
    }
}
