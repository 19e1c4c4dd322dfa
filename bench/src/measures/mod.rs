//! What is measured, one file for each kind of figure.

mod dashboard;
mod funnel;
mod history;
mod observed;
mod one_client;
mod orders_search;
mod payments;
mod reads;
mod reservations;
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

    /// Measures this alone.
    #[arg(long)]
    pub only: Option<Kind>,

    /// How many events the funnel is made of. [default: 10 million; with --quick 100,000]
    #[arg(long)]
    pub events: Option<i64>,
}

/// The kinds of figures.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One client's orders: accepted, paid.
    Orders,
    /// How long histories get.
    Histories,
    /// Many callers at once.
    Throughput,
    /// The same with traces and metrics, and without.
    Observed,
    /// Products and stock checks.
    Reads,
    /// The provider's webhooks, and its absence.
    Payments,
    /// Many who want the same product.
    Reservations,
    /// The shop's pages.
    Storefront,
    /// An operator's search among very many orders.
    OrdersSearch,
    /// The operators' funnel and pages, over many events.
    Funnel,
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
    let wanted = |kind| options.only.is_none_or(|only| only == kind);
    if wanted(Kind::Orders) {
        progress("orders, one at a time");
        one_client::measure(&world, *options, &mut report).await?;
    }
    if wanted(Kind::Histories) {
        progress("histories");
        history::measure(&world, *options, &mut report).await?;
    }
    if wanted(Kind::Throughput) {
        throughput::measure(&world, *options).await?;
    }
    if wanted(Kind::Observed) {
        observed::measure(&world, *options, &mut report).await?;
    }
    if wanted(Kind::Reads) {
        progress("reads");
        reads::measure(&world, *options).await?;
    }
    if wanted(Kind::Payments) {
        payments::measure(&world, *options, &mut report).await?;
    }
    if wanted(Kind::Reservations) {
        reservations::measure(&world, *options, &mut report).await?;
    }
    if wanted(Kind::Storefront) {
        progress("the storefront");
        storefront::measure(&world, *options, &mut report).await?;
    }
    if wanted(Kind::OrdersSearch) {
        orders_search::measure(&world, *options, &mut report).await?;
    }
    // It fills the shop's database: whatever is measured after it would be slower.
    if wanted(Kind::Funnel) {
        progress("the funnel");
        funnel::measure(&world, *options, &mut report).await?;
    }
    report.conclude();
    Ok(())
}
