//! What is looked at while the load goes on: each second what was answered and what the processes
//! take, every few seconds the stock, which has to add up at any instant.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;
use system_tests::Books;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    machine::{Taken, Watched},
    numbers::ms_of,
    progress::Progress,
    recorder::{Group, Lately},
    world::World,
};

const STOCK_EVERY_S: u32 = 5;

/// A second of the load.
#[derive(Clone, Debug, Serialize)]
pub struct Second {
    /// Since the load began.
    pub at_s: u32,
    /// In the order of `Group::ALL`.
    pub groups: Vec<GroupSecond>,
    /// How many were told to come back, and how many got no answer.
    pub come_back: u64,
    pub lost: u64,
    /// Units that were held at the last look.
    pub held: i64,
    /// What each of the watched processes takes.
    pub taken: Vec<Taken>,
}

/// A group's second.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GroupSecond {
    pub answered: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub seconds: Vec<Second>,
    /// What was not as it has to be.
    pub broken: Vec<String>,
}

/// Looks, until it is asked for what it has seen.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    looking: [JoinHandle<()>; 2],
}

impl Watch {
    /// Looks from now on, and tells how it goes.
    pub fn start(
        world: &Arc<World>,
        books: Books,
        processes: Vec<Watched>,
        progress: Progress,
    ) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let held = Arc::<Mutex<i64>>::default();
        let stock = tokio::spawn(look_at_stock(books, Arc::clone(&seen), Arc::clone(&held)));
        let world = Arc::clone(world);
        let seconds =
            tokio::spawn(look_at_seconds(world, processes, Arc::clone(&seen), held, progress));
        Self { seen, looking: [stock, seconds] }
    }

    /// Ends; answers what was seen.
    pub fn ends(self) -> Seen {
        self.looking.iter().for_each(JoinHandle::abort);
        std::mem::take(&mut locked(&self.seen))
    }
}

async fn look_at_seconds(
    world: Arc<World>,
    processes: Vec<Watched>,
    seen: Arc<Mutex<Seen>>,
    held: Arc<Mutex<i64>>,
    progress: Progress,
) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (began, mut before) = (ticks.tick().await, [0; 3]);
    loop {
        ticks.tick().await;
        let trouble = world.recorder.trouble();
        let group = |group| {
            let Lately { answered, p50, p99 } = world.recorder.lately(group);
            GroupSecond { answered, p50_ms: ms_of(p50), p99_ms: ms_of(p99) }
        };
        let second = Second {
            at_s: u32::try_from((Instant::now() - began).as_secs()).unwrap_or(u32::MAX),
            groups: Group::ALL.map(group).to_vec(),
            come_back: trouble[0] - before[0],
            lost: trouble[1] - before[1],
            held: *locked(&held),
            taken: processes.iter().map(Watched::taken).collect(),
        };
        before = trouble;
        progress.second(&second, trouble);
        locked(&seen).seconds.push(second);
    }
}

async fn look_at_stock(books: Books, seen: Arc<Mutex<Seen>>, held: Arc<Mutex<i64>>) {
    let mut ticks = interval(Duration::from_secs(STOCK_EVERY_S.into()));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A shop with too much to do may not answer: nothing is wrong with its stock for that.
        if let Ok(stock) = all_stock(&books).await {
            *locked(&held) = units_held(&stock);
            locked(&seen).broken.extend(stock.iter().filter_map(does_not_add_up));
        }
    }
}

/// The stock of all products.
pub async fn all_stock(books: &Books) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut path = "/v1/stock?limit=100".to_owned();
    loop {
        let page = books.get(&path).await?;
        all.extend(page["stock"].as_array().context("a page of stock")?.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/stock?limit=100&cursor={cursor}"),
            None => return Ok(all),
        }
    }
}

/// Units that are held, of all products.
pub fn units_held(stock: &[Value]) -> i64 {
    stock.iter().filter_map(|level| level["held"].as_i64()).sum()
}

/// What is wrong with a product's stock, if anything is.
fn does_not_add_up(level: &Value) -> Option<String> {
    let number = |name: &str| level[name].as_i64().unwrap_or(i64::MIN);
    let parts = [number("available"), number("held"), number("sold")];
    let adds_up =
        parts.iter().all(|units| *units >= 0) && parts.iter().sum::<i64>() == number("on_hand");
    (!adds_up).then(|| format!("while it was asked for, stock did not add up: {level}"))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stock_that_does_not_add_up_is_found() {
        let level = |on_hand: i64, available: i64, held: i64, sold: i64| {
            json!({"sku": "mug", "on_hand": on_hand, "available": available, "held": held,
                "sold": sold})
        };
        assert_eq!(does_not_add_up(&level(9, 4, 3, 2)), None);
        for broken in [level(9, 4, 3, 3), level(9, -1, 5, 5), level(9, 9, -1, 1), json!({})] {
            assert!(does_not_add_up(&broken).is_some(), "{broken}");
        }
        assert_eq!(units_held(&[level(9, 4, 3, 2), level(5, 4, 1, 0)]), 4);
    }
}
