//! Clocks that disagree. Postgres's is put forward or back for one database by a function that
//! stands before its own: seen from there, API, worker and Temporal are all late, or early.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::faults::buying;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_clocks_minutes_apart_shoppers_are_told_the_time_that_is_left_and_orders_are_paid() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 9).await;
    for minutes in [3, -3] {
        put_postgres_clock(&shop, minutes).await;
        let shopper = shop.shopper();
        // Held by this process, and read from Postgres: both are told alike.
        let put = shopper.put_until_decided(&Shopper::cart(&[(&sku, 1)])).await;
        for checkout in [put.body, shopper.get().await.body] {
            let remaining = checkout["hold"]["remaining_seconds"].as_i64().unwrap();
            assert!((240..=300).contains(&remaining), "{minutes} min: {checkout}");
            let until =
                time_of(&checkout["hold"]["expires_at"]) - time_of(&checkout["server_time"]);
            assert!((240..=300).contains(&until.whole_seconds()), "{minutes} min: {checkout}");
            let apart = time_of(&checkout["server_time"]) - OffsetDateTime::now_utc();
            let apart = apart - Duration::minutes(minutes.into());
            assert!(apart.abs() < Duration::seconds(30), "{minutes} min: {checkout}");
        }
        buying::pay(&shopper, "pm_card_authenticationRequired").await;
        buying::approve(&buying::bank_page(&shopper).await).await;
        buying::is_paid_once(&shop, &shopper).await;
        // What is due by a clock that is put back is not due any more.
        buying::every_webhook_has_an_outcome(&shop).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (7, 0, 2));
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_is_over_by_temporals_clock_ends_and_nothing_is_charged() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = buying::product(&shop, 9).await;
    // Further apart than a hold lasts.
    put_postgres_clock(&shop, -10).await;
    let shopper = shop.shopper();
    let put = shopper.put_until_decided(&Shopper::cart(&[(&sku, 2)])).await;
    assert!(put.status.is_success(), "{}", put.body);

    shopper.reaches("expired").await;

    let late = shopper.pay("pm_card_visa").await;
    assert_eq!((late.status.as_u16(), late.problem()), (409, "hold-ended"));
    assert!(shop.payments_of(shopper.order_id).await.is_empty());
    assert_eq!(shop.operator().stock(&sku).await, (9, 0, 0));
    assert_invariants(&shop).await;
}

/// Has the clock of the shop's database show so many minutes more than all others.
async fn put_postgres_clock(shop: &Shop, minutes: i32) {
    let mut owner = PgConnection::connect(&shop.servers.database_url(&shop.name)).await.unwrap();
    for statement in [
        "create schema if not exists wrong; grant usage on schema wrong to public".to_owned(),
        function_of_wrong("clock_timestamp", minutes),
        function_of_wrong("now", minutes),
        format!("alter database {} set search_path = wrong, pg_catalog, public", shop.name),
        "set search_path = wrong, pg_catalog, public".to_owned(),
        DEFAULTS_BY_IT.to_owned(),
        format!(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = '{}' and pid <> pg_backend_pid()",
            shop.name
        ),
    ] {
        owner.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}

fn function_of_wrong(name: &str, minutes: i32) -> String {
    format!(
        "create or replace function wrong.{name}() returns timestamptz language sql volatile
         as $$ select pg_catalog.{name}() + interval '{minutes} minutes' $$"
    )
}

/// A column's default keeps to the function that it was made with until it is made anew.
const DEFAULTS_BY_IT: &str = "do $$ declare one record; begin
    for one in select table_name, column_name, column_default from information_schema.columns
        where table_schema = 'public' and column_default ~ '(now|clock_timestamp)\\(\\)'
    loop
        execute format('alter table %I alter column %I set default %s',
            one.table_name, one.column_name, replace(one.column_default, 'pg_catalog.', ''));
    end loop;
end $$";

fn time_of(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}
