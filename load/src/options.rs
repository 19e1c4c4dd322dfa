//! What a load can be asked for.

use std::{fmt, time::Duration};

use anyhow::Context;

/// How many shoppers of a drop come in a second, on average.
const DROP_PER_SECOND: u32 = 20_000;

/// A load.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// How many shop at once.
    #[arg(long, default_value_t = 1_000)]
    pub shoppers: u32,

    /// How long they come and go; parts of a minute may be given.
    #[arg(long, default_value_t = 1.0)]
    pub minutes: f64,

    /// Everybody wants the same product, and at once.
    #[arg(long)]
    pub drop: bool,

    /// With --drop: how many units there are of it.
    #[arg(long, default_value_t = 500)]
    pub units: u32,

    /// With --drop: how many come in a second.
    #[arg(long, default_value_t = DROP_PER_SECOND, value_parser = clap::value_parser!(u32).range(1..))]
    pub per_second: u32,

    /// What the schedule and the shoppers' ways are drawn from.
    #[arg(long)]
    pub seed: u64,

    /// How many connections they share at the most. [default: 8192, or fewer where a process may
    /// have few descriptors]
    #[arg(long)]
    pub connections: Option<u64>,
}

impl Options {
    /// How long shoppers come and go.
    ///
    /// # Errors
    /// When that is no time.
    pub fn lasts(&self) -> anyhow::Result<Duration> {
        Duration::try_from_secs_f64(self.minutes * 60.0).context("--minutes")
    }
}

/// How it is had again.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shoppers, minutes, units, per_second, seed, connections, .. } = self;
        write!(f, "cargo xtask load --shoppers {shoppers} --seed {seed}")?;
        if self.drop {
            write!(f, " --drop --units {units} --per-second {per_second}")?;
        } else {
            write!(f, " --minutes {minutes}")?;
        }
        connections.map_or(Ok(()), |connections| write!(f, " --connections {connections}"))
    }
}
