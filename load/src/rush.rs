//! A drop: everybody wants the one product, in a moment.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use system_tests::{Books, Chance};
use temporalio_client::{Client, WorkflowCountOptions};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, sleep, sleep_until},
};

use crate::{
    arrivals::Arrivals,
    goods::Line,
    till::{Asked, Visit},
    world::World,
};

/// How long Temporal may take to show what it has started: its searches lag behind.
const SHOWS_WITHIN: Duration = Duration::from_secs(30);

/// What came of a drop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rush {
    pub shoppers: u32,
    pub units: u32,
    /// Shoppers who were told that a unit is theirs, that it is not, and neither.
    pub won: u64,
    pub lost: u64,
    pub undecided: u64,
    /// Units that were held when everybody knew, as operators see it.
    pub held: i64,
    /// Checkout workflows that had been started by then.
    pub workflows: u64,
    /// From the first who wanted one to the last who knew, in milliseconds.
    pub lasted_ms: u64,
}

/// Lets `shoppers` want a unit, `per_second` of them in a second; answers everybody with what they
/// were told, and how long it lasted.
pub async fn wants(
    world: &Arc<World>,
    shoppers: u32,
    per_second: u32,
    chance: &Chance,
) -> (Vec<(Visit, Asked)>, Duration) {
    // They were on the product's page until now: their connections are open.
    drop(world.pool.open_ahead(usize::try_from(shoppers).unwrap_or(usize::MAX)).await);
    let began = Instant::now() + Duration::from_micros(20) * shoppers;
    let mut arrivals = Arrivals::new(chance.branch(0), 1.0 / f64::from(per_second), began);
    let mut wanting = JoinSet::new();
    for number in 1..=shoppers {
        let mut chance = chance.branch(u64::from(number));
        let line = Line { product: world.goods.pick(&mut chance), quantity: 1 };
        let lines = world.goods.order_lines(&[line]);
        let label = format!("shopper {number}");
        let mut visit = Visit::new(Arc::clone(world), label, lines, chance);
        let due = arrivals.next();
        wanting.spawn(async move {
            sleep_until(due).await;
            let asked = visit.wants(due).await;
            (visit, asked)
        });
    }
    let everybody = wanting.join_all().await;
    (everybody, began.elapsed())
}

impl Rush {
    /// Counts, as soon as everybody knows.
    ///
    /// # Errors
    /// When the books can't be read, or Temporal does not answer.
    pub async fn count(
        everybody: &[(Visit, Asked)],
        units: u32,
        books: &Books,
        temporal: &Client,
    ) -> anyhow::Result<Self> {
        let many = |which: Asked| {
            let those = everybody.iter().filter(|(_, asked)| *asked == which);
            u64::try_from(those.count()).unwrap_or(u64::MAX)
        };
        let stock = stock_of_the_drop(books).await?;
        Ok(Self {
            shoppers: u32::try_from(everybody.len()).unwrap_or(u32::MAX),
            units,
            won: many(Asked::Held),
            lost: many(Asked::Refused),
            undecided: many(Asked::Undecided),
            held: stock["held"].as_i64().unwrap_or(i64::MIN),
            workflows: checkouts_started(temporal, many(Asked::Held)).await?,
            lasted_ms: 0,
        })
    }

    /// What is not as it has to be, a sentence each.
    pub fn broken(&self) -> Vec<String> {
        let Self { shoppers, units, won, undecided, held, .. } = *self;
        let has_to_be = u64::from(units.min(shoppers));
        let mut broken = Vec::new();
        if won != has_to_be || held != i64::from(units.min(shoppers)) {
            broken.push(format!(
                "of {units} units {held} were held, and {won} of {shoppers} shoppers told so"
            ));
        }
        if undecided > 0 {
            broken.push(format!("{undecided} shoppers were never told whether a unit is theirs"));
        }
        broken
    }
}

/// As soon as a shop that has just been asked by everybody answers.
async fn stock_of_the_drop(books: &Books) -> anyhow::Result<Value> {
    let deadline = Instant::now() + SHOWS_WITHIN;
    loop {
        match books.stock("drop").await {
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(200)).await,
            read => return read,
        }
    }
}

/// How many checkouts were started: those who hold, and whoever else, once the count stands still.
async fn checkouts_started(temporal: &Client, at_least: u64) -> anyhow::Result<u64> {
    let (deadline, mut before) = (Instant::now() + SHOWS_WITHIN, None);
    loop {
        let query = "WorkflowType = 'checkout'";
        let counted = temporal.count_workflows(query, WorkflowCountOptions::default()).await?;
        let now = u64::try_from(counted.count()).unwrap_or(u64::MAX);
        let stands_still = before.replace(now) == Some(now) && now >= at_least;
        if stands_still || Instant::now() > deadline {
            return Ok(now);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rush() -> Rush {
        Rush { shoppers: 1_000, units: 5, won: 5, lost: 995, held: 5, ..Rush::default() }
    }

    #[test]
    fn a_drop_has_as_many_winners_as_units_and_everybody_knows() {
        assert!(rush().broken().is_empty());
        assert!(Rush { shoppers: 3, won: 3, lost: 0, held: 3, ..rush() }.broken().is_empty());
        for broken in [
            Rush { won: 6, held: 5, ..rush() },
            Rush { won: 5, held: 6, ..rush() },
            Rush { won: 4, held: 4, ..rush() },
            Rush { undecided: 1, lost: 994, ..rush() },
        ] {
            assert_eq!(broken.broken().len(), 1, "{broken:?}");
        }
    }
}
