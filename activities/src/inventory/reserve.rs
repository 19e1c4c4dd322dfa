//! Holding stock: all lines of an order, or none.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Currency, Money, OrderId, PricedLine, Refusal, Sku, StockLine, allocate, order};
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;
use workflows::{
    StockLevel,
    activities::{Reservation, Reserve},
};

use super::uuids;
use crate::{Changes, changes::HeldOrder, database::DatabaseError};

/// Holds the stock of each of `asked`, first come, first served; writes orders, lines, holds and
/// events. `run_ids` are the workflow runs that ask, one for each.
///
/// An order that was decided before is not decided again: the run that it belongs to gets what
/// was stored, any other run is told that the order is taken.
///
/// # Errors
/// When Postgres can't be asked; then nothing is held.
pub async fn reserve(
    connection: &mut PgConnection,
    asked: &[(Reserve, String)],
) -> Result<(Vec<Reservation>, Changes), DatabaseError> {
    let Found { mut stock, known } = lock_stock(connection, asked).await?;
    // Whoever asks again, now or earlier in this batch, must not take units a second time.
    let mut seen: BTreeSet<_> = known.iter().copied().collect();
    let decided: Vec<_> = asked
        .iter()
        .filter(|(ask, _)| seen.insert(ask.order_id))
        .map(|(ask, run_id)| Decided {
            ask,
            run_id,
            lines: allocate(&ask.lines, ask.expected_total, &mut stock),
        })
        .collect();
    let mut stored = BTreeMap::new();
    if !known.is_empty() {
        stored.extend(read(connection, &known).await?);
    }
    let (written, changes) = write(connection, &decided, &stock).await?;
    if written.len() != decided.len() {
        // Another transaction wrote one of them after the look: what was decided with its units
        // counted twice is not kept.
        return Err(DatabaseError::Raced);
    }
    stored.extend(written);
    let reservation = |(ask, run_id): &(Reserve, String)| match stored.get(&ask.order_id) {
        Some((owner, reservation)) if owner == run_id => Ok(reservation.clone()),
        Some(_) => Ok(Reservation::TakenByAnotherRun),
        None => Err(DatabaseError::Stored(format!("order {} was not written", ask.order_id))),
    };
    let reservations = asked.iter().map(reservation).collect::<Result<_, _>>()?;
    Ok((reservations, changes))
}

/// What a batch finds before anything is decided.
struct Found {
    stock: BTreeMap<Sku, StockLine>,
    /// Those orders of the batch that were decided before.
    known: Vec<OrderId>,
}

/// A product and what there is of it, under lock.
#[derive(Debug, Deserialize)]
struct StockRow {
    sku: Sku,
    name: String,
    price_minor: i64,
    currency: Currency,
    available: i64,
}

/// One order of a batch, with what the domain decided.
struct Decided<'a> {
    ask: &'a Reserve,
    run_id: &'a str,
    lines: Result<Vec<PricedLine>, Refusal>,
}

/// Locks every row of stock that the batch asks for, in SKU order, and reads what there is; and
/// looks which of its orders are there already.
async fn lock_stock(
    connection: &mut PgConnection,
    asked: &[(Reserve, String)],
) -> Result<Found, DatabaseError> {
    let lines = asked.iter().flat_map(|(ask, _)| ask.lines.as_slice());
    let skus: Vec<_> = lines.map(|line| line.sku.to_string()).collect();
    let row = sqlx::query!(
        r#"
        with locked as (
            select sku, name, price_minor, currency, on_hand - held - sold as available
            from stock join products using (sku)
            where sku = any($1)
            order by sku
            for update of stock
        )
        select
            coalesce((select jsonb_agg(to_jsonb(locked)) from locked), '[]')
                as "stock!: Json<Vec<StockRow>>",
            array(select order_id from orders where order_id = any($2)) as "known!"
        "#,
        &skus,
        &uuids(asked.iter().map(|(ask, _)| ask.order_id)),
    )
    .fetch_one(connection)
    .await?;
    let stock = row.stock.0.into_iter().map(|row| {
        let unit_price = Money::new(row.price_minor, row.currency);
        (row.sku, StockLine { name: row.name, unit_price, available: row.available })
    });
    Ok(Found { stock: stock.collect(), known: row.known.into_iter().map(OrderId).collect() })
}

