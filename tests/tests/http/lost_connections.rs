//! Postgres started again, or a proxy in between that forgot: shoppers notice nothing of it.

use futures::future::join_all;
use system_tests::{Shop, ShopOptions};

#[tokio::test]
async fn a_look_up_whose_connection_is_lost_is_made_on_another() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(50).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let database = shop.database().await;
    for _ in 0..5 {
        // Connections that were used just now are not asked whether they are still there.
        join_all((0..10).map(|_| shopper.get())).await;
        let ended: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and application_name = 'holdfast-api'",
        )
        .fetch_one(&database)
        .await
        .unwrap();
        assert!(ended > 0, "the API had no connections");
        let found = shopper.get().await;
        assert_eq!(found.status, 200, "{}", found.body);
    }
}
