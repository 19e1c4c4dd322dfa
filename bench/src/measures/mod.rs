//! What is measured, one file for each kind of figure.

mod history;
mod one_client;
mod reads;
mod storefront;
mod throughput;

use std::time::Duration;

use crate::{
    report::{Report, progress},
    world::World,
};

/// How the measuring is done.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Options {
    /// Few rounds: shows that everything runs.
    #[arg(long)]
    pub quick: bool,
}

impl Options {
    /// How many rounds to make of something that takes `usual` rounds.
    const fn rounds(self, usual: usize, quick: usize) -> usize {
        if self.quick { quick } else { usual }
    }

    /// How long a rate is measured in its turn.
    const fn lasts(self) -> Duration {
        Duration::from_millis(if self.quick { 300 } else { 1_500 })
    }
}

/// Measures everything and prints it.
///
/// # Errors
/// When something does not work. A goal that is missed is no error.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut report = Report::default();
    Report::conditions(options.quick).await;
    let world = World::open().await?;
    progress("orders, one at a time");
    let orders = one_client::measure(&world, *options, &mut report).await?;
    progress("histories");
    history::measure(&world, &orders, *options, &mut report).await?;
    progress("orders, 64 at a time");
    throughput::measure(&world, *options).await?;
    progress("reads");
    reads::measure(&world, *options).await?;
    progress("the storefront");
    storefront::measure(&world, *options, &mut report).await?;
    report.conclude();
    Ok(())
}
