//! The quiet after the faults: what is still open then, until nothing is.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use futures::TryStreamExt;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use system_tests::{Reply, http_client};
use temporalio_client::{Client, WorkflowListOptions};
use tokio::time::{Instant, sleep};

use crate::{shop::Shop, told::OPEN};

/// How long all of it may take: a hold, its grace, the longest pauses of what is tried again, and
/// a busy machine.
const RESTS_WITHIN: Duration = Duration::from_mins(3);
/// Reconciliation begins by itself, whatever the orders do.
const NOT_AN_ORDERS: &str = "reconcile";
/// No row says so, and the workflow of such an order runs.
const NOT_WRITTEN_YET: &str = "reserving";

/// Reads a shop that is well, past the proxies.
pub struct Reader<'a> {
    pub shop: &'a Shop,
    pub temporal: Client,
    /// How many units there are of each product.
    pub stocked: &'a BTreeMap<String, i64>,
}

impl Reader<'_> {
    /// Waits until nothing is open; answers what is after all.
    pub async fn rests(&self) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + RESTS_WITHIN;
        loop {
            let open = self.open().await?;
            if open.is_empty() || Instant::now() > deadline {
                return Ok(open);
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn open(&self) -> anyhow::Result<Vec<String>> {
        let mut open = Vec::new();
        for state in OPEN.iter().filter(|state| **state != NOT_WRITTEN_YET) {
            for order in self.orders(&format!("&state={state}")).await?.keys() {
                open.push(format!("order {order} is {state}"));
            }
        }
        for workflow in self.workflows("ExecutionStatus = 'Running'").await? {
            open.push(format!("workflow {workflow} runs"));
        }
        for sku in self.stocked.keys() {
            let stock = self.get(&format!("/v1/stock/{sku}")).await?;
            if stock["held"] != 0 {
                open.push(format!("{} units of {sku} are held", stock["held"]));
            }
        }
        for intent in self.ledger().await? {
            if intent["amount_capturable"] != 0 {
                open.push(format!("payment {} is authorized", intent["payment_intent"]));
            }
        }
        Ok(open)
    }

    /// The orders that the shop knows, with their states; `filter` is empty, or `&state=…`.
    pub async fn orders(&self, filter: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        let first = format!("/v1/orders?limit=100{filter}");
        let mut path = first.clone();
        loop {
            let page = self.get(&path).await?;
            for order in page["orders"].as_array().context("a page of orders")? {
                let text = |name: &str| order[name].as_str().unwrap_or_default().to_owned();
                all.insert(text("order_id"), text("state"));
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{first}&cursor={cursor}"),
                None => return Ok(all),
            }
        }
    }

    /// The workflows that a search finds, but for reconciliations.
    pub async fn workflows(&self, query: &str) -> anyhow::Result<Vec<String>> {
        let found = self.temporal.list_workflows(query, WorkflowListOptions::default());
        let found: Vec<_> = found.try_collect().await.context("ask Temporal")?;
        let ids = found.iter().filter(|one| one.workflow_type() != NOT_AN_ORDERS);
        Ok(ids.map(|one| one.id().to_owned()).collect())
    }

    /// Every payment, as the provider sees it.
    pub async fn ledger(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/sandbox/ledger", self.shop.sandbox_url());
        let ledger: Value = http_client().get(url).send().await?.json().await?;
        Ok(ledger["intents"].as_array().context("a ledger")?.clone())
    }

    /// What operators read at `path`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let reply = self.asked(Method::GET, path).await?;
        anyhow::ensure!(reply.status.is_success(), "{path}: {} {}", reply.status, reply.body);
        Ok(reply.body)
    }

    /// An order as operators see it, if there is such an order.
    pub async fn order(&self, id: &str) -> anyhow::Result<Option<Value>> {
        let reply = self.asked(Method::GET, &format!("/v1/orders/{id}")).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => Ok(Some(reply.body)),
            status => anyhow::bail!("order {id}: {status} {}", reply.body),
        }
    }

    /// Has a reconciliation now; answers what it found.
    pub async fn reconcile(&self) -> anyhow::Result<Vec<Value>> {
        let reply = self.asked(Method::POST, "/v1/reconciliation").await?;
        anyhow::ensure!(reply.status.is_success(), "reconcile: {} {}", reply.status, reply.body);
        let run = reply.body["run"]["run_id"].clone();
        let deadline = Instant::now() + RESTS_WITHIN;
        loop {
            let last = self.get("/v1/reconciliation").await?;
            if last["run"]["run_id"] == run && !last["run"]["finished_at"].is_null() {
                return Ok(last["findings"].as_array().context("findings")?.clone());
            }
            anyhow::ensure!(Instant::now() < deadline, "the reconciliation does not end: {last}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn asked(&self, method: Method, path: &str) -> anyhow::Result<Reply> {
        let request = self.shop.operator.request(method, path);
        Ok(Reply::of(request.send().await.with_context(|| format!("ask for {path}"))?).await)
    }
}
