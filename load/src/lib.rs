//! `cargo xtask load`: virtual shoppers by the hundred thousand, then what came of every order. What
//! they do and in which shares is said in docs/load.md.

mod arrivals;
mod crowd;
mod goods;
mod limits;
mod machine;
mod mix;
mod numbers;
mod options;
mod plots;
mod pool;
mod progress;
mod quiet;
mod recorder;
mod report;
mod rush;
mod shopper;
mod svg;
mod text;
mod till;
mod watch;
mod world;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use startup::{parse_duration, temporal::TemporalSettings};
use system_tests::{Books, Chance, Shop, Told};
use temporalio_client::Client;
use tokio::time::Instant;

use self::{
    goods::Goods,
    machine::Watched,
    pool::Pool,
    progress::Progress,
    report::{Conditions, OfKind, OfProcess, Spread, ToldOf},
    rush::Rush,
    watch::Watch,
    world::World,
};
pub use self::{limits::raise_descriptors, options::Options, report::Report};

/// How long Temporal may take to answer at first.
const TEMPORAL_WITHIN: Duration = Duration::from_secs(30);
/// A drop takes about so long, for whoever watches.
const DROP_TAKES: Duration = Duration::from_secs(30);

/// Loads a shop, whose processes should have been started after [`raise_descriptors`]; answers what
/// came of it.
///
/// # Errors
/// When there are too few descriptors, or the shop can't be read.
pub async fn run(shop: &Shop, options: &Options) -> anyhow::Result<Report> {
    let lasts = options.lasts()?;
    let room = limits::room(raise_descriptors()?, options.connections)?;
    let progress = Progress::of(if options.drop { DROP_TAKES } else { lasts });
    let goods = if options.drop { Goods::of_a_drop(options.units) } else { Goods::of_a_shop() };
    progress.says("putting goods on the shelves");
    goods.stock_up(&shop.operator()).await;
    let hold_ttl = hold_ttl(shop)?;
    let pool = Pool::new(address(shop)?, room.connections);
    let load = Load {
        shop,
        options,
        world: Arc::new(World::new(goods, pool, room, hold_ttl)),
        books: Books::new(shop.operator(), shop.sandbox_url()),
        processes: Watched::with_us(shop.process_ids()),
        progress,
    };
    let report = load.runs(lasts, room.connections).await;
    load.progress.finish();
    report
}

struct Load<'a> {
    shop: &'a Shop,
    options: &'a Options,
    world: Arc<World>,
    books: Books,
    processes: Vec<Watched>,
    progress: Progress,
}

impl Load<'_> {
    async fn runs(&self, lasts: Duration, connections: usize) -> anyhow::Result<Report> {
        let chance = Chance::of(self.options.seed);
        let (world, options) = (&self.world, self.options);
        let watch =
            Watch::start(world, self.books.clone(), self.processes.clone(), self.progress.clone());
        let began = Instant::now();
        let (mut shopper_bytes, mut drop) = (0, None);
        if options.drop {
            self.progress.says("the drop");
            drop = Some(self.drops(&chance).await?);
        } else {
            self.progress.says("shoppers come");
            let us = self.processes.last().context("this process")?;
            shopper_bytes = crowd::shops(world, options.shoppers, &chance, lasts, us).await;
        }
        let lasted_s = began.elapsed().as_secs_f64();
        let seen = watch.ends();
        // What comes from here on is no part of the load.
        let mut report = Report {
            conditions: self.conditions(connections),
            lasted_s,
            requests: world.recorder.requests(),
            kinds: OfKind::all(&world.recorder),
            late: Spread::of(&world.recorder.late()),
            shed: Spread::of(&world.recorder.shed()),
            told: ToldOf::default(),
            ended: [].into(),
            drop,
            afterwards: None,
            shopper_bytes,
            processes: OfProcess::all(&self.processes, &seen.seconds),
            violations: seen.broken,
            wrong_answers: world.recorder.wrongs(),
            seconds: seen.seconds,
        };
        if let Err(error) = self.concludes(&mut report).await {
            report.violations.push(format!("the shop can't be read: {error:#}"));
        }
        Ok(report)
    }

    /// Everybody wants one, everybody is told, and those who have one pay for it.
    async fn drops(&self, chance: &Chance) -> anyhow::Result<Rush> {
        let (world, Options { shoppers, units, per_second, .. }) = (&self.world, self.options);
        let (everybody, lasted) = rush::wants(world, *shoppers, *per_second, chance).await;
        let temporal = self.temporal().await?;
        let mut rush = Rush::count(&everybody, *units, &self.books, &temporal).await?;
        rush.lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        self.progress.says("those who have one pay for it");
        for (visit, asked) in everybody {
            if asked == till::Asked::Held {
                world.at_the_till.spawn(visit.buys());
            } else {
                visit.leaves();
            }
        }
        world.at_the_till.close();
        world.at_the_till.wait().await;
        Ok(rush)
    }

    /// Waits until all is at rest, and holds everything against everything.
    async fn concludes(&self, report: &mut Report) -> anyhow::Result<()> {
        self.progress.says("waiting until every hold has ended");
        let not_at_rest = quiet::rests(&self.world, &self.books).await;
        report.violations.extend(not_at_rest);
        report.violations.extend(report.drop.iter().flat_map(Rush::broken));
        if report.drop.is_none() {
            match quiet::buys_something(&self.world).await {
                Ok(afterwards) => report.afterwards = Some(afterwards),
                Err(broken) => report.violations.push(broken),
            }
        }
        self.progress.says("holding what shoppers were told against the books");
        let told = self.world.told();
        let verdict = quiet::verdict(&self.world, self.shop, &self.books, &told).await?;
        report.told = told_of(&told);
        report.violations.extend(verdict.broken);
        report.ended = verdict.ended;
        Ok(())
    }

    fn conditions(&self, connections: usize) -> Conditions {
        Conditions {
            command: self.options.to_string(),
            seed: self.options.seed,
            shoppers: self.options.shoppers,
            minutes: self.options.minutes,
            hold_ttl_s: self.world.hold_ttl.as_secs_f64(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            optimised: !cfg!(debug_assertions),
            connections,
            connections_opened: self.world.pool.opened(),
        }
    }

    async fn temporal(&self) -> anyhow::Result<Client> {
        let settings = TemporalSettings {
            temporal_address: self.shop.servers.temporal_address.clone(),
            temporal_namespace: self.shop.name.clone(),
        };
        settings.connect("load", TEMPORAL_WITHIN).await
    }
}

fn told_of(told: &[Told]) -> ToldOf {
    let many = |of: fn(&Told) -> bool| {
        u64::try_from(told.iter().filter(|told| of(told)).count()).unwrap_or(u64::MAX)
    };
    ToldOf {
        wanted: many(|_| true),
        acknowledged: many(|told| told.acknowledged),
        refused: many(|told| told.refusal.is_some()),
        paid: many(|told| told.settled.as_deref() == Some("paid")),
    }
}

fn address(shop: &Shop) -> anyhow::Result<SocketAddr> {
    let url = shop.url();
    url.trim_start_matches("http://").parse().with_context(|| format!("no address in {url}"))
}

/// How long the shop's holds last.
fn hold_ttl(shop: &Shop) -> anyhow::Result<Duration> {
    let settings = shop.settings();
    let (_, ttl) = settings.iter().find(|(name, _)| name == "HOLD_TTL").context("HOLD_TTL")?;
    parse_duration(ttl).map_err(|error| anyhow::anyhow!("HOLD_TTL={ttl}: {error}"))
}
