//! How long histories get: what an order costs Temporal, whatever the machine.

use std::time::Duration;

use anyhow::{Context, ensure};
use system_tests::Shopper;
use temporalio_client::{
    Client, UntypedWorkflow, WorkflowDescribeOptions, WorkflowGetResultOptions,
};

use super::{Options, one_client::Orders};
use crate::{
    naive,
    report::{Report, median},
    world::World,
};

/// The design's aim for an order that is paid.
const PAID_GOAL: usize = 26;
/// How often a request is repeated.
const REPEATED: usize = 10;

/// Counts the events of paid orders, and those that repeated requests add.
pub async fn measure(
    world: &World,
    orders: &Orders,
    options: Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let temporal = world.temporal_of(&world.together).await?;
    let looked_at = options.rounds(50, 10);
    let ids = orders.together.iter().rev().take(looked_at).map(|id| format!("checkout/{id}"));
    let ours = Lengths::of_ended(&temporal, ids).await?;
    let ids = orders.naive.iter().rev().take(looked_at).map(|id| naive::workflow_id(*id));
    let theirs = Lengths::of_ended(&world.temporal_of_naive().await?, ids).await?;
    let raw = format!("{}; naive {}", ours.text(), theirs.text());
    report.count("history events of a paid order", ours.median(), PAID_GOAL);
    Report::raw(&raw);
    repeat_requests(world, &temporal, report).await
}

/// Repeats a PUT that was answered, and counts what it leaves behind.
async fn repeat_requests(
    world: &World,
    temporal: &Client,
    report: &mut Report,
) -> anyhow::Result<()> {
    let shopper = world.together.shop.shopper();
    let cart = Shopper::cart(&[(world.together.sku(), 1)]);
    let first = shopper.put(&cart).await;
    ensure!(first.status == 201, "not held: {}", first.body);
    let id = format!("checkout/{}", shopper.order_id);
    let before = at_rest(temporal, &id).await?;
    for _ in 0..REPEATED {
        let again = shopper.put(&cart).await;
        ensure!(again.status == 200, "the same request again: {} {}", again.status, again.body);
    }
    let after = at_rest(temporal, &id).await?;
    let raw = format!("{before} events after the first PUT, {after} after {REPEATED} more");
    report.count("history events of a duplicate request", after - before, 0);
    Report::raw(&raw);
    ensure!(shopper.cancel().await.status.is_success(), "the order can't be called off");
    Ok(())
}

/// How long some histories are.
struct Lengths(Vec<usize>);

impl Lengths {
    /// Of workflows that have ended, or are about to.
    async fn of_ended(
        temporal: &Client,
        ids: impl Iterator<Item = String>,
    ) -> anyhow::Result<Self> {
        let mut lengths = Vec::new();
        for id in ids {
            let workflow = temporal.get_workflow_handle::<UntypedWorkflow>(&id);
            let ended = workflow.get_result(WorkflowGetResultOptions::default());
            ended.await.with_context(|| format!("the end of {id}"))?;
            lengths.push(length(temporal, &id).await?);
        }
        Ok(Self(lengths))
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "histories are short"
    )]
    fn median(&self) -> usize {
        median(self.0.iter().map(|&length| length as f64)).round() as usize
    }

    fn text(&self) -> String {
        let (least, most) = (self.0.iter().min(), self.0.iter().max());
        let bounds = least.zip(most).map(|(least, most)| format!("{least} to {most}"));
        let bounds = bounds.unwrap_or_default();
        format!("median {} ({bounds}) of {} orders", self.median(), self.0.len())
    }
}

async fn length(temporal: &Client, id: &str) -> anyhow::Result<usize> {
    let workflow = temporal.get_workflow_handle::<UntypedWorkflow>(id);
    Ok(workflow.describe(WorkflowDescribeOptions::default()).await?.history_length())
}

/// The length of an open workflow's history once nothing adds to it.
async fn at_rest(temporal: &Client, id: &str) -> anyhow::Result<usize> {
    let mut before = length(temporal, id).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = length(temporal, id).await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}
