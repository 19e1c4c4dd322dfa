//! The quiet after the faults: what is still open then, until nothing is.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use futures::TryStreamExt;
use system_tests::Books;
use temporalio_client::{Client, WorkflowListOptions};
use tokio::time::{Instant, sleep};

use crate::shop::Shop;

/// How long all of it may take: a hold, its grace, the longest pauses of what is tried again, and
/// a busy machine.
const RESTS_WITHIN: Duration = Duration::from_mins(3);
/// Reconciliation begins by itself, whatever the orders do.
const NOT_AN_ORDERS: &str = "reconcile";

/// Reads a shop that is well, past the proxies.
pub struct Reader<'a> {
    pub shop: &'a Shop,
    pub books: Books,
    pub temporal: Client,
    /// How many units there are of each product.
    pub stocked: &'a BTreeMap<String, i64>,
}

impl Reader<'_> {
    /// Waits until nothing is open; answers what is after all.
    pub async fn rests(&self) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + RESTS_WITHIN;
        loop {
            let mut open = self.books.open(self.stocked).await?;
            for workflow in self.workflows("ExecutionStatus = 'Running'").await? {
                open.push(format!("workflow {workflow} runs"));
            }
            if open.is_empty() || Instant::now() > deadline {
                return Ok(open);
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// The workflows that a search finds, but for reconciliations.
    pub async fn workflows(&self, query: &str) -> anyhow::Result<Vec<String>> {
        let found = self.temporal.list_workflows(query, WorkflowListOptions::default());
        let found: Vec<_> = found.try_collect().await.context("ask Temporal")?;
        let ids = found.iter().filter(|one| one.workflow_type() != NOT_AN_ORDERS);
        Ok(ids.map(|one| one.id().to_owned()).collect())
    }
}
