//! The operators' pages, over very many events and orders.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::{Method, header::ACCEPT};
use time::OffsetDateTime;

use super::{Options, funnel::MOST_STATEMENTS};
use crate::{
    report::{Report, p95_ms},
    statements::Statements,
    world::World,
};

/// How long the slowest of twenty may take, in milliseconds.
const GOAL_MS: f64 = 100.0;

/// Asks for each page many times, one request after the other; the worst page counts.
pub async fn measure(
    world: &World,
    options: Options,
    statements: &Statements<'_>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let rounds = options.rounds(200, 60);
    let mut lines = Vec::new();
    let (mut slowest, mut most) = (0.0_f64, 0);
    for page in pages(world).await? {
        let mut took = Vec::new();
        let each = statements
            .each(rounds, async || {
                for _ in 0..rounds {
                    took.push(open(world, &page).await?);
                }
                Ok(())
            })
            .await?;
        let p95 = p95_ms(took);
        slowest = slowest.max(p95);
        most = most.max(each);
        lines.push(format!("{page}: p95 {p95:.1} ms, statements {each}"));
    }
    report.milliseconds("slowest page of the dashboard, p95", slowest, GOAL_MS);
    report.count("statements of a page of the dashboard, at most", most, MOST_STATEMENTS);
    for line in lines {
        Report::raw(&line);
    }
    Ok(())
}

/// Every page, one of them an order's, and the funnel of a day, of a month and of a product.
async fn pages(world: &World) -> anyhow::Result<Vec<String>> {
    let shop = &world.together.shop;
    let orders = shop.operator().get("/v1/orders?limit=1").await;
    let order = orders["orders"][0]["order_id"].as_str().context("there are orders")?;
    let sku = world.together.sku();
    let month_ago = (OffsetDateTime::now_utc() - time::Duration::days(29)).date();
    let fixed = ["/", "/orders", "/orders?state=paid", "/stock", "/funnel", "/webhooks"];
    let further = ["/reconciliation", "/audit", "/health"];
    let mut pages: Vec<_> = fixed.into_iter().chain(further).map(str::to_owned).collect();
    pages.push(format!("/orders/{order}"));
    pages.push(format!("/stock/{sku}"));
    pages.push(format!("/funnel?from={month_ago}&bucket=day"));
    pages.push(format!("/funnel?from={month_ago}&bucket=day&sku={sku}"));
    Ok(pages)
}

async fn open(world: &World, page: &str) -> anyhow::Result<Duration> {
    let request = world.together.shop.operator().request(Method::GET, page);
    let began = Instant::now();
    let answer = request.header(ACCEPT, "text/html").send().await?;
    let status = answer.status();
    let body = answer.text().await?;
    ensure!(status.is_success(), "{page} answers {status}: {body}");
    Ok(began.elapsed())
}
