//! A shop's books: what its operators read, and what its provider keeps.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{Operator, Reply, http_client, told::OPEN};

/// How long a reconciliation may take.
const RECONCILES_WITHIN: Duration = Duration::from_mins(3);
/// No row says so, and the workflow of such an order runs.
const NOT_WRITTEN_YET: &str = "reserving";

/// The books of a shop. What can't be read is an error, and no panic.
#[derive(Clone, Debug)]
pub struct Books {
    operator: Operator,
    sandbox_url: String,
    http: reqwest::Client,
}

impl Books {
    /// As `operator` reads them, and as the sandbox at `sandbox_url` keeps them.
    #[must_use]
    pub fn new(operator: Operator, sandbox_url: String) -> Self {
        Self { operator, sandbox_url, http: http_client() }
    }

    /// What has not come to rest, a sentence each: orders that are open, units of `stocked`
    /// products that are held, payments that are authorized.
    ///
    /// # Errors
    /// When the books can't be read.
    pub async fn open(&self, stocked: &BTreeMap<String, i64>) -> anyhow::Result<Vec<String>> {
        let mut open = Vec::new();
        for state in OPEN.iter().filter(|state| **state != NOT_WRITTEN_YET) {
            for order in self.orders(&format!("&state={state}")).await?.keys() {
                open.push(format!("order {order} is {state}"));
            }
        }
        for sku in stocked.keys() {
            let stock = self.stock(sku).await?;
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
    ///
    /// # Errors
    /// When they can't be read.
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

    /// An order as operators see it, if there is such an order.
    ///
    /// # Errors
    /// When that can't be known.
    pub async fn order(&self, id: &str) -> anyhow::Result<Option<Value>> {
        let reply = self.asked(Method::GET, &format!("/v1/orders/{id}")).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => Ok(Some(reply.body)),
            status => anyhow::bail!("order {id}: {status} {}", reply.body),
        }
    }

    /// What there is of a product.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn stock(&self, sku: &str) -> anyhow::Result<Value> {
        self.get(&format!("/v1/stock/{sku}")).await
    }

    /// Every payment, as the provider sees it.
    ///
    /// # Errors
    /// When the provider does not answer.
    pub async fn ledger(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/sandbox/ledger", self.sandbox_url);
        let ledger: Value = self.http.get(url).send().await?.json().await?;
        Ok(ledger["intents"].as_array().context("a ledger")?.clone())
    }

    /// What operators read at `path`.
    ///
    /// # Errors
    /// When it is not there, or there is no answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let reply = self.asked(Method::GET, path).await?;
        anyhow::ensure!(reply.status.is_success(), "{path}: {} {}", reply.status, reply.body);
        Ok(reply.body)
    }

    /// Has a reconciliation now; answers what it found, and what earlier ones had to put right, a
    /// sentence each.
    ///
    /// # Errors
    /// When it does not end, or the books can't be read.
    pub async fn reconcile(&self) -> anyhow::Result<Vec<String>> {
        let audit = self.get("/v1/audit").await?;
        let changes = audit["changes"].as_array().context("the audit")?.iter();
        let repairs = changes.filter(|change| change["kind"] == "repair");
        let mut found: Vec<_> =
            repairs.map(|change| format!("reconciliation put right {change}")).collect();
        for finding in self.findings().await? {
            found.push(format!("reconciliation has to put right {finding}"));
        }
        Ok(found)
    }

    async fn findings(&self) -> anyhow::Result<Vec<Value>> {
        let reply = self.asked(Method::POST, "/v1/reconciliation").await?;
        anyhow::ensure!(reply.status.is_success(), "reconcile: {} {}", reply.status, reply.body);
        let run = reply.body["run"]["run_id"].clone();
        let deadline = Instant::now() + RECONCILES_WITHIN;
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
        let request = self.operator.request(method, path);
        Ok(Reply::of(request.send().await.with_context(|| format!("ask for {path}"))?).await)
    }
}
