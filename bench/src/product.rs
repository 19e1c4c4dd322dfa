//! Shoppers of the product: over HTTP, on kept-alive connections, learning of `paid` from the
//! event stream.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use system_tests::{Reply, Running, Shop, ShopOptions, Shopper};
use uuid::Uuid;

/// How often a shopper comes back who is told that the shop is busy.
const COMES_BACK: usize = 100;

/// A shop with products enough for all.
pub struct Product {
    /// The shop.
    pub shop: Shop,
    skus: Vec<String>,
    next: AtomicUsize,
    busy: AtomicUsize,
}

/// An order that was paid.
#[derive(Clone, Debug)]
pub struct Bought {
    /// Which.
    pub order_id: Uuid,
    /// From the request to the answer that the units are held.
    pub accepted: Duration,
    /// From the request to word that it is paid.
    pub paid: Duration,
}

impl Product {
    /// Opens a shop whose holds outlast the benchmarks.
    pub async fn open(running: Running, products: usize) -> Self {
        Self::open_with(running, products, Vec::new()).await
    }

    /// Opens one with further settings.
    pub async fn open_with(
        running: Running,
        products: usize,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        let options =
            ShopOptions { hold_ttl: "60m", running, environment, ..ShopOptions::default() };
        let shop = Shop::open(options).await;
        let mut skus = Vec::new();
        for _ in 0..products {
            skus.push(shop.product(1_000_000).await);
        }
        Self { shop, skus, next: AtomicUsize::new(0), busy: AtomicUsize::new(0) }
    }

    /// A product's SKU, another one each time.
    pub fn sku(&self) -> &str {
        &self.skus[self.next.fetch_add(1, Ordering::Relaxed) % self.skus.len()]
    }

    /// How many answers said to come back later, since the last time this was asked.
    pub fn times_busy(&self) -> usize {
        self.busy.swap(0, Ordering::Relaxed)
    }

    /// Buys one thing as `shopper`, until `paid` is seen.
    pub async fn buy(&self, shopper: &Shopper) -> anyhow::Result<Bought> {
        let began = Instant::now();
        let cart = Shopper::cart(&[(self.sku(), 1)]);
        let held = self.patiently(|| shopper.put(&cart)).await?;
        let accepted = began.elapsed();
        ensure!(matches!(held.status.as_u16(), 200..=202), "not held: {}", held.body);
        let mut events = Events::of(shopper).await?;
        if held.state() == "reserving" {
            events.until("awaiting_payment").await?;
        }
        let payment = json!({"attempt_id": Uuid::new_v4(), "payment_method": "pm_card_visa"});
        let pay = || Shopper::send(shopper.request(Method::POST, "/payment").json(&payment));
        let queued = self.patiently(pay).await?;
        ensure!(queued.status.is_success(), "not queued: {}", queued.body);
        events.until("paid").await?;
        Ok(Bought { order_id: shopper.order_id, accepted, paid: began.elapsed() })
    }

    /// Sends a request again for as long as the shop says that it is busy.
    pub async fn patiently<F>(&self, send: impl Fn() -> F) -> anyhow::Result<Reply>
    where
        F: Future<Output = Reply>,
    {
        for _ in 0..COMES_BACK {
            let reply = send().await;
            if reply.status != StatusCode::SERVICE_UNAVAILABLE {
                return Ok(reply);
            }
            self.busy.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the shop is busy for ever")
    }
}

/// The event stream of an order.
struct Events {
    stream: Response,
    received: String,
}

impl Events {
    async fn of(shopper: &Shopper) -> anyhow::Result<Self> {
        let stream = shopper.request(Method::GET, "/events").send().await?.error_for_status()?;
        Ok(Self { stream, received: String::new() })
    }

    /// Reads until the order is in `state`.
    async fn until(&mut self, state: &str) -> anyhow::Result<()> {
        loop {
            while let Some(end) = self.received.find("\n\n") {
                let event: String = self.received.drain(..end + 2).collect();
                let Some(data) = event.lines().find_map(|line| line.strip_prefix("data:")) else {
                    continue;
                };
                let checkout: Value = serde_json::from_str(data)?;
                if checkout["state"] == state {
                    return Ok(());
                }
            }
            let chunk = self.stream.chunk().await?;
            let chunk = chunk.with_context(|| format!("the stream ended before '{state}'"))?;
            self.received.push_str(std::str::from_utf8(&chunk)?);
        }
    }
}
