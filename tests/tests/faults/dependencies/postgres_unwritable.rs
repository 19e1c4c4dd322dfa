//! Postgres that can be read and not written: read-only, or out of disk.

use reqwest::{Method, RequestBuilder};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants, eventually};

use super::{can_be_browsed, is_told_to_come_back, readiness};
use crate::faults::{buying, signed::webhook, temporal::SOON};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_read_only_orders_are_read_and_new_ones_wait() {
    let shop = Shop::open(ShopOptions::default()).await;
    // Another database's session may change this one's settings whatever they are.
    let address = shop.servers.database_url("postgres");
    let mut outside = PgConnection::connect(&address).await.unwrap();
    let setting = format!("alter database {}", shop.name);
    let orders = Orders::of(&shop).await;

    execute(&mut outside, &format!("{setting} set default_transaction_read_only = on")).await;
    end_sessions(&mut outside, &shop).await;
    orders.wait(&shop).await;
    is_shown(&shop, "holdfast_database_writable", |value| value == "0").await;
    execute(&mut outside, &format!("{setting} reset default_transaction_read_only")).await;
    end_sessions(&mut outside, &shop).await;

    orders.go_on(&shop).await;
}

/// The disk of a test can't be filled. What a full one does is raised in its place: each row that
/// would need room is refused as Postgres refuses it then, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_is_full_orders_are_read_and_new_ones_wait() {
    let shop = Shop::open(ShopOptions::default()).await;
    let mut owner = PgConnection::connect(&shop.servers.database_url(&shop.name)).await.unwrap();
    let orders = Orders::of(&shop).await;

    let full = "create function disk_is_full() returns trigger language plpgsql as $$ begin
        raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
        end $$";
    execute(&mut owner, full).await;
    let tables = "select relname::text from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut owner).await.unwrap();
    for table in tables {
        let refused = format!(
            "create trigger disk_is_full before insert or update on {table}
             for each row execute function disk_is_full()"
        );
        execute(&mut owner, &refused).await;
    }
    orders.wait(&shop).await;
    let refused = "holdfast_database_errors_total{class=\"53\"}";
    is_shown(&shop, refused, |value| value != "0").await;
    execute(&mut owner, "drop function disk_is_full cascade").await;

    orders.go_on(&shop).await;
}

/// Operators see it in the metrics, from which an alert is made.
async fn is_shown(shop: &Shop, series: &str, tells: fn(&str) -> bool) {
    eventually(series, SOON, || async {
        let page = shop.operator().without_token(Method::GET, "/metrics").send().await.ok()?;
        let page = page.text().await.ok()?;
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        tells(value).then_some(())
    })
    .await;
}

async fn execute(connection: &mut PgConnection, statement: &str) {
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

/// Ends every session of the shop's database, as a failover does.
async fn end_sessions(outside: &mut PgConnection, shop: &Shop) {
    let all = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    sqlx::query(all).bind(&shop.name).execute(outside).await.unwrap();
}

/// Orders that are under way when Postgres takes no more writes.
struct Orders {
    sku: String,
    held: Shopper,
    coming: Shopper,
    word: (String, RequestBuilder),
}

impl Orders {
    async fn of(shop: &Shop) -> Self {
        let sku = buying::product(shop, 9).await;
        let held = shop.shopper();
        buying::hold(&held, &sku, 1).await;
        Self { sku, held, coming: shop.shopper(), word: webhook(shop) }
    }

    /// What can be read is answered; what has to be written waits, and nobody is told that it was.
    async fn wait(&self, shop: &Shop) {
        let Self { sku, held, coming, word } = self;
        let cart = Shopper::cart(&[(sku, 2)]);
        // Connections that have just been ended may have it told to come back, at first.
        let put = || coming.request(Method::PUT, "").json(&cart);
        let first = buying::until_taken("a PUT", put).await;
        let (second, third) = tokio::join!(coming.put(&cart), coming.put(&cart));
        for put in [first, second, third] {
            assert_eq!((put.status.as_u16(), put.state()), (202, "reserving"), "{}", put.body);
            assert!(put.header("retry-after").parse::<u32>().is_ok(), "{:?}", put.headers);
        }
        assert_eq!(coming.get().await.state(), "reserving");
        let queued = held.pay("pm_card_visa").await;
        assert_eq!((queued.status.as_u16(), queued.state()), (202, "awaiting_payment"));
        let read = held.get().await;
        assert_eq!((read.status.as_u16(), read.state()), (200, "awaiting_payment"));
        let refused = Shopper::send(word.1.try_clone().unwrap()).await;
        is_told_to_come_back(&refused, &["database-unavailable"]);
        can_be_browsed(held, sku).await;
        assert_eq!(readiness(held).await.status, 200, "whoever only looks is served");
        assert_eq!(shop.operator().order(held.order_id).await["state"], "awaiting_payment");
        assert_eq!(shop.operator().stock(sku).await, (8, 1, 0));
        assert!(shop.payments_of(held.order_id).await.is_empty(), "nothing is charged unwritten");
    }

    /// What has waited is done, once; what was refused is taken.
    async fn go_on(&self, shop: &Shop) {
        let Self { sku, held, coming, word } = self;
        buying::until_taken("the webhook again", || word.1.try_clone().unwrap()).await;
        buying::is_paid_once(shop, held).await;
        coming.reaches("awaiting_payment").await;
        buying::pay(coming, "pm_card_visa").await;
        buying::is_paid_once(shop, coming).await;
        assert_eq!(shop.operator().stock(sku).await, (6, 0, 3));
        let stored = "select count(*) from webhook_inbox where event_id = $1";
        let stored: i64 = sqlx::query_scalar(stored)
            .bind(&word.0)
            .fetch_one(&shop.database().await)
            .await
            .unwrap();
        assert_eq!(stored, 1, "the event that was refused and came again");
        assert_invariants(shop).await;
    }
}
