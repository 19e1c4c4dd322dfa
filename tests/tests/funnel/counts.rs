//! The counts behind the funnel: whatever order events commit in, however they are made.

use activities::{
    Database,
    funnel::{self, SHORTEST_RETENTION, Source},
};
use serde_json::Value;
use sqlx::PgPool;
use system_tests::{Shop, ShopOptions};
use time::{Duration, OffsetDateTime};

use crate::{all_is_rolled_up, past_event, report, session, stages, stages_of};

async fn owner(shop: &Shop) -> Database {
    Database::connect(&shop.servers.database_url(&shop.name), 2).await.unwrap()
}

/// All that the counts say of a quarter of a year, as it is told to operators.
async fn everything(shop: &Shop) -> Value {
    let from = OffsetDateTime::now_utc() - Duration::days(120);
    let from = from.date().to_string();
    let mut funnel = crate::funnel(shop, &[("from", &from)]).await;
    funnel["as_of"].take();
    funnel
}

/// What reads the funnel can't tell where an event is counted.
async fn count_in_tables(database: &PgPool) -> Vec<(String, i64)> {
    let counts = "select concat_ws(' ', 'quarters', sku, at, measure, detail), sum(count)::bigint
        from funnel_quarters group by 1 having sum(count) <> 0
        union all
        select concat_ws(' ', 'days', sku, at, measure, detail), sum(count)::bigint
        from funnel_days group by 1 having sum(count) <> 0
        order by 1";
    sqlx::query_as(counts).fetch_all(database).await.unwrap()
}

#[tokio::test]
async fn an_event_that_commits_late_is_counted_and_none_is_counted_twice() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let (pool, database) = (shop.database().await, owner(&shop).await);
    let now = OffsetDateTime::now_utc();
    let mut late = pool.begin().await.unwrap();
    past_event(&mut *late, &session(), "product_viewed", &sku, now).await;
    // Its transaction is younger, and has ended.
    past_event(&pool, &session(), "product_viewed", &sku, now).await;
    while funnel::roll_up(&database, Source::Sessions).await.unwrap() {}
    assert_eq!(stages_of(&shop, &sku).await, stages([1, 0, 0, 0, 0, 0]));
    late.commit().await.unwrap();
    assert_eq!(stages_of(&shop, &sku).await, stages([2, 0, 0, 0, 0, 0]));
    all_is_rolled_up(&pool).await;
    assert_eq!(stages_of(&shop, &sku).await, stages([2, 0, 0, 0, 0, 0]));
}

#[tokio::test]
async fn counts_made_from_scratch_are_those_that_were_rolled_up() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (mug, lamp) = (shop.product(50).await, shop.product(50).await);
    busy_day(&shop, &mug, &lamp).await;
    let pool = shop.database().await;
    all_is_rolled_up(&pool).await;
    let (told, counted) = (everything(&shop).await, count_in_tables(&pool).await);
    assert!(counted.len() > 20, "{counted:?}");

    sqlx::query("update funnel_quarters set count = count + 7").execute(&pool).await.unwrap();
    sqlx::query("delete from funnel_days").execute(&pool).await.unwrap();
    assert_ne!(everything(&shop).await["totals"], told["totals"]);
    funnel::rebuild(&owner(&shop).await).await.unwrap();
    assert_eq!(count_in_tables(&pool).await, counted);
    assert_eq!(everything(&shop).await, told);
    system_tests::assert_invariants(&shop).await;
}

async fn busy_day(shop: &Shop, mug: &str, lamp: &str) {
    for round in 0..3_i64 {
        let buyer = shop.shopper();
        buyer.hold(&[(mug, 1), (lamp, 1)]).await;
        buyer.pay("pm_card_visa").await;
        buyer.reaches("paid").await;
        let leaver = shop.shopper();
        leaver.hold(&[(lamp, 2)]).await;
        leaver.cancel().await;
        leaver.reaches("cancelled").await;
        let ago = Duration::hours(30 * round);
        let did = [
            ("product_viewed", Some(mug), ago + Duration::minutes(9)),
            ("added_to_cart", Some(mug), ago + Duration::minutes(8)),
            ("product_viewed", Some(lamp), ago + Duration::minutes(7)),
            ("checkout_opened", None, ago),
        ];
        report(shop, &session(), &did).await;
        report(shop, &session(), &did[..3]).await;
    }
}

#[tokio::test]
async fn what_sessions_counted_for_outlasts_their_raw_events() {
    let shop = Shop::open(ShopOptions::default()).await;
    let (mug, lamp) = (shop.product(50).await, shop.product(50).await);
    busy_day(&shop, &mug, &lamp).await;
    let pool = shop.database().await;
    let old = OffsetDateTime::now_utc() - Duration::days(100);
    let (silent, returns) = (session(), session());
    for (shopper, kind, at) in [
        (&silent, "product_viewed", old),
        (&silent, "added_to_cart", old + Duration::minutes(1)),
        (&returns, "product_viewed", old + Duration::minutes(2)),
        (&returns, "added_to_cart", OffsetDateTime::now_utc() - Duration::hours(5)),
    ] {
        past_event(&pool, shopper, kind, &mug, at).await;
    }
    all_is_rolled_up(&pool).await;
    let (told, counted) = (everything(&shop).await, count_in_tables(&pool).await);

    let database = owner(&shop).await;
    while funnel::forget_sessions(&database, SHORTEST_RETENTION).await.unwrap() {}
    let left = "select count(*) from analytics_events where session_id = $1";
    let left = async |session: &str| -> i64 {
        sqlx::query_scalar(left).bind(session).fetch_one(&pool).await.unwrap()
    };
    assert_eq!((left(&silent).await, left(&returns).await), (0, 2));
    assert_eq!((&everything(&shop).await, count_in_tables(&pool).await), (&told, counted.clone()));
    funnel::rebuild(&database).await.unwrap();
    assert_eq!((&everything(&shop).await, count_in_tables(&pool).await), (&told, counted));
}

/// A database that was restored from a dump on a server that has counted fewer transactions.
#[tokio::test]
async fn counts_of_another_server_are_made_anew_and_follow_again() {
    let shop = Shop::open(ShopOptions {
        running: system_tests::Running::ApiAlone,
        ..ShopOptions::default()
    })
    .await;
    let pool = shop.database().await;
    let at = OffsetDateTime::now_utc();
    past_event(&pool, &session(), "product_viewed", "mug", at).await;
    let far = "update analytics_events set xid = '9000000000'";
    sqlx::query(far).execute(&pool).await.unwrap();
    sqlx::query("update funnel_progress set upto = '9000000001'").execute(&pool).await.unwrap();
    let database = owner(&shop).await;
    assert!(funnel::was_restored_elsewhere(&database).await.unwrap());
    funnel::rebuild(&database).await.unwrap();
    assert!(!funnel::was_restored_elsewhere(&database).await.unwrap());
    past_event(&pool, &session(), "product_viewed", "mug", at).await;
    while funnel::roll_up(&database, Source::Sessions).await.unwrap() {}
    let viewed = &everything(&shop).await["totals"]["stages"]["product_viewed"];
    assert_eq!(viewed, 2);
}
