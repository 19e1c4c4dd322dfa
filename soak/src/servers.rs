//! Postgres and Temporal: `cargo xtask soak` runs them and brings them back; we only kill.

use std::{fs, path::PathBuf};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::plan::Victim;

/// The file in which a line says which process is which server now: name, pid, start time.
pub struct Record(pub PathBuf);

impl Record {
    /// SIGKILL. Answers whether there was somebody to kill: one who is being brought back is not.
    pub fn kill(&self, victim: Victim) -> anyhow::Result<bool> {
        let text =
            fs::read_to_string(&self.0).with_context(|| format!("read {}", self.0.display()))?;
        let named = text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == victim.name()).then_some((words.next()?, words.next()?))
        });
        let (pid, time) = named.with_context(|| format!("no {} in '{text}'", victim.name()))?;
        let pid: i32 = pid.parse().context("a pid is a number")?;
        // Another process may have the pid by now.
        let is_the_one = start_time(pid).is_some_and(|now| now == time);
        Ok(is_the_one && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok())
    }
}

/// In clock ticks since boot (proc(5), `/proc/pid/stat`, field 22); None for what is no more.
fn start_time(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let time = fields.nth(18)?.to_owned();
    (!matches!(state, "Z" | "X")).then_some(time)
}
