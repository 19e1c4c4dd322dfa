//! A process that has to run for as long as we do, and is started again when it dies.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;

use crate::children::Running;

/// How a process that has died is started again.
pub type Restart = Box<dyn Fn() -> anyhow::Result<Running>>;

/// Such a process.
pub struct Service {
    pub running: Running,
    pub restart: Restart,
    pub log: PathBuf,
    /// Deaths within the first seconds of a life, one after the other.
    early_deaths: u32,
}

impl Service {
    /// One that runs already.
    pub const fn new(running: Running, restart: Restart, log: PathBuf) -> Self {
        Self { running, restart, log, early_deaths: 0 }
    }

    /// Starts it again; answers how long to wait before looking again, longer each time that it
    /// has died young.
    pub fn bring_back(&mut self, status: std::process::ExitStatus) -> anyhow::Result<Duration> {
        let name = self.running.name;
        let young = self.running.age() < Duration::from_secs(10);
        self.early_deaths = if young { self.early_deaths + 1 } else { 0 };
        eprintln!(
            "{name} has died ({status}): starting it again; its log is {}",
            self.log.display()
        );
        self.running = (self.restart)().with_context(|| format!("start {name} again"))?;
        println!("restarted {name}");
        Ok(Duration::from_millis(200) * 2u32.saturating_pow(self.early_deaths.min(6)))
    }
}
