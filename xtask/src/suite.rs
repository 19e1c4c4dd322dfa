//! Running test suites, and counting what they say.

use std::process::Command;

use anyhow::{bail, ensure};

use crate::{runner, task::Task};

/// Tests that ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Says how many there were; an error when one failed, or when there were none.
    pub fn conclude(&self, all_suites_passed: bool) -> anyhow::Result<()> {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed > 0 || !all_suites_passed {
            bail!("not everything passed: see above");
        }
        ensure!(self.passed > 0, "no test has run");
        Ok(())
    }

    /// Counts something that passed or failed as a whole.
    pub fn one(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// `test result: ok. 12 passed; 0 failed; …`
    fn cargo_line(&mut self, line: &str) {
        let Some((_, counts)) =
            line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split("; ") {
            match part.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// `# pass 12`, as Node's TAP reporter ends.
    fn tap_line(&mut self, line: &str) {
        if let Some(number) = line.strip_prefix("# pass ") {
            self.passed += number.parse().unwrap_or(0);
        }
        for kind in ["# fail ", "# cancelled "] {
            if let Some(number) = line.strip_prefix(kind) {
                self.failed += number.parse().unwrap_or(0);
            }
        }
    }
}

/// Runs `cargo test`; false when a test failed.
pub fn cargo_test(
    what: &str,
    command: &mut Command,
    task: &Task,
    counted: &mut Count,
) -> anyhow::Result<bool> {
    run(what, command, task, |line| {
        counted.cargo_line(line);
        !line.is_empty()
    })
}

/// Runs `node --test`; false when a test failed.
pub fn node_test(
    what: &str,
    command: &mut Command,
    task: &Task,
    counted: &mut Count,
) -> anyhow::Result<bool> {
    run(what, command, task, |line| {
        counted.tap_line(line);
        let of_no_interest = ["  ---", "  duration_ms", "  type:", "  ...", "TAP version"];
        !of_no_interest.iter().any(|start| line.starts_with(start))
    })
}

/// Runs a suite and shows the lines that `shows` says are worth it.
fn run(
    what: &str,
    command: &mut Command,
    task: &Task,
    mut shows: impl FnMut(&str) -> bool,
) -> anyhow::Result<bool> {
    task.progress.begin(what);
    let ran = runner::each_line(what, command, &task.stop, |line| {
        if shows(line) {
            task.progress.line(line);
        }
    })?;
    if ran.success() {
        task.progress.done(what);
    } else {
        task.progress.line(&format!("{what} failed ({ran})"));
    }
    Ok(ran.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runners_say_is_counted() {
        let mut counted = Count::default();
        counted.cargo_line("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured");
        counted.cargo_line("test result: FAILED. 1 passed; 2 failed; 0 ignored");
        counted.tap_line("# pass 30");
        counted.tap_line("# fail 1");
        counted.cargo_line("test a_test ... ok");
        assert_eq!(counted, Count { passed: 43, failed: 3 });
    }
}
