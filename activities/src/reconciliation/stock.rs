//! Units held and sold, against the orders that they are for. What differs is for a person: either
//! side may be the wrong one.

use sqlx::PgPool;
use workflows::{Finding, FindingKind};

use super::{MOST_FINDINGS, finding};

/// Counts the units of every order there is. That this fails, or takes longer than a statement may,
/// is a finding, and keeps nobody from being told of the others.
pub(super) async fn check(pool: &PgPool) -> Vec<Finding> {
    count(pool).await.unwrap_or_else(|error| {
        vec![finding(FindingKind::StockNotCounted, "stock", error.to_string(), None)]
    })
}

async fn count(pool: &PgPool) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"with by_orders as (
            select order_lines.sku,
                sum(quantity) filter (where holds.state = 'open') as held,
                sum(quantity) filter (where holds.state = 'committed') as sold
            from holds join order_lines using (order_id)
            where holds.state <> 'released'
            group by order_lines.sku
        ), back as (
            select sku, sum(restocked) as restocked from refund_lines group by sku
        )
        select sku, stock.held, stock.sold, coalesce(by_orders.held, 0)::bigint as "open!",
            (coalesce(by_orders.sold, 0) - coalesce(restocked, 0))::bigint as "bought!"
        from stock left join by_orders using (sku) left join back using (sku)
        where stock.held <> coalesce(by_orders.held, 0)
           or stock.sold <> coalesce(by_orders.sold, 0) - coalesce(restocked, 0)
        order by sku limit $1"#,
        i64::try_from(MOST_FINDINGS).unwrap_or(i64::MAX),
    )
    .fetch_all(pool)
    .await?;
    let found = rows.into_iter().map(|row| {
        let detail = format!(
            "{} units are held and {} sold; the orders have {} and {}",
            row.held, row.sold, row.open, row.bought
        );
        finding(FindingKind::StockDiffers, row.sku, detail, None)
    });
    Ok(found.collect())
}
