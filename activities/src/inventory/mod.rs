//! Stock: hold it, make it the buyer's, put it back.
//!
//! Each operation takes a slice of orders (one order is a slice of one), locks the rows of stock
//! that it touches in SKU order, and then does all of it in one statement: the hold, the stock,
//! the order and its event change together or not at all.

mod commit;
mod release;
mod reserve;

use domain::OrderId;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;
use workflows::StockLevel;

pub use self::{
    commit::commit,
    release::{release, return_units},
    reserve::reserve,
};
use crate::{Changes, database::DatabaseError};

/// What a statement says it changed.
pub(crate) struct Moved {
    pub(crate) orders: Option<Json<Vec<Uuid>>>,
    pub(crate) levels: Option<Json<Vec<StockLevel>>>,
}

impl Moved {
    pub(crate) fn changes(self) -> Changes {
        Changes {
            held: Vec::new(),
            orders: self
                .orders
                .map_or_else(Vec::new, |ids| ids.0.into_iter().map(OrderId).collect()),
            stock: self.levels.map_or_else(Vec::new, |levels| levels.0),
        }
    }
}

fn uuids(orders: impl IntoIterator<Item = OrderId>) -> Vec<Uuid> {
    orders.into_iter().map(|order| order.0).collect()
}

/// Locks the stock of `orders`, in SKU order, so that no two transactions wait for each other.
pub(crate) async fn lock_stock_of(
    connection: &mut PgConnection,
    orders: &[Uuid],
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "select sku from stock
         where sku in (select sku from order_lines where order_id = any($1))
         order by sku
         for update",
        orders,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
