//! Orders, as operators look for them. Each way to look is a statement of its own: one for all of
//! them would be planned once, for the worst of them.

use domain::{OrderState, Sku};
use serde::Serialize;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// An order in a list.
#[derive(Clone, Debug, Serialize)]
pub struct OrderRow {
    /// Which.
    pub order_id: Uuid,
    /// Where it stands.
    pub state: String,
    /// Where its payment stands.
    pub payment_state: String,
    /// What it costs.
    pub total_minor: Option<i64>,
    /// In which currency.
    pub currency: Option<String>,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Those in this state.
    pub state: Option<OrderState>,
    /// Those written then or later.
    pub from: Option<OffsetDateTime>,
    /// Those written before.
    pub to: Option<OffsetDateTime>,
    /// Those with this product.
    pub sku: Option<Sku>,
    /// Which of them.
    pub which: Which,
}

/// Which orders are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// Any.
    #[default]
    Any,
    /// Those with an id from one to another.
    Ids(Uuid, Uuid),
    /// The one with this payment at the provider.
    Payment(String),
}

/// Where a page begins: after the order that was written then.
type Place = (OffsetDateTime, Uuid);

/// Orders, newest first, those older than `before`.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn orders(
    pool: &PgPool,
    search: &Search,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<OrderRow>, ReadError> {
    let before = earlier(before, search.to);
    match (&search.which, &search.sku, search.state) {
        (Which::Any, None, None) => of_any_state(pool, search, before, limit).await,
        (Which::Any, None, Some(state)) => of_state(pool, state, search, before, limit).await,
        (Which::Any, Some(sku), _) => with_product(pool, sku, search, before, limit).await,
        (Which::Ids(first, last), ..) => {
            named(pool, (Some(*first), Some(*last), None), search, before, limit).await
        }
        (Which::Payment(payment), ..) => {
            named(pool, (None, None, Some(payment)), search, before, limit).await
        }
    }
}

/// Where to begin. One bound and not two: of two, Postgres begins at one and reads its way to the
/// other, through everything that there is in between.
fn earlier(before: Option<Place>, to: Option<OffsetDateTime>) -> Option<Place> {
    let to = to.map(|to| (to, Uuid::nil()));
    match (before, to) {
        (Some(before), Some(to)) => Some(before.min(to)),
        (before, to) => before.or(to),
    }
}

async fn of_any_state(
    pool: &PgPool,
    search: &Search,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<OrderRow>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        OrderRow,
        "select order_id, state, payment_state, total_minor, currency, created_at, updated_at
         from orders
         where (created_at, order_id) < (coalesce($1, 'infinity'::timestamptz),
                coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           and created_at >= coalesce($3, '-infinity'::timestamptz)
         order by created_at desc, order_id desc
         limit $4",
        at,
        id,
        search.from,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

async fn of_state(
    pool: &PgPool,
    state: OrderState,
    search: &Search,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<OrderRow>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        OrderRow,
        "select order_id, state, payment_state, total_minor, currency, created_at, updated_at
         from orders
         where state = $1
           and (created_at, order_id) < (coalesce($2, 'infinity'::timestamptz),
                coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
           and created_at >= coalesce($4, '-infinity'::timestamptz)
         order by created_at desc, order_id desc
         limit $5",
        state.as_str(),
        at,
        id,
        search.from,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

async fn with_product(
    pool: &PgPool,
    sku: &Sku,
    search: &Search,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<OrderRow>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        OrderRow,
        "select order_id, state, payment_state, total_minor, currency, created_at, updated_at
         from order_lines join orders using (order_id)
         where sku = $1
           and ($2::text is null or state = $2)
           and ($3::timestamptz is null or (created_at, order_id) < ($3, $4))
           and ($5::timestamptz is null or created_at >= $5)
         order by created_at desc, order_id desc
         limit $6",
        sku.as_str(),
        search.state.map(OrderState::as_str),
        at,
        id,
        search.from,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// By the order's id, or that of its payment.
async fn named(
    pool: &PgPool,
    (first, last, payment): (Option<Uuid>, Option<Uuid>, Option<&str>),
    search: &Search,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<OrderRow>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        OrderRow,
        "select order_id, state, payment_state, total_minor, currency, created_at, updated_at
         from orders
         where (order_id between $1 and $2 or payment_intent = $3)
           and ($4::text is null or state = $4)
           and ($5::timestamptz is null or (created_at, order_id) < ($5, $6))
           and ($7::timestamptz is null or created_at >= $7)
           and ($8::text is null or exists (
                select from order_lines as line where line.order_id = orders.order_id and sku = $8))
         order by created_at desc, order_id desc
         limit $9",
        first,
        last,
        payment,
        search.state.map(OrderState::as_str),
        at,
        id,
        search.from,
        search.sku.as_ref().map(Sku::as_str),
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_at_the_earlier_of_both_bounds() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let place = (at(10), Uuid::max());
        assert_eq!(earlier(None, None), None);
        assert_eq!(earlier(Some(place), None), Some(place));
        assert_eq!(earlier(Some(place), Some(at(11))), Some(place));
        // Nothing has a smaller id: what was written just then is left out.
        assert_eq!(earlier(Some(place), Some(at(10))), Some((at(10), Uuid::nil())));
        assert_eq!(earlier(None, Some(at(9))), Some((at(9), Uuid::nil())));
    }
}
