//! How a product's stock came to be what it is. Made of what orders, refunds and operators have
//! written down anyway: a table of its own would double what each hold writes.

use domain::Sku;
use serde::Serialize;
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ReadError;

/// Units that moved. All movements of a product together are its stock.
#[derive(Clone, Debug, Serialize)]
pub struct Movement {
    /// `held`, `sold`, `released`, `returned`, `restocked` or `adjusted`.
    pub kind: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Units that came in, or went out.
    pub on_hand_delta: i64,
    /// Units that an open hold has now, or had.
    pub held_delta: i64,
    /// Units that a buyer has now, or had.
    pub sold_delta: i64,
    /// Whose.
    pub order_id: Option<Uuid>,
    /// Who counted.
    pub actor: Option<String>,
    /// Why, as they said.
    pub reason: Option<String>,
    /// Tells movements of one moment apart.
    #[serde(skip)]
    pub id: String,
}

/// The movements of a product, newest first, those before `before`.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn movements(
    pool: &PgPool,
    sku: &Sku,
    before: Option<(OffsetDateTime, String)>,
    limit: i64,
) -> Result<Vec<Movement>, ReadError> {
    let (at, id) = before.unzip();
    let rows = sqlx::query_as!(
        Movement,
        r#"with movement as (
            select case event.kind when 'held' then 'held' when 'confirmed' then 'sold'
                    when 'payment_failed' then 'returned' else 'released' end as kind,
                event.at, 0::bigint as on_hand_delta,
                line.quantity * case event.kind
                    when 'held' then 1 when 'payment_failed' then 0 else -1 end as held_delta,
                line.quantity * case event.kind
                    when 'confirmed' then 1 when 'payment_failed' then -1 else 0 end as sold_delta,
                event.order_id, null as actor, null as reason,
                event.order_id || '.' || lpad(event.version::text, 9, '0') as id
            from order_lines as line join order_events as event using (order_id)
            where line.sku = $1
              and event.kind in ('held', 'confirmed', 'expired', 'cancelled', 'payment_failed')
            union all
            select 'restocked', refunds.updated_at, 0, 0, -refund_lines.restocked,
                refunds.order_id, actor, reason, refund_id::text
            from order_lines as line
                join refunds using (order_id)
                join refund_lines using (refund_id)
            where line.sku = $1 and refund_lines.sku = $1 and restocked > 0
            union all
            select 'adjusted', at, (request #>> '{change,on_hand_delta}')::bigint, 0, 0,
                null, actor, reason, change_id::text
            from operator_changes
            where subject = $1 and kind = 'adjust_stock'
              and outcome ->> 'outcome' = 'stock_adjusted'
        )
        select kind as "kind!", at as "at!", on_hand_delta as "on_hand_delta!",
            held_delta::bigint as "held_delta!", sold_delta::bigint as "sold_delta!", order_id,
            actor, reason, id as "id!"
        from movement
        where $2::timestamptz is null or (at, id) < ($2, $3)
        order by at desc, id desc
        limit $4"#,
        sku.as_str(),
        at,
        id,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
