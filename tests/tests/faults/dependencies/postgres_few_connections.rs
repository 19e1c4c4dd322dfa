//! Postgres that gives no further connections: first to whoever has some, then to whoever has none.

use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use system_tests::{Shop, Shopper, eventually};
use uuid::Uuid;

use super::{can_be_browsed, is_told_to_come_back, readiness};
use crate::faults::{
    buying,
    signed::{SECRET, event, post, signature},
    temporal::SOON,
};

/// A role of the API's that may have only so many connections.
struct Role {
    name: String,
    server: PgConnection,
}

impl Role {
    async fn make(shop: &Shop) -> Self {
        let name = format!("api_{}", Uuid::new_v4().simple());
        let address = shop.servers.database_url(&shop.name);
        let mut server = PgConnection::connect(&address).await.unwrap();
        let make = format!("create role {name} login in role holdfast_api");
        server.execute(AssertSqlSafe(make)).await.unwrap();
        Self { name, server }
    }

    /// The shop's database, as this role.
    fn url(&self, shop: &Shop) -> String {
        let owners = shop.servers.database_url(&shop.name);
        let (_, at_server) = owners.split_once('@').expect("the URL names the owner");
        format!("postgres://{}@{at_server}", self.name)
    }

    /// From now on it gets no connections beyond `limit`; -1 is no limit.
    async fn may_have(&mut self, limit: i32) {
        let alter = format!("alter role {} connection limit {limit}", self.name);
        self.server.execute(AssertSqlSafe(alter)).await.unwrap();
    }

    async fn loses_all(&mut self) {
        let all = "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1";
        sqlx::query(all).bind(&self.name).execute(&mut self.server).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_gets_no_more_connections_goes_on_with_those_it_has_and_without_any_heals() {
    let shop = Shop::shared().await;
    let mut role = Role::make(&shop).await;
    let node = shop.another_api(&[("API_DATABASE_URL", role.url(&shop))]);
    let node_url = format!("http://{}", node.address("shop"));
    let [held, coming] = [(); 2].map(|()| Shopper::new(node_url.clone()));
    let sku = buying::product(&shop, 9).await;
    buying::hold(&held, &sku, 1).await;

    role.may_have(1).await;
    // Each wants a connection for itself, and there are fewer: none is lost.
    let stored = join_all((0..20).map(async |_| {
        let body = event(&format!("evt_{}", Uuid::new_v4().simple()));
        let signature = signature(SECRET, &body, 0);
        let sent = || post(&held, body.clone(), &signature);
        buying::until_taken("a webhook", sent).await.status
    }));
    assert!(stored.await.iter().all(|status| *status == 200));
    buying::hold(&coming, &sku, 2).await;

    role.may_have(0).await;
    role.loses_all().await;
    let cart = Shopper::cart(&[(&sku, 2)]);
    for reply in [coming.put(&cart).await, held.get().await, readiness(&held).await] {
        is_told_to_come_back(&reply, &["database-unavailable"]);
    }
    can_be_browsed(&held, &sku).await;

    role.may_have(-1).await;
    eventually("the node is ready", SOON, || async {
        (readiness(&held).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(coming.put(&cart).await.state(), "awaiting_payment");
    for shopper in [&held, &coming] {
        buying::pay(shopper, "pm_card_visa").await;
        buying::is_paid_once(&shop, shopper).await;
    }
    assert_eq!(shop.operator().stock(&sku).await, (6, 0, 3));
    drop(node);
    let drop_role = format!("drop role {}", role.name);
    role.server.execute(AssertSqlSafe(drop_role)).await.unwrap();
}
