//! When the load is over: everything comes to rest, and has to be as it has to be.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;
use system_tests::{Books, Chance, Shop, Told, Verdict, broken_invariants, verdict_on};
use tokio::time::{Instant, sleep};

use crate::{
    goods::Line,
    numbers::ms_of,
    till::{Asked, Visit},
    watch::{all_stock, units_held},
    world::World,
};

/// How long it may take until all has ended, besides what a hold lasts.
const RESTS_WITHIN: Duration = Duration::from_mins(5);
const LOOKS_EVERY: Duration = Duration::from_secs(2);
/// As much of a long list is shown.
const SHOWN: usize = 20;

/// How a purchase goes once the load is over.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Afterwards {
    pub held_ms: f64,
    pub paid_ms: f64,
}

/// Waits until nothing is open; answers what is after all.
pub async fn rests(world: &World, books: &Books) -> Vec<String> {
    let stocked = world.goods.stocked();
    let deadline = Instant::now() + world.hold_ttl + RESTS_WITHIN;
    loop {
        let open = still_open(books, &stocked)
            .await
            .unwrap_or_else(|error| vec![format!("the books can't be read: {error:#}")]);
        if open.is_empty() {
            return Vec::new();
        }
        if Instant::now() > deadline {
            let shown = open.iter().take(SHOWN).map(|what| format!("not at rest: {what}"));
            let rest = open.len().saturating_sub(SHOWN);
            let more = (rest > 0).then(|| format!("not at rest: {rest} more"));
            return shown.chain(more).collect();
        }
        sleep(LOOKS_EVERY).await;
    }
}

/// What is open, the cheapest question first: orders are many.
async fn still_open(books: &Books, stocked: &BTreeMap<String, i64>) -> anyhow::Result<Vec<String>> {
    match units_held(&all_stock(books).await?) {
        0 => books.open(stocked).await,
        held => Ok(vec![format!("{held} units are held")]),
    }
}

/// Buys something, as a shopper does whom nobody is in the way of.
pub async fn buys_something(world: &Arc<World>) -> Result<Afterwards, String> {
    let chance = Chance::of(Chance::new_seed());
    let lines = world.goods.order_lines(&[Line { product: world.goods.plenty(), quantity: 1 }]);
    let mut visit = Visit::new(Arc::clone(world), "afterwards".to_owned(), lines, chance);
    let began = Instant::now();
    let asked = visit.wants(began).await;
    let held_ms = ms_of(began.elapsed());
    if asked != Asked::Held {
        visit.leaves();
        return Err(format!("once the load was over, an order was {asked:?}"));
    }
    let began = Instant::now();
    let state = visit.buys().await;
    if state != "paid" {
        return Err(format!("once the load was over, an order came no further than '{state}'"));
    }
    Ok(Afterwards { held_ms, paid_ms: ms_of(began.elapsed()) })
}

/// Holds what shoppers were told against the books, and everything against itself.
///
/// # Errors
/// When the books can't be read.
pub async fn verdict(
    world: &World,
    shop: &Shop,
    books: &Books,
    told: &[Told],
) -> anyhow::Result<Verdict> {
    let mut verdict = verdict_on(books, told, &world.goods.stocked()).await?;
    let database = shop.servers.database_url(&shop.name);
    if let Some(said) = broken_invariants(&database, &shop.sandbox_url()).await {
        verdict.broken.push(format!("the database: {said}"));
    }
    verdict.broken.extend(books.reconcile().await?);
    Ok(verdict)
}
