//! Postgres that is replaced by a copy of itself which is behind: what came after the copy is lost
//! there, and known to Temporal and the provider.

use futures::future::join_all;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use system_tests::{Shop, Shopper, assert_invariants};

use crate::faults::{
    buying,
    reconciling::{quiet_shop, reconcile},
};

/// How often is reconciled until all is well: what one run ends, the next compares with the
/// provider.
const RUNS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_to_a_copy_that_is_behind_no_money_is_kept_for_orders_that_are_lost() {
    let shop = quiet_shop().await;
    let sku = buying::product(&shop, 9).await;
    let [paid, held, paid_later] = [(); 3].map(|()| shop.shopper());
    for shopper in [&paid, &held, &paid_later] {
        buying::hold(shopper, &sku, 1).await;
    }
    buying::pay(&paid, "pm_card_visa").await;
    buying::is_paid_once(&shop, &paid).await;
    let mut copies = Copies::of(&shop).await;

    copies.make().await;
    let [lost, lost_open] = [(); 2].map(|()| shop.shopper());
    for shopper in [&lost, &lost_open] {
        buying::hold(shopper, &sku, 1).await;
    }
    for shopper in [&lost, &paid_later] {
        buying::pay(shopper, "pm_card_visa").await;
        buying::is_paid_once(&shop, shopper).await;
    }
    copies.take_the_place().await;
    shop.is_ready().await;

    // An order that the copy has goes on, one that it does not have can't be paid.
    buying::pay(&held, "pm_card_visa").await;
    buying::is_paid_once(&shop, &held).await;
    assert_eq!(lost_open.get().await.state(), "reserving");
    let unknown = lost_open.pay("pm_card_visa").await;
    assert_eq!((unknown.status.as_u16(), unknown.problem()), (409, "still-reserving"));
    // Nor is it begun again: its units may have been somebody else's since.
    let again = lost.put(&Shopper::cart(&[(&sku, 1)])).await;
    assert_eq!((again.status.as_u16(), again.state()), (202, "reserving"));
    all_is_put_right(&shop).await;

    paid_later.reaches("cancelled").await;
    join_all([&lost, &paid_later].map(async |shopper| {
        let given_back = &shop.payments_of(shopper.order_id).await[0];
        assert_eq!(
            (&given_back["captured"], &given_back["refunded"]),
            (&json!(1_200), &json!(1_200))
        );
    }))
    .await;
    assert!(shop.payments_of(lost_open.order_id).await.is_empty());
    buying::is_paid_once(&shop, &paid).await;
    assert_eq!(shop.operator().stock(&sku).await, (7, 0, 2));
    assert_invariants(&shop).await;
}

async fn all_is_put_right(shop: &Shop) {
    for _ in 0..RUNS {
        if reconcile(shop).await.is_empty() {
            return;
        }
    }
    panic!("{:?} is found after {RUNS} runs", reconcile(shop).await);
}

/// The shop's database and a copy of it.
struct Copies {
    /// A session of another database of the same server.
    outside: PgConnection,
    name: String,
}

impl Copies {
    async fn of(shop: &Shop) -> Self {
        let address = shop.servers.database_url("postgres");
        let outside = PgConnection::connect(&address).await.unwrap();
        Self { outside, name: shop.name.clone() }
    }

    /// Copies the database as it is now.
    async fn make(&mut self) {
        let name = self.name.clone();
        self.close().await;
        self.execute(&format!("create database {name}_behind template {name}")).await;
        self.execute(&format!("alter database {name} with allow_connections true")).await;
    }

    /// Puts the copy where the database was.
    async fn take_the_place(&mut self) {
        let name = self.name.clone();
        self.close().await;
        self.execute(&format!("alter database {name} rename to {name}_lost")).await;
        self.execute(&format!("alter database {name}_behind rename to {name}")).await;
    }

    /// Ends all sessions of the database, and lets none begin.
    async fn close(&mut self) {
        let name = self.name.clone();
        self.execute(&format!("alter database {name} with allow_connections false")).await;
        let end = format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'"
        );
        self.execute(&end).await;
    }

    async fn execute(&mut self, statement: &str) {
        self.outside.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    }
}
