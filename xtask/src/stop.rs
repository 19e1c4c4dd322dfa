//! Being asked to stop: every wait in here looks for it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Context;
use signal_hook::{consts::TERM_SIGNALS, flag};

/// Set by Ctrl-C and SIGTERM.
#[derive(Clone)]
pub struct Stop(Arc<AtomicBool>);

/// The error of work that was given up because of a signal.
#[derive(Debug)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("asked to stop")
    }
}

impl std::error::Error for Stopped {}

impl Stop {
    /// Listens for the signals from here on.
    pub fn on_signal() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in TERM_SIGNALS {
            flag::register(*signal, Arc::clone(&flag)).context("listen for signals")?;
        }
        Ok(Self(flag))
    }

    /// Whether it is time to stop.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error, once it is time to stop.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.asked() { Err(Stopped.into()) } else { Ok(()) }
    }

    /// Looks ten times a second until `done` says so; false when `limit` is over first.
    pub fn wait_for(
        &self,
        limit: Duration,
        mut done: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        let began = Instant::now();
        loop {
            if done()? {
                return Ok(true);
            }
            self.check()?;
            if began.elapsed() >= limit {
                return Ok(false);
            }
            sleep(Duration::from_millis(100));
        }
    }
}
