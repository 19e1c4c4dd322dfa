//! One order, as shoppers and operators see it.

use std::collections::BTreeMap;

use domain::{
    AttemptId, Currency, Fingerprint, Money, OrderId, OrderState, PaymentState, PricedLine,
    Refusal, SecretHash,
};
use serde::Deserialize;
use sqlx::{PgPool, types::Json};
use time::OffsetDateTime;

use crate::{ReadAt, ReadError};

/// An order with its lines.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// Which.
    pub order_id: OrderId,
    /// Goes up with every change.
    pub version: i64,
    /// What was ordered, at the price at which it is held.
    pub lines: Vec<PricedLine>,
    /// Their sum; none for an order that was refused.
    pub total: Option<Money>,
    /// The end of the hold; none for an order that was refused.
    pub expires_at: Option<OffsetDateTime>,
    /// What changes.
    pub changing: Changing,
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// When it was read.
    pub read_at: ReadAt,
}

/// The part of an order that changes: the shape of `order_snapshot` in the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Changing {
    /// Where the order stands.
    pub state: OrderState,
    /// Where its payment stands.
    pub payment_state: PaymentState,
    /// How many attempts to pay there were.
    pub payment_attempts: u32,
    /// Why the last one was declined.
    pub decline_code: Option<String>,
    /// Where the shopper has to go.
    pub next_action_url: Option<String>,
    /// Money given back, minor units.
    pub refunded_minor: i64,
    /// Money on its way back, minor units.
    pub refund_pending_minor: i64,
}

impl Changing {
    /// As `reserve` writes an order whose units are held.
    #[must_use]
    pub const fn just_held() -> Self {
        Self {
            state: OrderState::AwaitingPayment,
            payment_state: PaymentState::None,
            payment_attempts: 0,
            decline_code: None,
            next_action_url: None,
            refunded_minor: 0,
            refund_pending_minor: 0,
        }
    }
}

/// An order with what only the server knows of it.
#[derive(Clone, Debug)]
pub struct StoredOrder {
    /// What its client may see.
    pub checkout: Checkout,
    /// Who its client is.
    pub secret_hash: SecretHash,
    /// What its client asked for.
    pub fingerprint: Fingerprint,
    /// Why nothing is held, if so.
    pub refusal: Option<Refusal>,
    /// The provider's id of its payment.
    pub payment_intent: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Line {
    sku: domain::Sku,
    name: String,
    quantity: domain::Quantity,
    unit_price_minor: i64,
    currency: Currency,
}

impl From<Line> for PricedLine {
    fn from(line: Line) -> Self {
        Self {
            sku: line.sku,
            name: line.name,
            quantity: line.quantity,
            unit_price: Money::new(line.unit_price_minor, line.currency),
        }
    }
}

/// The order of this id, if it is written.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn find(pool: &PgPool, order: OrderId) -> Result<Option<StoredOrder>, ReadError> {
    Ok(find_all(pool, &[order]).await?.remove(&order))
}

