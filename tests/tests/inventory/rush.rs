//! A rush on few products: workers that die with their batches on the way, sessions that Postgres
//! ends, every lost answer asked for again. `RUSH_ATTEMPTS` says how often it is tried.

use std::{
    env,
    future::Future,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use activities::{ChangeSink, Database, batches::Batches, database::DatabaseError, inventory};
use domain::{OrderId, OrderState};
use futures::{FutureExt, future::join_all, join};
use sqlx::PgPool;
use system_tests::Chance;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;
use workflows::activities::{Commit, Release, Reservation, Reserve};

use super::{Shelf, is_held, wants};

const PRODUCTS: [&str; 4] = ["cup", "jug", "mug", "pot"];
/// In whatever order somebody put things into them.
const CARTS: [&[(&str, u32)]; 6] = [
    &[("mug", 1)],
    &[("mug", 2)],
    &[("jug", 1)],
    &[("mug", 1), ("cup", 1)],
    &[("cup", 2), ("pot", 1)],
    &[("pot", 1), ("mug", 1), ("jug", 2)],
];
const SHOPPERS: u64 = 200;
const WORKERS: usize = 3;
/// What there is of each product at first, and what comes in of one whenever something was killed:
/// less than is asked for, so that there is always a last unit.
const UNITS: i64 = 20;

/// A worker process, but for the process.
struct Worker {
    /// Where its transactions run.
    runtime: Mutex<Option<Runtime>>,
    reserve: Batches<(Reserve, String), Reservation>,
    commit: Batches<OrderId, Commit>,
    release: Batches<Release, ()>,
}

impl Worker {
    async fn start(url: &str) -> Arc<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let url = url.to_owned();
        let started = runtime.spawn(async move {
            let database = Database::connect(&url, 4).await.unwrap();
            let nobody = ChangeSink::new(drop);
            (
                Batches::start("rush", 4, &database, &nobody, |connection, asked| {
                    Box::pin(inventory::reserve(connection, asked))
                }),
                Batches::start("rush", 4, &database, &nobody, |connection, orders| {
                    Box::pin(inventory::commit(connection, orders))
                }),
                Batches::start("rush", 4, &database, &nobody, |connection, releases| {
                    async move {
                        let changes = inventory::release(connection, releases).await?;
                        Ok((vec![(); releases.len()], changes))
                    }
                    .boxed()
                }),
            )
        });
        let (reserve, commit, release) = started.await.unwrap();
        Arc::new(Self { runtime: Mutex::new(Some(runtime)), reserve, commit, release })
    }

    /// Ends where it stands, in the midst of whatever it does.
    fn dies(&self) {
        if let Some(runtime) = self.runtime.lock().unwrap().take() {
            runtime.shutdown_background();
        }
    }
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Released,
}

fn one_of<'a, T>(these: &'a [T], chance: &mut Chance) -> &'a T {
    let number = chance.below(these.len() as u64);
    &these[usize::try_from(number).unwrap()]
}

struct Rush {
    workers: Vec<RwLock<Arc<Worker>>>,
    attempts_left: AtomicU64,
    /// Reservations that were asked for, with those asked for again.
    asked: AtomicU64,
    told_held: Mutex<Vec<(OrderId, Fate)>>,
}

impl Rush {
    fn worker(&self, chance: &mut Chance) -> Arc<Worker> {
        Arc::clone(&one_of(&self.workers, chance).read().unwrap())
    }

    fn takes_a_turn(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.attempts_left.fetch_update(Relaxed, Relaxed, less).is_ok()
    }

