//! One client: how long it waits for an order to be accepted, and to be paid.

use std::time::{Duration, Instant};

use system_tests::Shopper;
use uuid::Uuid;

use super::Options;
use crate::{
    floor::Accepted,
    product::{Bought, Product},
    report::{Report, p50_ms},
    world::World,
};

/// What is left to do of an order that was paid a moment ago: its workflow's end, its webhooks.
const AFTERMATH: Duration = Duration::from_millis(40);
/// The most that accepting an order should take, measured in floors.
const ACCEPT_GOAL: f64 = 1.3;

/// The orders that were paid, for whoever looks at their histories.
#[derive(Debug, Default)]
pub struct Orders {
    /// The product's, as one process.
    pub together: Vec<Uuid>,
    /// The naive build's.
    pub naive: Vec<Uuid>,
}

/// What was measured, one entry a round.
#[derive(Default)]
struct Samples {
    together: Vec<Bought>,
    split: Vec<Bought>,
    naive: Vec<(Uuid, Duration)>,
    floor: Vec<Accepted>,
    empty: Vec<Duration>,
}

/// Takes turns: every round each contender has one order, and another one begins.
pub async fn measure(
    world: &World,
    options: Options,
    report: &mut Report,
) -> anyhow::Result<Orders> {
    let (together, split) = (world.together.shop.shopper(), world.split.shop.shopper());
    let warm_up = options.rounds(20, 3);
    let mut samples = Samples::default();
    for round in 0..warm_up + options.rounds(200, 10) {
        if round == warm_up {
            samples = Samples::default();
        }
        for turn in 0..5 {
            match (round + turn) % 5 {
                0 => samples.together.push(buy(&world.together, &together).await?),
                1 => samples.floor.push(world.floor.accept().await?),
                2 => samples.naive.push(buy_naively(world, round).await?),
                3 => samples.split.push(buy(&world.split, &split).await?),
                _ => samples.empty.push(world.floor.run().await?),
            }
            tokio::time::sleep(AFTERMATH).await;
        }
    }
    samples.report_accept(report);
    samples.report_end_to_end();
    Ok(Orders {
        together: samples.together.iter().map(|bought| bought.order_id).collect(),
        naive: samples.naive.iter().map(|(order, _)| *order).collect(),
    })
}

async fn buy(product: &Product, shopper: &Shopper) -> anyhow::Result<Bought> {
    product.buy(&shopper.another_order()).await
}

async fn buy_naively(world: &World, number: usize) -> anyhow::Result<(Uuid, Duration)> {
    let began = Instant::now();
    let order = world.naive.buy(number).await?;
    Ok((order, began.elapsed()))
}

impl Samples {
    fn report_accept(&self, report: &mut Report) {
        let floor = p50_ms(self.floor.iter().map(|took| took.started + took.committed));
        let started = p50_ms(self.floor.iter().map(|took| took.started));
        let committed = p50_ms(self.floor.iter().map(|took| took.committed));
        let [together, split] = [&self.together, &self.split]
            .map(|bought| p50_ms(bought.iter().map(|bought| bought.accepted)));
        report.ratio_with_goal("accept, one client, together", together / floor, ACCEPT_GOAL);
        Report::ratio("accept, one client, split", split / floor);
        Report::raw(&format!(
            "p50 from PUT until 201: together {together:.2} ms, split {split:.2} ms; of the floor \
             {floor:.2} ms (start of an empty workflow {started:.2}, commit {committed:.2}); {} of \
             each",
            self.floor.len()
        ));
    }

    fn report_end_to_end(&self) {
        let naive = p50_ms(self.naive.iter().map(|(_, took)| *took));
        let empty = p50_ms(self.empty.iter().copied());
        let [together, split] = [&self.together, &self.split]
            .map(|bought| p50_ms(bought.iter().map(|bought| bought.paid)));
        for (name, paid) in [("together", together), ("split", split)] {
            Report::ratio(&format!("end to end, one client, {name} / naive"), paid / naive);
            Report::ratio(
                &format!("end to end, one client, {name} / empty workflow"),
                paid / empty,
            );
        }
        Report::raw(&format!(
            "p50 from PUT until the event stream says paid: together {together:.1} ms, split \
             {split:.1} ms; naive {naive:.1} ms; an empty workflow until its result {empty:.1} ms; \
             {} of each",
            self.empty.len()
        ));
    }
}
