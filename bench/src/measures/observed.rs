//! What it costs to be watched: every order traced and the metrics scraped, against neither.

use std::time::Duration;

use anyhow::ensure;
use reqwest::Method;
use system_tests::{Operator, Running};
use tokio::time::{MissedTickBehavior, interval};

use super::{Options, throughput};
use crate::{
    naive,
    product::Product,
    report::{Report, median, progress},
    world::World,
};

/// The least that is left of the orders a second.
const GOAL: f64 = 0.95;
/// How often the metrics are scraped: as often as Prometheus is made to by those in a hurry.
const SCRAPED_EVERY: Duration = Duration::from_secs(1);

/// Takes turns: one shop is watched, the other is not.
pub async fn measure(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    progress("opening a shop that is watched");
    let collector = world.bare("{}", "{}")?;
    let traces = format!("http://{}", collector.address("bare"));
    let settings = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", traces), ("TRACE_RATIO", "1".to_owned())];
    let watched = Product::open_with(Running::Together, naive::PRODUCTS, settings).await;
    let lasts = Duration::from_secs(if options.quick { 2 } else { 8 });
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let rounds = options.rounds(8, 1);
    for round in 0..rounds {
        progress(&format!("orders, watched and not: round {} of {rounds}", round + 1));
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                with.push(while_scraped(&watched, lasts).await?);
            } else {
                without.push(throughput::product(&world.together, lasts).await?);
            }
            tokio::time::sleep(throughput::AFTERMATH).await;
        }
    }
    let ratios = with.iter().zip(&without).map(|(with, without)| with / without);
    let name = "orders a second, traced and scraped / neither";
    report.ratio_at_least(name, median(ratios), GOAL);
    let [with, without] = [with, without].map(median);
    Report::raw(&format!("{with:.1} a second; {without:.1}; median of {rounds} pairs"));
    Ok(())
}

async fn while_scraped(product: &Product, lasts: Duration) -> anyhow::Result<f64> {
    let operator = product.shop.operator();
    tokio::select! {
        rate = throughput::product(product, lasts) => rate,
        error = scrape(&operator) => error,
    }
}

/// Never ends, but with an error.
async fn scrape(operator: &Operator) -> anyhow::Result<f64> {
    let mut next = interval(SCRAPED_EVERY);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        next.tick().await;
        let page = operator.request(Method::GET, "/metrics").send().await?;
        ensure!(page.status().is_success(), "the metrics answer {}", page.status());
        page.text().await?;
    }
}
