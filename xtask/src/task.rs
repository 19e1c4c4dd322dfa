//! What every task has: something to tell the reader, and an ear for the signal to stop.

use crate::{progress::Progress, stop::Stop};

/// A task that is under way.
pub struct Task {
    /// What the reader sees.
    pub progress: Progress,
    /// Whether to stop.
    pub stop: Stop,
}

impl Task {
    /// A task of about so many `steps`.
    pub fn of(steps: u64) -> anyhow::Result<Self> {
        Ok(Self { progress: Progress::of(steps), stop: Stop::on_signal()? })
    }
}
