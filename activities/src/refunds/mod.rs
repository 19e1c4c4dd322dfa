//! Refunds: what goes back is decided and written down before the provider is asked, and is the
//! order's only when the provider says that the money has moved.
//!
//! Whatever changes an order's money holds its row; whatever moves units holds the stock first.

mod at_provider;
mod begin;
mod finish;
mod seen;

use domain::{
    Currency, Money, OrderId, OrderState, RefundId, RefundLine, RefundState,
    order::PricedLine,
    refund::{BoughtLine, Refundable},
};
use sqlx::{PgConnection, PgPool};

pub use self::{begin::begin, finish::finish};
use crate::database::DatabaseError;

/// A refund that is written down, with the payment that it is of.
#[derive(Clone, Debug)]
pub struct RefundRow {
    /// Whose money.
    pub order_id: OrderId,
    /// Where it stands.
    pub state: RefundState,
    /// How much; none of a refused one.
    pub amount: Option<Money>,
    /// The provider's id of the payment.
    pub payment_intent: String,
    /// The provider's id of the refund, once it is known.
    pub provider_refund: Option<String>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Reads a refund.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn find(pool: &PgPool, refund: RefundId) -> Result<Option<RefundRow>, DatabaseError> {
    let row = sqlx::query!(
        "select order_id, refunds.state, amount_minor, currency, payment_intent, provider_refund,
            failure
         from refunds join orders using (order_id)
         where refund_id = $1",
        refund.0,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let currency = row.currency.and_then(|code| code.parse().ok());
    Ok(Some(RefundRow {
        order_id: OrderId(row.order_id),
        state: row.state.parse().map_err(|_| DatabaseError::Stored(row.state))?,
        amount: row.amount_minor.zip(currency).map(|(minor, currency)| Money::new(minor, currency)),
        payment_intent: row.payment_intent.unwrap_or_default(),
        provider_refund: row.provider_refund,
        failure: row.failure,
    }))
}

/// Which refund of ours the provider's `provider_refund` of `order` is, and where it stands if it is
/// written down: the one that is known by that id; else the one whose id it carries (`says`), if
/// that one still waits to be made or is not known; else a new one, with an id made from its own.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn known_as(
    pool: &PgPool,
    order: OrderId,
    provider_refund: &str,
    says: Option<RefundId>,
) -> Result<(RefundId, Option<RefundState>), DatabaseError> {
    let row = sqlx::query!(
        r#"select refund_id, state,
            coalesce(provider_refund = $1, false) as "by_provider!",
            order_id = $3 and state = 'pending' and provider_refund is null as "to_be_made!"
         from refunds
         where provider_refund = $1 or refund_id = $2
         order by 3 desc
         limit 1"#,
        provider_refund,
        says.map(|id| id.0),
        order.0,
    )
    .fetch_optional(pool)
    .await?;
    match row {
        Some(row) if row.by_provider || row.to_be_made => {
            let state = row.state.parse().map_err(|_| DatabaseError::Stored(row.state))?;
            Ok((RefundId(row.refund_id), Some(state)))
        }
        // A copy of an id that another refund has.
        Some(_) => Ok((RefundId::of_provider(provider_refund), None)),
        None => Ok((says.unwrap_or_else(|| RefundId::of_provider(provider_refund)), None)),
    }
}

/// Keeps the provider's id of a refund.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn keep_provider_id(
    pool: &PgPool,
    refund: RefundId,
    provider_refund: &str,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "update refunds set provider_refund = $2, updated_at = clock_timestamp()
         where refund_id = $1 and provider_refund is null",
        refund.0,
        provider_refund,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// An order whose money moves: its row stays locked for as long as the transaction lasts.
pub(crate) struct LockedOrder {
    pub state: OrderState,
    pub captured_minor: i64,
    /// None of an order that was refused.
    pub currency: Option<Currency>,
    pub refunded_minor: i64,
    pub pending_minor: i64,
}

/// Locks an order; none when there is no such order.
pub(crate) async fn lock_order(
    connection: &mut PgConnection,
    order: OrderId,
) -> Result<Option<LockedOrder>, DatabaseError> {
    let row = sqlx::query!(
        "select state, captured_minor, refunded_minor, refund_pending_minor, currency
         from orders where order_id = $1 for update",
        order.0,
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let currency = row.currency.map(|code| code.parse().map_err(|_| DatabaseError::Stored(code)));
    Ok(Some(LockedOrder {
        state: row.state.parse().map_err(|_| DatabaseError::Stored(row.state))?,
        captured_minor: row.captured_minor,
        currency: currency.transpose()?,
        refunded_minor: row.refunded_minor,
        pending_minor: row.refund_pending_minor,
    }))
}

/// What may be refunded of a locked order that is paid.
async fn refundable(
    connection: &mut PgConnection,
    order: OrderId,
    locked: &LockedOrder,
) -> Result<Refundable, DatabaseError> {
    let currency = locked
        .currency
        .ok_or_else(|| DatabaseError::Stored(format!("{order} is paid, in no currency")))?;
    let rows = sqlx::query!(
        r#"select sku, name, quantity, unit_price_minor, coalesce((
                select sum(refund_lines.quantity)
                from refund_lines join refunds using (refund_id)
                where refunds.order_id = order_lines.order_id
                  and refund_lines.sku = order_lines.sku
                  and refunds.state in ('pending', 'succeeded')
            ), 0)::integer as "refunded_units!"
         from order_lines where order_id = $1 order by position"#,
        order.0,
    )
    .fetch_all(connection)
    .await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let stored = || DatabaseError::Stored(format!("line {} of {order}", row.sku));
        let quantity = u32::try_from(row.quantity).ok().and_then(|units| units.try_into().ok());
        let unit_price = Money::new(row.unit_price_minor, currency);
        lines.push(BoughtLine {
            line: PricedLine {
                sku: row.sku.parse().map_err(|_| stored())?,
                quantity: quantity.ok_or_else(stored)?,
                unit_price,
                name: row.name,
            },
            refunded_units: u32::try_from(row.refunded_units).unwrap_or(u32::MAX),
        });
    }
    Ok(Refundable {
        state: locked.state,
        captured: Money::new(locked.captured_minor, currency),
        refunded_minor: locked.refunded_minor,
        pending_minor: locked.pending_minor,
        lines,
    })
}

/// The lines of a refund as the database takes them: SKUs, units, whether they go back.
fn columns(lines: &[RefundLine]) -> (Vec<String>, Vec<i32>, Vec<bool>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        columns.0.push(line.sku.to_string());
        columns.1.push(i32::try_from(line.quantity.get()).unwrap_or(i32::MAX));
        columns.2.push(line.restock);
    }
    columns
}
