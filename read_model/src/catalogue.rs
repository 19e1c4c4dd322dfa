//! Products and stock in memory: what shoppers read costs no statement.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use domain::{Money, Sku, StockLine};
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::ReadError;

/// A product, as it was last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Which.
    pub sku: Sku,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Where its picture is.
    pub image_url: Option<String>,
    /// For one unit.
    pub price: Money,
    /// Goes up with every change of the above.
    pub version: i64,
    /// Units that nobody holds or has bought.
    pub available: i64,
    /// Goes up with every change of the stock.
    pub stock_version: i64,
}

type Shelf = BTreeMap<Sku, Arc<ArcSwap<Product>>>;

/// The snapshot. Readers never wait; writers replace one product at a time.
pub struct Catalogue {
    shelf: ArcSwap<Shelf>,
    as_of_ms: AtomicI64,
}

impl Catalogue {
    /// Reads everything.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn load(pool: &PgPool) -> Result<Self, ReadError> {
        let catalogue = Self { shelf: ArcSwap::default(), as_of_ms: AtomicI64::new(now_ms()) };
        catalogue.put(read(pool, None).await?);
        Ok(catalogue)
    }

    /// Reads everything again.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn reload(&self, pool: &PgPool) -> Result<(), ReadError> {
        self.put(read(pool, None).await?);
        Ok(())
    }

    /// Reads these products again.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn refresh(&self, pool: &PgPool, skus: &[String]) -> Result<(), ReadError> {
        self.put(read(pool, Some(skus)).await?);
        Ok(())
    }

    /// Takes word of a product's stock; an older word than what is known is ignored.
    pub fn stock_changed(&self, sku: &Sku, available: i64, stock_version: i64) {
        if let Some(cell) = self.shelf.load().get(sku) {
            cell.rcu(|product| {
                let mut product = Product::clone(product);
                if product.stock_version < stock_version {
                    product.available = available;
                    product.stock_version = stock_version;
                }
                product
            });
        }
    }

    /// Says that everything that had been committed by now is known.
    pub fn is_fresh(&self) {
        self.as_of_ms.store(now_ms(), Ordering::Relaxed);
    }

    /// Since when nothing that was committed can be missing.
    #[must_use]
    pub fn as_of(&self) -> OffsetDateTime {
        let ms = i128::from(self.as_of_ms.load(Ordering::Relaxed));
        OffsetDateTime::from_unix_timestamp_nanos(ms * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// One product.
    #[must_use]
    pub fn product(&self, sku: &Sku) -> Option<Arc<Product>> {
        self.shelf.load().get(sku).map(|cell| cell.load_full())
    }

    /// Up to `limit` products in SKU order, those after `after`.
    #[must_use]
    pub fn page(&self, after: Option<&Sku>, limit: usize) -> Vec<Arc<Product>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, |sku| Excluded(sku.clone()));
        let shelf = self.shelf.load();
        shelf.range((from, Unbounded)).take(limit).map(|(_, cell)| cell.load_full()).collect()
    }

    /// The stock of these SKUs, as the allocation wants it.
    pub fn stock<'a>(&self, skus: impl Iterator<Item = &'a Sku>) -> BTreeMap<Sku, StockLine> {
        let line = |sku: &Sku| {
            let product = self.product(sku)?;
            let line = StockLine {
                name: product.name.clone(),
                unit_price: product.price,
                available: product.available,
            };
            Some((sku.clone(), line))
        };
        skus.filter_map(line).collect()
    }

    fn put(&self, products: Vec<Product>) {
        let shelf = self.shelf.load();
        let (known, new): (Vec<_>, Vec<_>) =
            products.into_iter().partition(|product| shelf.contains_key(&product.sku));
        for read in known {
            if let Some(cell) = shelf.get(&read.sku) {
                cell.rcu(|held| newer(held, &read));
            }
        }
        if new.is_empty() {
            return;
        }
        self.shelf.rcu(|shelf| {
            let mut shelf = Shelf::clone(shelf);
            for product in &new {
                // Somebody else may have put it there since.
                let held = shelf.get(&product.sku).map(|cell| cell.load_full());
                let newest = held.map_or_else(|| product.clone(), |held| newer(&held, product));
                shelf.insert(product.sku.clone(), Arc::new(ArcSwap::from_pointee(newest)));
            }
            shelf
        });
    }
}

/// The newer of each half: what a product is, and how many of it there are.
fn newer(held: &Product, read: &Product) -> Product {
    let mut product = if read.version >= held.version { read.clone() } else { held.clone() };
    let stock = if read.stock_version >= held.stock_version { read } else { held };
    product.available = stock.available;
    product.stock_version = stock.stock_version;
    product
}

async fn read(pool: &PgPool, skus: Option<&[String]>) -> Result<Vec<Product>, ReadError> {
    let rows = sqlx::query!(
        r#"select sku, name, description, image_url, price_minor, currency,
            products.version, on_hand - held - sold as "available!", stock.version as stock_version
         from products join stock using (sku)
         where $1::text[] is null or sku = any($1)"#,
        skus,
    )
    .fetch_all(pool)
    .await?;
    // A product that can't be read is not for sale; it must not close the shop for all others.
    let products = rows.into_iter().filter_map(|row| {
        let sku = row.sku.parse().ok();
        let Some((sku, currency)) = sku.zip(row.currency.parse().ok()) else {
            tracing::error!(row.sku, row.currency, "a stored product can't be read");
            return None;
        };
        Some(Product {
            sku,
            name: row.name,
            description: row.description,
            image_url: row.image_url,
            price: Money::new(row.price_minor, currency),
            version: row.version,
            available: row.available,
            stock_version: row.stock_version,
        })
    });
    Ok(products.collect())
}

fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(version: i64, stock_version: i64, available: i64) -> Product {
        Product {
            sku: "mug".parse().unwrap(),
            name: format!("v{version}"),
            description: String::new(),
            image_url: None,
            price: Money::new(100, "EUR".parse().unwrap()),
            version,
            available,
            stock_version,
        }
    }

    #[test]
    fn an_older_word_never_replaces_a_newer_one() {
        let catalogue = Catalogue { shelf: ArcSwap::default(), as_of_ms: AtomicI64::new(0) };
        catalogue.put(vec![product(2, 5, 7)]);
        catalogue.put(vec![product(1, 6, 3)]);
        catalogue.stock_changed(&"mug".parse().unwrap(), 99, 4);
        let now = catalogue.product(&"mug".parse().unwrap()).unwrap();
        assert_eq!((now.name.as_str(), now.available), ("v2", 3));
    }
}
