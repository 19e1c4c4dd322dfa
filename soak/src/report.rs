//! What is told of a soak: on stdout as it goes on, and in a file at its end.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use reqwest::StatusCode;
use serde_json::Value;

use crate::plan::{Fault, Step};

/// How it is had again.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    pub seed: u64,
    pub minutes: f64,
    pub shoppers: u32,
}

impl std::fmt::Display for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, minutes, shoppers } = self;
        write!(f, "cargo xtask soak --minutes {minutes} --seed {seed} --shoppers {shoppers}")
    }
}

/// Collects, from everybody.
#[derive(Default)]
pub struct Report(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: Vec<String>,
    /// How often what was counted.
    counts: BTreeMap<String, u64>,
    violations: Vec<String>,
}

impl Report {
    /// A line for the reader.
    pub fn line(&self, text: &str) {
        println!("{text}");
        self.kept().lines.push(text.to_owned());
    }

    /// A step of the plan that begins.
    pub fn step(&self, step: &Step) {
        self.line(&step.to_string());
        match &step.fault {
            Fault::Kill(victims) => self.count("kills", victims.len() as u64),
            Fault::Network(..) => self.count("network faults", 1),
            Fault::Provider(_) => self.count("provider faults", 1),
            Fault::Webhooks(_) => self.count("webhook faults", 1),
        }
    }

    pub fn count(&self, what: &str, many: u64) {
        *self.kept().counts.entry(what.to_owned()).or_default() += many;
    }

    /// What a request was answered with.
    pub fn answered(&self, status: Option<StatusCode>) {
        match status {
            None => self.count("requests without an answer", 1),
            Some(StatusCode::SERVICE_UNAVAILABLE) => self.count("requests answered with 503", 1),
            Some(status) if status.is_server_error() => {
                self.count(&format!("requests answered with {}", status.as_u16()), 1);
            }
            Some(_) => self.count("requests answered", 1),
        }
    }

    /// Something that must not be.
    pub fn broken(&self, what: &str) {
        self.line(&format!("VIOLATION: {what}"));
        self.kept().violations.push(what.to_owned());
    }

    pub fn violations(&self) -> usize {
        self.kept().violations.len()
    }

    /// The counts, a line each.
    pub fn counts(&self) -> String {
        self.kept().counts.iter().fold(String::new(), |mut text, (what, many)| {
            // A String takes whatever is written to it.
            let _ok = writeln!(text, "  {what}: {many}");
            text
        })
    }

    /// Writes the file: how to have it again, what happened, and everything that is known of the
    /// orders that something is wrong with.
    pub fn write(&self, file: &Path, replay: Replay, orders: &[Value]) -> anyhow::Result<()> {
        let kept = self.kept();
        let mut text = format!("replay: {replay}\n\n{}\n", kept.lines.join("\n"));
        for order in orders {
            write!(text, "\n{order:#}\n")?;
        }
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
