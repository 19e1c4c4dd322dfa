//! What the API reads, and the single rows that it appends. Opens no transactions.

pub mod appends;
pub mod audit;
pub mod catalogue;
mod clock;
mod feed;
pub mod funnel;
pub mod gather;
pub mod gauges;
pub mod hub;
mod inbox_news;
pub mod keys;
pub mod movements;
pub mod operator_tokens;
pub mod order_search;
pub mod order_story;
pub mod orders;
pub mod overview;
mod pool;
pub mod reconciliation;
pub mod refunds;
pub mod stock;
pub mod webhooks;

use std::sync::Arc;

pub use catalogue::{Catalogue, Product};
pub use clock::ReadAt;
use domain::{OrderId, Sku};
use futures::future::BoxFuture;
pub use gather::Gather;
pub use hub::Hub;
pub use orders::{Checkout, StoredOrder};
use orders::{KnownUpTo, OrderEvent};
pub use pool::{ReadError, connect};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Everything the API reads from.
#[derive(Clone)]
pub struct ReadModel {
    /// For single statements.
    pub pool: PgPool,
    /// Products and stock, in memory.
    pub catalogue: Arc<Catalogue>,
    /// Orders by id, many callers at a time.
    pub orders: Arc<Gather<OrderId, StoredOrder>>,
    /// What is new of orders, many callers at a time.
    pub order_events: Arc<Gather<KnownUpTo, Vec<OrderEvent>>>,
    /// Reads products again, many callers at a time; what was read is in the catalogue.
    pub products: Arc<Gather<Sku, ()>>,
    /// Who waits for which order.
    pub hub: Arc<Hub>,
    /// Is told when a webhook event was stored.
    pub inbox_news: Arc<Notify>,
}

impl ReadModel {
    /// Connects, loads the catalogue, and keeps it fresh until `stop`. Boxed, so that it is compiled
    /// here, once, and not in each binary that awaits it.
    ///
    /// # Errors
    /// When Postgres can't be reached.
    pub fn open(
        url: &str,
        as_api_role: bool,
        connections: u32,
        stop: CancellationToken,
    ) -> BoxFuture<'_, Result<Self, ReadError>> {
        Box::pin(Self::load(url, as_api_role, connections, stop))
    }

    async fn load(
        url: &str,
        as_api_role: bool,
        connections: u32,
        stop: CancellationToken,
    ) -> Result<Self, ReadError> {
        let pool = connect(url, as_api_role, connections).await?;
        let catalogue = Arc::new(Catalogue::load(&pool).await?);
        let model = Self {
            orders: Arc::new(finding_orders(pool.clone())),
            order_events: Arc::new(finding_events(pool.clone())),
            products: Arc::new(reading_products(Arc::clone(&catalogue), pool.clone())),
            catalogue,
            hub: Arc::new(Hub::default()),
            inbox_news: inbox_news::start(pool.clone(), stop.clone()),
            pool,
        };
        tokio::spawn(feed::follow(model.clone(), url.to_owned(), stop));
        Ok(model)
    }
}

fn finding_orders(pool: PgPool) -> Gather<OrderId, StoredOrder> {
    Gather::start(pool.options().get_max_connections(), move |ids| {
        let pool = pool.clone();
        Box::pin(async move { orders::find_all(&pool, &ids).await })
    })
}

fn finding_events(pool: PgPool) -> Gather<KnownUpTo, Vec<OrderEvent>> {
    Gather::start(pool.options().get_max_connections(), move |known| {
        let pool = pool.clone();
        Box::pin(async move { orders::events_after(&pool, &known).await })
    })
}

fn reading_products(catalogue: Arc<Catalogue>, pool: PgPool) -> Gather<Sku, ()> {
    Gather::start(pool.options().get_max_connections(), move |skus| {
        let (catalogue, pool) = (Arc::clone(&catalogue), pool.clone());
        Box::pin(async move {
            let names: Vec<_> = skus.iter().map(ToString::to_string).collect();
            catalogue.refresh(&pool, &names).await?;
            Ok(skus.into_iter().map(|sku| (sku, ())).collect())
        })
    })
}
