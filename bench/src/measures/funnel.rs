//! The funnel over many events: a day and a month of it, for the whole shop with its products.

use std::time::{Duration, Instant};

use activities::{Database, funnel};
use anyhow::ensure;
use reqwest::Method;
use sqlx::PgPool;
use time::OffsetDateTime;

use super::{Options, dashboard};
use crate::{
    report::{Report, p50_ms, p95_ms, progress},
    statements::Statements,
    world::World,
};

/// Over how many days the events are spread.
const DAYS: i64 = 30;
/// How many sessions are made in one transaction, each with 2.75 events on average; and for every
/// five of them an order with four.
const SESSIONS_AT_ONCE: i64 = 20_000;
const EVENTS_AT_ONCE: i64 = SESSIONS_AT_ONCE * 11 / 4 + SESSIONS_AT_ONCE / 5 * 4;

const SESSIONS: &str = "
    insert into analytics_events (event_hash, session_id, kind, sku, occurred_at)
    select sha256(($1 || '/' || session || '/' || step)::bytea), $1 || '/' || session, kind,
        case when kind <> 'checkout_opened' then skus.all[1 + (session + step) % skus.many] end,
        $2 + ($3 - $2) * (session::float8 / $4) + step * interval '20 seconds'
    from generate_series(1, $4) as session
    cross join (select array_agg(sku) as all, count(*)::int as many from products) as skus
    cross join (values (1, 'product_viewed', 1), (2, 'product_viewed', 1), (3, 'added_to_cart', 2),
        (4, 'checkout_opened', 4)) as steps (step, kind, every)
    where session % every = 0";

const ORDERS: &str = "
    with made as (
        insert into orders (order_id, run_id, secret_hash, fingerprint, state, currency,
            total_minor, created_at, updated_at)
        select gen_random_uuid(), 'bench', '', '',
            case when number % 2 = 0 then 'paid' else 'expired' end, 'EUR', 2400,
            $1 + ($2 - $1) * (number::float8 / $3), $1
        from generate_series(1, $3) as number
        returning order_id, state, created_at
    ), line as (
        insert into order_lines (order_id, position, sku, name, quantity, unit_price_minor)
        select order_id, position, sku, '', 1, 1200
        from made
        cross join generate_series(0, 1) as position
        cross join (select array_agg(sku) as all, count(*)::int as many from products) as skus
        cross join lateral (
            select skus.all[1 + ((hashtext(order_id::text) & 65535) + position) % skus.many] as sku
        ) as product
    )
    insert into order_events (order_id, version, kind, snapshot, at)
    select order_id, step, case step when 1 then 'held' when 2 then 'attempt_begun'
            when 3 then case state when 'paid' then 'confirmed' else 'declined' end
            else state end,
        '{}', created_at + step * interval '30 seconds'
    from made cross join generate_series(1, 4) as step
    order by step";

/// The most statements that a page or a request may take.
pub const MOST_STATEMENTS: usize = 3;

/// Makes the events, then asks for a day and for a month in turn.
pub async fn measure(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let shop = &world.together.shop;
    let pool = shop.database().await;
    let wanted = options.events.unwrap_or(if options.quick { 100_000 } else { 10_000_000 });
    let made = make_events(&pool, wanted).await?;
    progress("counting them from scratch");
    let began = Instant::now();
    let database = Database::connect(&shop.servers.database_url(&shop.name), 2).await?;
    funnel::rebuild(&database).await?;
    let counted = began.elapsed();
    sqlx::raw_sql("vacuum analyze").execute(&pool).await?;

    let tonight = OffsetDateTime::now_utc().date();
    let day = format!("from={}&bucket=hour", tonight - time::Duration::days(1));
    let month = format!("from={}&bucket=day", tonight - time::Duration::days(DAYS - 1));
    let (mut of_a_day, mut of_a_month) = (Vec::new(), Vec::new());
    let rounds = options.rounds(200, 30);
    let asked = 2 * rounds;
    let statements = Statements::watch(&pool).await?;
    let each = statements
        .each(asked, async || {
            for _ in 0..rounds {
                for (query, took) in [(&day, &mut of_a_day), (&month, &mut of_a_month)] {
                    took.push(ask(world, query).await?);
                }
            }
            Ok(())
        })
        .await?;
    for (name, took) in [("a day", of_a_day), ("a month", of_a_month)] {
        let (p50, p95) = (p50_ms(took.iter().copied()), p95_ms(took));
        report.milliseconds(&format!("funnel of {name}, p95"), p95, 100.0);
        Report::raw(&format!("p50 {p50:.1} ms; {asked} requests, one at a time"));
    }
    report.count("funnel, statements a request", each, MOST_STATEMENTS);
    let counted = counted.as_secs_f64();
    Report::raw(&format!("{made} events, counted from scratch in {counted:.1} s"));
    progress("the dashboard");
    dashboard::measure(world, options, &statements, report).await
}

/// Makes at least so many events, older ones first; answers how many.
async fn make_events(pool: &PgPool, wanted: i64) -> anyhow::Result<i64> {
    let batches = (wanted + EVENTS_AT_ONCE - 1) / EVENTS_AT_ONCE;
    progress(&format!("making {} events", batches * EVENTS_AT_ONCE));
    let end = OffsetDateTime::now_utc();
    let begin = end - time::Duration::days(DAYS);
    for batch in 0..batches {
        let at = |batch: i64| {
            let share = i32::try_from(batch * 10_000 / batches).unwrap_or_default();
            begin + (end - begin) * share / 10_000
        };
        sqlx::query(SESSIONS)
            .bind(format!("bench-{batch}"))
            .bind(at(batch))
            .bind(at(batch + 1))
            .bind(i32::try_from(SESSIONS_AT_ONCE)?)
            .execute(pool)
            .await?;
        sqlx::query(ORDERS)
            .bind(at(batch))
            .bind(at(batch + 1))
            .bind(i32::try_from(SESSIONS_AT_ONCE / 5)?)
            .execute(pool)
            .await?;
    }
    Ok(batches * EVENTS_AT_ONCE)
}

async fn ask(world: &World, query: &str) -> anyhow::Result<Duration> {
    let request =
        world.together.shop.operator().request(Method::GET, &format!("/v1/funnel?{query}"));
    let began = Instant::now();
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.text().await?;
    ensure!(status.is_success(), "the funnel answers {status}: {body}");
    Ok(began.elapsed())
}
