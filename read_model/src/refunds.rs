//! Refunds, as operators see them.

use domain::{Currency, Money, OrderId, RefundId, RefundLine, RefundRefusal};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgPool, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// Money that goes back.
#[derive(Clone, Debug, Serialize)]
pub struct RefundView {
    /// Which refund.
    pub refund_id: Uuid,
    /// Whose money.
    pub order_id: Uuid,
    /// Where it stands.
    pub state: String,
    /// How much.
    pub amount: Option<Money>,
    /// Of which units.
    pub lines: Vec<RefundLine>,
    /// Why, if somebody said so.
    pub reason: Option<String>,
    /// Who asked for it: `operator`, or `provider` where it was made there.
    pub origin: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// The provider's id of it, once it is known.
    pub provider_refund: Option<String>,
    /// When it was decided.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// A refund with what it was asked for.
#[derive(Clone, Debug)]
pub struct StoredRefund {
    /// What operators see of it.
    pub view: RefundView,
    /// The request, as it was written down.
    pub request: Value,
    /// Why it is not to be, if so.
    pub refusal: Option<RefundRefusal>,
}

/// The refund of this id, or those of this order, oldest first.
async fn find(
    pool: &PgPool,
    refund: Option<RefundId>,
    order: Option<OrderId>,
) -> Result<Vec<StoredRefund>, ReadError> {
    let rows = sqlx::query!(
        r#"select refund_id, refunds.order_id, refunds.state, amount_minor, currency, reason,
            origin, failure, provider_refund, refunds.created_at, refunds.updated_at, request,
            refunds.refusal as "refusal: Json<RefundRefusal>",
            coalesce((
                select jsonb_agg(jsonb_build_object(
                    'sku', sku, 'quantity', quantity, 'restock', restock) order by sku)
                from refund_lines where refund_lines.refund_id = refunds.refund_id
            ), '[]') as "lines!: Json<Vec<RefundLine>>"
         from refunds join orders using (order_id)
         where refund_id = $1 or refunds.order_id = $2
         order by refunds.created_at, refund_id"#,
        refund.map(|id| id.0),
        order.map(|id| id.0),
    )
    .fetch_all(pool)
    .await?;
    let stored = rows.into_iter().map(|row| {
        let currency: Option<Currency> = row.currency.and_then(|code| code.parse().ok());
        StoredRefund {
            view: RefundView {
                refund_id: row.refund_id,
                order_id: row.order_id,
                state: row.state,
                amount: row.amount_minor.zip(currency).map(|(minor, of)| Money::new(minor, of)),
                lines: row.lines.0,
                reason: row.reason,
                origin: row.origin,
                failure: row.failure,
                provider_refund: row.provider_refund,
                created_at: row.created_at,
                updated_at: row.updated_at,
            },
            request: row.request,
            refusal: row.refusal.map(|refusal| refusal.0),
        }
    });
    Ok(stored.collect())
}

/// The refund of this id, if it is decided.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn refund(pool: &PgPool, refund: RefundId) -> Result<Option<StoredRefund>, ReadError> {
    Ok(find(pool, Some(refund), None).await?.pop())
}

/// The refunds of an order, oldest first; without those that were refused.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn refunds_of(pool: &PgPool, order: OrderId) -> Result<Vec<RefundView>, ReadError> {
    let stored = find(pool, None, Some(order)).await?;
    let accepted = stored.into_iter().filter(|refund| refund.refusal.is_none());
    Ok(accepted.map(|refund| refund.view).collect())
}

/// Whether an id is taken by another of operators' changes, and can't be a refund's.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn is_another_change(pool: &PgPool, id: RefundId) -> Result<bool, ReadError> {
    let taken = sqlx::query_scalar!(
        r#"select exists (
            select from operator_changes where change_id = $1 and kind <> 'refund'
        ) as "taken!""#,
        id.0,
    )
    .fetch_one(pool)
    .await?;
    Ok(taken)
}
