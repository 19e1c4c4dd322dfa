//! Many callers who want the same product: batches of reservations against a transaction for each,
//! and against a bare `update` for each. Past Temporal: what Postgres and the batches can do.

use std::time::{Duration, Instant};

use activities::{ChangeSink, Database, batches::Batches, inventory};
use anyhow::Context;
use domain::{CartLine, CartLines, Fingerprint, OrderId, OrderSecret};
use futures::future::try_join_all;
use sqlx::{Connection, Executor, PgConnection, Postgres, migrate::MigrateDatabase};
use uuid::Uuid;
use workflows::activities::{Reservation, Reserve};

use super::Options;
use crate::{
    machine,
    report::{Report, median, progress},
    world::World,
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// As many connections as the worker has.
const CONNECTIONS: u32 = 16;
/// How many callers there are, and by how much batches should be faster then.
const CALLERS: [(usize, f64); 2] = [(64, 10.0), (1_024, 35.0)];

/// Reservations a second, one figure a round.
#[derive(Default)]
struct Rates {
    batches: Vec<f64>,
    transactions: Vec<f64>,
    updates: Vec<f64>,
    /// CPU of the whole machine for each of a batch, in microseconds.
    cpu_micros: Vec<f64>,
}

/// Takes turns: every round each way of reserving is busy for a while.
pub async fn measure(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let shelf = Shelf::open(&world.database_url("reservations")).await?;
    let batches =
        Batches::start(4, &shelf.database, &ChangeSink::new(drop), |connection, asked| {
            Box::pin(inventory::reserve(connection, asked))
        });
    for (callers, goal) in CALLERS {
        let mut rates = Rates::default();
        let rounds = options.rounds(5, 1);
        for round in 0..rounds {
            progress(&format!("{callers} want one product: round {} of {rounds}", round + 1));
            let (before, began) = (machine::cpu_seconds(), Instant::now());
            let rate = rate(callers, options.lasts(), async || {
                let held = batches.call("hot", (shelf.wants(), "run".to_owned())).await?;
                is_held(&held)
            })
            .await?;
            let done = rate * began.elapsed().as_secs_f64();
            let used = machine::cpu_seconds().zip(before).map(|(after, before)| after - before);
            rates.batches.push(rate);
            rates.cpu_micros.extend(used.map(|seconds| seconds * 1e6 / done));
            rates.transactions.push(
                self::rate(callers, options.lasts(), async || {
                    let asked = [(shelf.wants(), "run".to_owned())];
                    let transact = shelf.database.transact(move |connection| {
                        Box::pin(async move { inventory::reserve(connection, &asked).await })
                    });
                    is_held(&transact.await?.0[0])
                })
                .await?,
            );
            rates
                .updates
                .push(self::rate(callers, options.lasts(), async || shelf.update().await).await?);
        }
        rates.report(callers, goal, report);
    }
    Ok(())
}

/// A product with more units than anybody can want.
struct Shelf {
    database: Database,
    lines: CartLines,
    secret: OrderSecret,
}

impl Shelf {
    async fn open(url: &str) -> anyhow::Result<Self> {
        Postgres::create_database(url).await.context("make the reservations' database")?;
        let mut connection = PgConnection::connect(url).await?;
        MIGRATIONS.run(&mut connection).await?;
        connection
            .execute(
                "insert into products (sku, name, description, price_minor, currency)
                 values ('hot', 'Hot', '', 500, 'EUR');
                 insert into stock (sku, on_hand) values ('hot', 1000000000)",
            )
            .await?;
        let line = CartLine { sku: "hot".parse()?, quantity: 1.try_into()? };
        Ok(Self {
            database: Database::connect(url, CONNECTIONS).await?,
            lines: vec![line].try_into()?,
            secret: "a-secret-of-this-benchmark".parse()?,
        })
    }

    fn wants(&self) -> Reserve {
        Reserve {
            order_id: OrderId(Uuid::new_v4()),
            fingerprint: Fingerprint::of(&self.secret, &self.lines, None, None),
            lines: self.lines.clone(),
            expected_total: None,
            hold_ttl_ms: 300_000,
            secret_hash: self.secret.hash(),
            client_key: None,
        }
    }

    /// The least that a statement can do to hold a unit: no order, no line, no event.
    async fn update(&self) -> anyhow::Result<()> {
        let held = sqlx::query(
            "update stock set held = held + 1, version = version + 1
             where sku = 'hot' and held + sold + 1 <= on_hand",
        )
        .execute(self.database.pool())
        .await?;
        anyhow::ensure!(held.rows_affected() == 1, "there is enough for everybody");
        Ok(())
    }
}

fn is_held(reservation: &Reservation) -> anyhow::Result<()> {
    let held = matches!(reservation, Reservation::Held { .. });
    anyhow::ensure!(held, "there is enough for everybody, and not {reservation:?}");
    Ok(())
}

/// Has every caller do `one` thing after the other for as long as it `lasts`; answers how many
/// were done a second.
async fn rate(
    callers: usize,
    lasts: Duration,
    one: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let (began, one) = (Instant::now(), &one);
    let done = try_join_all((0..callers).map(|_| async move {
        let mut done = 0_u32;
        while began.elapsed() < lasts {
            one().await?;
            done += 1;
        }
        anyhow::Ok(done)
    }));
    let done: u32 = done.await?.into_iter().sum();
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

impl Rates {
    fn report(self, callers: usize, goal: f64, report: &mut Report) {
        let [batches, transactions, updates] =
            [self.batches, self.transactions, self.updates].map(median);
        report.ratio_at_least(
            &format!(
                "reservations of one product, {callers} callers, batches / a transaction each"
            ),
            batches / transactions,
            goal,
        );
        Report::ratio(
            &format!("reservations of one product, {callers} callers, batches / bare updates"),
            batches / updates,
        );
        let micros = median(self.cpu_micros);
        Report::raw(&format!(
            "a second: batches {batches:.0}, a transaction each {transactions:.0}, bare updates \
             {updates:.0}; {micros:.0} µs of CPU for each of a batch, the callers' and Postgres's"
        ));
    }
}