    /// Asks one worker after the other until one answers.
    async fn answer<T, F>(&self, chance: &mut Chance, ask: impl Fn(Arc<Worker>) -> F) -> T
    where
        F: Future<Output = Result<T, DatabaseError>>,
    {
        loop {
            if let Ok(answer) = ask(self.worker(chance)).await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn reserve(&self, chance: &mut Chance, ask: &Reserve) -> bool {
        let first_sku = ask.lines.as_slice().iter().map(|line| &line.sku).min();
        let reservation = self.answer(chance, |worker| async move {
            self.asked.fetch_add(1, Relaxed);
            worker.reserve.call(first_sku, (ask.clone(), "run".to_owned())).await
        });
        is_held(&reservation.await)
    }

    async fn commit(&self, chance: &mut Chance, order: OrderId) -> Commit {
        self.answer(chance, |worker| async move { worker.commit.call(order, order).await }).await
    }

    async fn release(&self, chance: &mut Chance, order_id: OrderId) {
        let release = Release { order_id, end_state: OrderState::Expired };
        self.answer(chance, |worker| {
            let release = release.clone();
            async move { worker.release.call(order_id, release).await }
        })
        .await;
    }

    /// Buys, gives back or keeps, one order after the other.
    async fn shopper(&self, mut chance: Chance) {
        let mut other = chance.branch(1);
        while self.takes_a_turn() {
            let cart: &&[(&str, u32)] = one_of(&CARTS, &mut chance);
            let ask = wants(cart);
            let held = if chance.below(8) == 0 {
                let at_once =
                    join!(self.reserve(&mut chance, &ask), self.reserve(&mut other, &ask));
                assert_eq!(at_once.0, at_once.1, "two answers to one order");
                at_once.0
            } else {
                self.reserve(&mut chance, &ask).await
            };
            if !held {
                continue;
            }
            let order = ask.order_id;
            let fate = match chance.below(8) {
                0..=2 => {
                    assert_eq!(self.commit(&mut chance, order).await, Commit::Committed);
                    Fate::Committed
                }
                3..=5 => {
                    self.release(&mut chance, order).await;
                    Fate::Released
                }
                6 => {
                    let release = self.release(&mut other, order);
                    match join!(self.commit(&mut chance, order), release).0 {
                        Commit::Committed => Fate::Committed,
                        Commit::HoldGone => Fate::Released,
                    }
                }
                _ => Fate::Open,
            };
            self.told_held.lock().unwrap().push((order, fate));
        }
    }

    /// Kills, one thing after the other, and has units come in; answers how many of each kind.
    async fn trouble(&self, url: &str, database: &PgPool, mut chance: Chance) -> [i64; 2] {
        let mut kills = [0, 0];
        while self.attempts_left.load(Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(20 + chance.below(100))).await;
            if chance.below(3) == 0 {
                let fresh = Worker::start(url).await;
                let worker = one_of(&self.workers, &mut chance);
                std::mem::replace(&mut *worker.write().unwrap(), fresh).dies();
                kills[0] += 1;
            } else {
                // The one that has been at it for longest, and is therefore in the midst of it.
                let ended = "select count(pg_terminate_backend(pid)) from (
                    select pid from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()
                        and xact_start is not null
                    order by xact_start limit 1) as at_work";
                let ended: i64 = sqlx::query_scalar(ended).fetch_one(database).await.unwrap();
                kills[1] += ended;
            }
            let come_in = "update stock set on_hand = on_hand + $1 where sku = $2";
            let sku = one_of(&PRODUCTS, &mut chance);
            sqlx::query(come_in).bind(UNITS).bind(sku).execute(database).await.unwrap();
        }
        kills
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rush_sells_no_unit_twice_and_loses_no_answer_whoever_dies() {
    let attempts = env::var("RUSH_ATTEMPTS").ok().map_or(5_000, |it| it.parse().unwrap());
    let shelf = Shelf::of(&PRODUCTS.map(|sku| (sku, UNITS))).await;
    let start = || async { RwLock::new(Worker::start(&shelf.url).await) };
    let rush = Rush {
        workers: join_all((0..WORKERS).map(|_| start())).await,
        attempts_left: AtomicU64::new(attempts),
        asked: AtomicU64::new(0),
        told_held: Mutex::default(),
    };
    let chance = Chance::seeded();
    // A pool of its own: it is not among the sessions that are ended in the midst of their work.
    let database = PgPool::connect(&shelf.url).await.unwrap();
    let shoppers = (0..SHOPPERS).map(|number| rush.shopper(chance.branch(number)));
    let trouble = rush.trouble(&shelf.url, &database, chance.branch(SHOPPERS));
    let (_, [workers, sessions]) = join!(join_all(shoppers), trouble);
    for worker in &rush.workers {
        worker.read().unwrap().dies();
    }
    let told = rush.told_held.into_inner().unwrap();
    println!(
        "{} reservations asked for {attempts} orders, {} held; {workers} workers and {sessions} \
         sessions killed",
        rush.asked.load(Relaxed),
        told.len(),
    );
    assert!(workers > 0 && sessions > 0 && !told.is_empty(), "something has to happen");
    stock_adds_up(&database).await;
    what_was_told_is_so(&database, &told).await;
}

async fn stock_adds_up(database: &PgPool) {
    let query = "select sku, on_hand, held, sold,
            coalesce(sum(quantity) filter (where state = 'open'), 0)::bigint,
            coalesce(sum(quantity) filter (where state = 'committed'), 0)::bigint
         from stock left join (order_lines join holds using (order_id)) using (sku)
         group by sku, on_hand, held, sold";
    let rows: Vec<(String, i64, i64, i64, i64, i64)> =
        sqlx::query_as(query).fetch_all(database).await.unwrap();
    assert_eq!(rows.len(), PRODUCTS.len());
    for (sku, on_hand, held, sold, open, committed) in rows {
        assert_eq!((held, sold), (open, committed), "(held, sold) of {sku}, and by its holds");
        assert!(held + sold <= on_hand, "{sku} is oversold: {held} + {sold} of {on_hand}");
    }
}

/// Each hold that somebody was told of is there, and there is none besides.
async fn what_was_told_is_so(database: &PgPool, told: &[(OrderId, Fate)]) {
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("select order_id, state from holds").fetch_all(database).await.unwrap();
    let holds: std::collections::HashMap<_, _> = rows.into_iter().collect();
    assert_eq!(holds.len(), told.len(), "holds, and those that somebody was told of");
    for (order, fate) in told {
        let state = holds[&order.0].as_str();
        let is_so = match fate {
            Fate::Open => state == "open",
            Fate::Committed => state == "committed",
            Fate::Released => state == "released",
        };
        assert!(is_so, "{order} was told {fate:?}, and its hold is {state}");
    }
}