/// Writes what was decided, for those orders that are not there yet: the primary key of `orders`
/// is what makes a second try of the same order change nothing. Answers what was written.
async fn write(
    connection: &mut PgConnection,
    decided: &[Decided<'_>],
    stock: &BTreeMap<Sku, StockLine>,
) -> Result<(Vec<(OrderId, Owned)>, Changes), DatabaseError> {
    let orders = OrderColumns::of(decided);
    let lines = LineColumns::of(decided, stock);
    let row = sqlx::query!(
        r#"
        with asked as (
            select * from unnest(
                $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
                $7::text[], $8::bigint[], $9::bigint[]
            ) as asked (
                order_id, run_id, secret_hash, fingerprint, client_key, refusal,
                currency, total_minor, hold_ttl_ms
            )
        ), line as (
            select * from unnest(
                $10::uuid[], $11::integer[], $12::text[], $13::text[], $14::integer[], $15::bigint[]
            ) as line (order_id, position, sku, name, quantity, unit_price_minor)
        ), written as (
            insert into orders (
                order_id, run_id, secret_hash, fingerprint, client_key, refusal, currency,
                total_minor, state, expires_at
            )
            select
                order_id, run_id, secret_hash, fingerprint, client_key, refusal, currency,
                total_minor,
                case when refusal is null then 'awaiting_payment' else 'refused' end,
                case when refusal is null
                    then clock_timestamp() + hold_ttl_ms * interval '1 millisecond' end
            from asked
            on conflict (order_id) do nothing
            returning *
        ), written_line as (
            insert into order_lines
            select line.* from line join written using (order_id)
        ), hold as (
            insert into holds (order_id, run_id, expires_at)
            select order_id, run_id, expires_at from written where refusal is null
        ), level as (
            update stock
            set held = held + taken.units, version = version + 1
            from (
                select sku, sum(quantity)::bigint as units
                from line join written using (order_id)
                where refusal is null
                group by sku
            ) as taken
            where stock.sku = taken.sku
            returning stock.sku, on_hand, held, sold, version
        ), event as (
            insert into order_events (order_id, version, kind, snapshot, at)
            select order_id, version,
                case when refusal is null then 'held' else 'refused' end,
                order_snapshot(row(written.*)::orders), updated_at
            from written
        )
        select
            coalesce((select jsonb_agg(to_jsonb(written)) from written), '[]')
                as "orders!: Json<Vec<OrderRow>>",
            coalesce((select jsonb_agg(to_jsonb(level)) from level), '[]')
                as "levels!: Json<Vec<StockLevel>>"
        "#,
        &orders.order_id,
        &orders.run_id,
        &orders.secret_hash,
        &orders.fingerprint,
        &orders.client_key as &[Option<String>],
        &orders.refusal as &[Option<serde_json::Value>],
        &orders.currency as &[Option<String>],
        &orders.total_minor as &[Option<i64>],
        &orders.hold_ttl_ms,
        &lines.order_id,
        &lines.position,
        &lines.sku,
        &lines.name,
        &lines.quantity,
        &lines.unit_price_minor,
    )
    .fetch_one(connection)
    .await?;
    let orders = row.orders.0;
    let changes = Changes {
        orders: orders.iter().map(|order| OrderId(order.order_id)).collect(),
        held: held_orders(decided, &orders),
        stock: row.levels.0,
    };
    let written = orders.into_iter().map(OrderRow::owned).collect::<Result<_, _>>()?;
    Ok((written, changes))
}

/// Those of `decided` that were written as held, for readers in this process.
fn held_orders(decided: &[Decided<'_>], written: &[OrderRow]) -> Vec<HeldOrder> {
    let written: BTreeMap<_, _> = written.iter().map(|row| (row.order_id, row)).collect();
    let held = decided.iter().filter_map(|Decided { ask, lines, .. }| {
        let row = written.get(&ask.order_id.0)?;
        let lines = lines.as_ref().ok()?;
        Some(HeldOrder {
            order_id: ask.order_id,
            secret_hash: ask.secret_hash.clone(),
            fingerprint: ask.fingerprint.clone(),
            total: order::total(lines)?,
            lines: lines.clone(),
            expires_at: row.expires_at?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    });
    held.collect()
}

/// The orders of a batch as columns, for `unnest`.
#[derive(Default)]
struct OrderColumns {
    order_id: Vec<Uuid>,
    run_id: Vec<String>,
    secret_hash: Vec<String>,
    fingerprint: Vec<String>,
    client_key: Vec<Option<String>>,
    refusal: Vec<Option<serde_json::Value>>,
    currency: Vec<Option<String>>,
    total_minor: Vec<Option<i64>>,
    hold_ttl_ms: Vec<i64>,
}

impl OrderColumns {
    fn of(decided: &[Decided<'_>]) -> Self {
        let mut columns = Self::default();
        for Decided { ask, run_id, lines } in decided {
            let total = lines.as_ref().ok().and_then(|lines| order::total(lines));
            let refusal = lines.as_ref().err().and_then(|no| serde_json::to_value(no).ok());
            columns.order_id.push(ask.order_id.0);
            columns.run_id.push((*run_id).to_owned());
            columns.secret_hash.push(ask.secret_hash.as_str().to_owned());
            columns.fingerprint.push(ask.fingerprint.as_str().to_owned());
            columns.client_key.push(ask.client_key.clone());
            columns.refusal.push(refusal);
            columns.currency.push(total.map(|total| total.currency.to_string()));
            columns.total_minor.push(total.map(|total| total.amount));
            columns.hold_ttl_ms.push(i64::try_from(ask.hold_ttl_ms).unwrap_or(i64::MAX));
        }
        columns
    }
}

/// The lines of a batch as columns, for `unnest`.
#[derive(Default)]
struct LineColumns {
    order_id: Vec<Uuid>,
    position: Vec<i32>,
    sku: Vec<String>,
    name: Vec<String>,
    quantity: Vec<i32>,
    unit_price_minor: Vec<i64>,
}

impl LineColumns {
    /// A refused order keeps its lines as well, except for products that the shop does not have.
    fn of(decided: &[Decided<'_>], stock: &BTreeMap<Sku, StockLine>) -> Self {
        let mut columns = Self::default();
        for Decided { ask, .. } in decided {
            for (position, line) in (0..).zip(ask.lines.as_slice()) {
                let Some(found) = stock.get(&line.sku) else {
                    continue;
                };
                columns.order_id.push(ask.order_id.0);
                columns.position.push(position);
                columns.sku.push(line.sku.to_string());
                columns.name.push(found.name.clone());
                columns.quantity.push(i32::try_from(line.quantity.get()).unwrap_or(i32::MAX));
                columns.unit_price_minor.push(found.unit_price.amount);
            }
        }
        columns
    }
}

/// Reads how orders stand that were decided before, and whose they are.
async fn read(
    connection: &mut PgConnection,
    known: &[OrderId],
) -> Result<Vec<(OrderId, Owned)>, DatabaseError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"select order_id, run_id, expires_at, created_at, updated_at, total_minor,
               currency, refusal as "refusal: Json<Refusal>"
           from orders where order_id = any($1)"#,
        &uuids(known.iter().copied()),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(OrderRow::owned).collect()
}

/// A decision, and the workflow run that it was made for.
type Owned = (String, Reservation);

/// What a row of `orders` says of the decision.
#[derive(Debug, Deserialize)]
struct OrderRow {
    order_id: Uuid,
    run_id: String,
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    total_minor: Option<i64>,
    currency: Option<String>,
    refusal: Option<Json<Refusal>>,
}

impl OrderRow {
    fn owned(self) -> Result<(OrderId, Owned), DatabaseError> {
        let reservation = match self.refusal {
            Some(Json(refusal)) => Reservation::Refused { refusal },
            None => held(self.expires_at, self.total_minor, self.currency.as_deref())?,
        };
        Ok((OrderId(self.order_id), (self.run_id, reservation)))
    }
}

fn held(
    expires_at: Option<OffsetDateTime>,
    total_minor: Option<i64>,
    currency: Option<&str>,
) -> Result<Reservation, DatabaseError> {
    let currency = currency.and_then(|code| code.parse().ok());
    match (expires_at, total_minor, currency) {
        (Some(expires_at), Some(amount), Some(currency)) => {
            Ok(Reservation::Held { expires_at, total: Money::new(amount, currency) })
        }
        _ => Err(unreadable("a held order without total or end")),
    }
}

fn unreadable(what: &str) -> DatabaseError {
    DatabaseError::Stored(what.to_owned())
}
