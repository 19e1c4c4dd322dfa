//! An operator's search among very many orders.

use std::time::Instant;

use anyhow::ensure;
use reqwest::Method;
use serde_json::Value;

use super::Options;
use crate::{
    report::{Report, p95_ms, progress},
    world::World,
};

/// How long the slowest of twenty may take, in milliseconds.
const GOAL_MS: f64 = 20.0;
/// What is looked for: states that most orders have, some, and hardly any.
const SEARCHES: [&str; 6] = [
    "state=paid",
    "state=expired",
    "state=cancelled",
    "state=payment_failed",
    "state=disputed",
    "state=paid&to=2020-01-01T00:00:00Z",
];

/// Measures the pages of searches by state, the first ones and those after them.
pub async fn measure(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let shop = &world.together.shop;
    let orders: i32 = if options.quick { 20_000 } else { 1_000_000 };
    progress(&format!("making {orders} orders"));
    let database = shop.database().await;
    // A month of orders, most of them over, as a shop has them.
    sqlx::query(
        "insert into orders (order_id, run_id, secret_hash, fingerprint, state, currency,
            total_minor, expires_at, payment_state, created_at, updated_at)
         select gen_random_uuid(), 'bench', '', '',
            case when i % 10000 = 0 then 'payment_failed' when i % 10000 = 1 then 'disputed'
                when i % 20 = 0 then 'cancelled' when i % 4 = 0 then 'expired' else 'paid' end,
            'EUR', 1200, now(), 'none', now() - i * interval '30 days' / $1,
            now() - i * interval '30 days' / $1
         from generate_series(1, $1) as i",
    )
    .bind(orders)
    .execute(&database)
    .await?;
    sqlx::query("vacuum analyze orders").execute(&database).await?;

    progress("searching them");
    let operator = shop.operator();
    let mut took = Vec::new();
    for _ in 0..options.rounds(20, 2) {
        for search in SEARCHES {
            let mut cursor = String::new();
            for _ in 0..5 {
                let path = format!("/v1/orders?{search}{cursor}");
                let began = Instant::now();
                let answer = operator.request(Method::GET, &path).send().await?;
                ensure!(answer.status() == 200, "{path} is {}", answer.status());
                let page: Value = answer.json().await?;
                took.push(began.elapsed());
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
        }
    }
    let pages = took.len();
    let p95 = p95_ms(took);
    report.milliseconds(&format!("orders by state among {orders}, p95"), p95, GOAL_MS);
    Report::raw(&format!("{pages} pages of 50, {} searches", SEARCHES.len()));
    Ok(())
}
