//! Stock, as operators read it.

use domain::Sku;
use serde::Serialize;
use sqlx::PgPool;

use crate::ReadError;

/// What there is of a product: `on_hand = available + held + sold`.
#[derive(Clone, Debug, Serialize)]
pub struct StockRow {
    /// Which product.
    pub sku: String,
    /// Every unit stocked and not written off.
    pub on_hand: i64,
    /// Units that nobody holds or has bought.
    pub available: i64,
    /// Units of open holds.
    pub held: i64,
    /// Units of confirmed orders.
    pub sold: i64,
    /// Goes up with every change.
    pub version: i64,
}

/// Stock in SKU order, that after `after`; or that of one SKU.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn stock(
    pool: &PgPool,
    only: Option<&Sku>,
    after: Option<&Sku>,
    limit: i64,
) -> Result<Vec<StockRow>, ReadError> {
    let rows = sqlx::query_as!(
        StockRow,
        r#"select sku, on_hand, on_hand - held - sold as "available!", held, sold, version
           from stock
           where ($1::text is null or sku = $1) and ($2::text is null or sku > $2)
           order by sku
           limit $3"#,
        only.map(Sku::as_str),
        after.map(Sku::as_str),
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