/// Those of `orders` that are written.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn find_all(
    pool: &PgPool,
    orders: &[OrderId],
) -> Result<BTreeMap<OrderId, StoredOrder>, ReadError> {
    let ids: Vec<_> = orders.iter().map(|order| order.0).collect();
    let rows = sqlx::query!(
        r#"
        select order_id, version, secret_hash, fingerprint, payment_intent, currency, total_minor,
            expires_at, created_at, updated_at, refusal as "refusal: Json<Refusal>",
            clock_timestamp() as "now!",
            order_snapshot(orders.*) as "changing!: Json<Changing>",
            coalesce((
                select jsonb_agg(jsonb_build_object(
                    'sku', line.sku, 'name', line.name, 'quantity', line.quantity,
                    'unit_price_minor', line.unit_price_minor,
                    'currency', coalesce(orders.currency, products.currency)
                ) order by position)
                from order_lines as line join products on products.sku = line.sku
                where line.order_id = orders.order_id
            ), '[]') as "lines!: Json<Vec<Line>>"
        from orders
        where order_id = any($1)
        "#,
        &ids,
    )
    .fetch_all(pool)
    .await?;
    let orders = rows.into_iter().map(|row| {
        let currency: Option<Currency> = row.currency.as_deref().and_then(|code| code.parse().ok());
        let order_id = OrderId(row.order_id);
        let checkout = Checkout {
            order_id,
            version: row.version,
            lines: row.lines.0.into_iter().map(PricedLine::from).collect(),
            total: row
                .total_minor
                .zip(currency)
                .map(|(minor, currency)| Money::new(minor, currency)),
            expires_at: row.expires_at,
            changing: row.changing.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
            read_at: ReadAt::just_now(row.now),
        };
        let stored = StoredOrder {
            checkout,
            secret_hash: SecretHash::from_stored(row.secret_hash),
            fingerprint: Fingerprint::from_stored(row.fingerprint),
            refusal: row.refusal.map(|refusal| refusal.0),
            payment_intent: row.payment_intent,
        };
        (order_id, stored)
    });
    Ok(orders.collect())
}

/// One change of an order: its number, and the order's changing part after it.
#[derive(Clone, Debug)]
pub struct OrderEvent {
    /// Its place among all events.
    pub seq: i64,
    /// The order's version after it.
    pub version: i64,
    /// What happened.
    pub kind: String,
    /// The order's changing part after it.
    pub changing: Changing,
    /// When.
    pub at: OffsetDateTime,
}

/// An order, and the number of the event up to which somebody knows it; 0 when they know nothing.
pub type KnownUpTo = (OrderId, i64);

/// The changes of each order after what is known of it, oldest first; nothing for those without.
/// An order's own events commit in the order of their versions, so that none is skipped.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn events_after(
    pool: &PgPool,
    known: &[KnownUpTo],
) -> Result<BTreeMap<KnownUpTo, Vec<OrderEvent>>, ReadError> {
    let (orders, after): (Vec<_>, Vec<_>) =
        known.iter().map(|(order, seq)| (order.0, *seq)).unzip();
    let rows = sqlx::query!(
        r#"select known.order_id as "order_id!", known.after as "after!", event.seq, event.version,
                event.kind, event.at, event.snapshot as "changing: Json<Changing>"
           from unnest($1::uuid[], $2::bigint[]) as known(order_id, after)
           join order_events as event
             on event.order_id = known.order_id and event.seq > known.after
           order by event.version"#,
        &orders,
        &after,
    )
    .fetch_all(pool)
    .await?;
    let mut news = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        news.entry((OrderId(row.order_id), row.after)).or_default().push(OrderEvent {
            seq: row.seq,
            version: row.version,
            kind: row.kind,
            changing: row.changing.0,
            at: row.at,
        });
    }
    Ok(news)
}

/// Whether this try to pay was made.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn has_attempt(
    pool: &PgPool,
    order: OrderId,
    attempt: AttemptId,
) -> Result<bool, ReadError> {
    let made = sqlx::query_scalar!(
        r#"select exists (
            select from payment_attempts where order_id = $1 and attempt_id = $2
        ) as "made!""#,
        order.0,
        attempt.0,
    )
    .fetch_one(pool)
    .await?;
    Ok(made)
}

/// How many open holds there are of this client, those of `except` not counted.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn open_holds_of(
    pool: &PgPool,
    client_key: &str,
    except: &[OrderId],
) -> Result<i64, ReadError> {
    let except: Vec<_> = except.iter().map(|order| order.0).collect();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from orders
           where client_key = $1 and state in ('awaiting_payment', 'paying', 'closing')
             and order_id <> all($2)"#,
        client_key,
        &except,
    )
    .fetch_one(pool)
    .await?;
    Ok(count)
}
