//! `cargo xtask soak`: shoppers and faults for a while, then quiet, then what came of every order.
//! What is done and what is looked at is said in docs/soak.md.
#![allow(clippy::print_stdout, reason = "what happens is told on stdout, as it does")]

mod buyer;
mod plan;
mod player;
mod process;
mod quiet;
mod report;
mod servers;
mod shop;
mod stories;
mod verdict;

use std::{collections::BTreeMap, env, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Parser;
use system_tests::{Books, Chance, PRICE, Servers, Told};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    quiet::Reader,
    report::{Replay, Report},
    shop::Shop,
    stories::Regular,
};

/// Products, the first of which are wanted more than there is of them.
const PRODUCTS: u32 = 8;
const SCARCE: u32 = 2;
const SCARCE_UNITS: i64 = 10;
const ENOUGH_UNITS: i64 = 100_000;
/// How long the rest may take once the faults are over, all in all.
const ENDS_WITHIN: Duration = Duration::from_mins(10);

/// Shakes a shop on the servers that the environment names; `cargo xtask soak` runs it.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// How long faults and shoppers go on.
    #[arg(long)]
    minutes: f64,
    /// What the faults and the shoppers' ways are made from.
    #[arg(long)]
    seed: u64,
    /// How many shop at once.
    #[arg(long)]
    shoppers: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    startup::use_ring_for_tls();
    let Cli { minutes, seed, shoppers } = Cli::parse();
    startup::exit_code(soak(Replay { seed, minutes, shoppers }).await)
}

async fn soak(replay: Replay) -> anyhow::Result<()> {
    let servers = Servers::from_env();
    let record =
        env::var("SOAK_SERVERS").context("SOAK_SERVERS is not set: run `cargo xtask soak`")?;
    let report = Arc::new(Report::default());
    report.line(&format!("seed {}: {replay}", replay.seed));
    let shop = Arc::new(Shop::open(&servers, servers::Record(record.into())).await?);
    let stocked = stock_up(&shop).await;

    let told = shake(&shop, &stocked, replay, &report).await?;
    let last = timeout(ENDS_WITHIN, look(&shop, &stocked, &told, &report)).await;
    let last = last.context("the end of it did not come").and_then(|looked| looked);
    let wrong = last.unwrap_or_else(|error| {
        report.broken(&format!("the shop can't be read: {error:#}"));
        Vec::new()
    });

    report.count("violations", report.violations() as u64);
    report.line(&format!("counts:\n{}", report.counts()));
    report.line(&format!("connections disturbed: {}", shop.disturbed()));
    let file = servers.logs.join("soak-report.txt");
    report.write(&file, replay, &wrong)?;
    let violations = report.violations();
    anyhow::ensure!(violations == 0, "{violations} violations; replay: {replay}");
    report.line(&format!("soak passed: seed {}, {} orders, 0 violations", replay.seed, told.len()));
    Ok(())
}

/// Creates the products; answers how many units there are of each.
async fn stock_up(shop: &Shop) -> BTreeMap<String, i64> {
    let mut stocked = BTreeMap::new();
    for number in 1..=PRODUCTS {
        let sku = format!("soak-{number}");
        let units = if number <= SCARCE { SCARCE_UNITS } else { ENOUGH_UNITS };
        shop.operator.put_product(&sku, PRICE).await;
        shop.operator.adjust_stock(&sku, units).await;
        stocked.insert(sku, units);
    }
    stocked
}

/// Faults and shoppers, until both are through; answers what shoppers were told.
async fn shake(
    shop: &Arc<Shop>,
    stocked: &BTreeMap<String, i64>,
    replay: Replay,
    report: &Arc<Report>,
) -> anyhow::Result<Vec<Told>> {
    let length = Duration::try_from_secs_f64(replay.minutes * 60.0).context("--minutes")?;
    let (began, chance) = (Instant::now(), Chance::of(replay.seed));
    let mut shopping = JoinSet::new();
    for number in 1..=replay.shoppers {
        let regular = Regular {
            number,
            shop_url: shop.url(),
            products: stocked.keys().cloned().collect(),
            chance: chance.branch(1_000 + u64::from(number)),
            report: Arc::clone(report),
        };
        shopping.spawn(regular.shops_until(began + length));
    }
    player::play(shop, &plan::of(replay.seed, length), began, report).await;
    report.line("quiet: every fault is over");
    let told = shopping.join_all().await.concat();
    report.line(&format!("{} orders were placed", told.len()));
    Ok(told)
}

/// Waits until nothing is open, and looks at everything.
async fn look(
    shop: &Shop,
    stocked: &BTreeMap<String, i64>,
    told: &[Told],
    report: &Report,
) -> anyhow::Result<Vec<serde_json::Value>> {
    shop.is_ready().await?;
    let books = Books::new(shop.operator.clone(), shop.sandbox_url().to_owned());
    let reader = Reader { shop, books, temporal: shop.temporal().await?, stocked };
    for open in reader.rests().await? {
        report.broken(&format!("not at rest: {open}"));
    }
    for death in shop.deaths() {
        if death.is_at_start {
            report.count("starts given up, for want of what is dead", 1);
        } else {
            report.broken(&death.what);
        }
    }
    verdict::reach(&reader, told, report).await
}
