//! Many callers at once: how many orders a second are paid.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use super::Options;
use crate::{
    product::Product,
    report::{Report, median, progress},
    world::World,
};

/// How many callers there are.
const CALLERS: usize = 64;
/// What is still under way when the last caller has its answer: webhooks, workflows' ends.
pub(super) const AFTERMATH: Duration = Duration::from_secs(2);

/// Orders a second, one figure a round.
#[derive(Default)]
struct Rates {
    together: Vec<f64>,
    split: Vec<f64>,
    naive: Vec<f64>,
    empty: Vec<f64>,
}

/// Takes turns: every round each contender is busy for a while.
pub async fn measure(world: &World, options: Options) -> anyhow::Result<()> {
    let round_lasts = Duration::from_secs(if options.quick { 2 } else { 8 });
    let mut rates = Rates::default();
    world.together.times_busy();
    world.split.times_busy();
    let rounds = options.rounds(5, 1);
    for round in 0..rounds {
        progress(&format!("orders, 64 at a time: round {} of {rounds}", round + 1));
        for turn in 0..4 {
            match (round + turn) % 4 {
                0 => rates.together.push(product(&world.together, round_lasts).await?),
                1 => rates.naive.push(naive(world, round_lasts).await?),
                2 => rates.split.push(product(&world.split, round_lasts).await?),
                _ => rates.empty.push(empty(world, round_lasts).await?),
            }
            tokio::time::sleep(AFTERMATH).await;
        }
    }
    rates.report(world);
    Ok(())
}

/// Orders of the product that are paid, a second.
pub(super) async fn product(product: &Product, lasts: Duration) -> anyhow::Result<f64> {
    let shopper = Arc::new(product.shop.shopper());
    rate(lasts, async |_| product.buy(&shopper.another_order()).await.map(drop)).await
}

async fn naive(world: &World, lasts: Duration) -> anyhow::Result<f64> {
    rate(lasts, async |number| world.naive.buy(number).await.map(drop)).await
}

async fn empty(world: &World, lasts: Duration) -> anyhow::Result<f64> {
    rate(lasts, async |_| world.floor.run().await.map(drop)).await
}

/// Has every caller do `one` thing after the other for as long as it `lasts`; answers how many
/// were done a second. What was begun is finished, and counts with the time that it took.
async fn rate(
    lasts: Duration,
    one: impl AsyncFn(usize) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let began = Instant::now();
    let one = &one;
    let callers = (0..CALLERS).map(|caller| async move {
        let mut done = 0_u32;
        while began.elapsed() < lasts {
            one(caller).await?;
            done += 1;
        }
        anyhow::Ok(done)
    });
    let done: u32 = try_join_all(callers).await?.into_iter().sum();
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

impl Rates {
    fn report(&self, world: &World) {
        let [together, split, naive, empty] =
            [&self.together, &self.split, &self.naive, &self.empty]
                .map(|rates| median(rates.iter().copied()));
        let busy = world.together.times_busy() + world.split.times_busy();
        let raw = format!(
            "orders paid a second, {CALLERS} callers: together {together:.1}, split {split:.1}, \
             naive {naive:.1}, empty workflow {empty:.1}; median of {} rounds; {busy} answers said \
             to come back",
            self.together.len()
        );
        for (name, rate) in [("together", together), ("split", split)] {
            let against = |what: &str| format!("orders a second, {name} / {what}");
            Report::ratio(&against("naive"), rate / naive);
            Report::ratio(&against("empty workflow"), rate / empty);
        }
        Report::raw(&raw);
    }
}
