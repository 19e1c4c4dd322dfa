//! Stock and orders in Postgres, on a database of its own: batch by batch, and what payments that
//! are made and called off at once make of them.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod attempts;
mod batches;
mod calling_off;
mod rush;
mod till;

use std::time::Duration;

use activities::{Database, database::DatabaseError, inventory};
use domain::{CartLine, CartLines, Fingerprint, OrderId, OrderSecret, OrderState};
use sqlx::{Connection, PgConnection, migrate::MigrateDatabase};
use system_tests::{Servers, eventually};
use uuid::Uuid;
use workflows::activities::{Commit, Release, Reservation, Reserve, ReturnUnits};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// A database of its own, with products of which there are so many units.
struct Shelf {
    database: Database,
    url: String,
}

impl Shelf {
    async fn of(products: &[(&str, i64)]) -> Self {
        let name = format!("inventory_{}", Uuid::new_v4().simple());
        let url = Servers::from_env().database_url(&name);
        sqlx::Postgres::create_database(&url).await.unwrap();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        MIGRATIONS.run(&mut connection).await.unwrap();
        for (sku, units) in products {
            sqlx::query(
                "with product as (
                    insert into products (sku, name, description, price_minor, currency)
                    values ($1, $1, '', 500, 'EUR') returning sku
                )
                insert into stock (sku, on_hand) select sku, $2 from product",
            )
            .bind(sku)
            .bind(units)
            .execute(&mut connection)
            .await
            .unwrap();
        }
        Self { database: Database::connect(&url, 4).await.unwrap(), url }
    }

    async fn reserve(&self, asked: &[(Reserve, &str)]) -> Vec<Reservation> {
        let asked: Vec<_> =
            asked.iter().map(|(ask, run)| (ask.clone(), (*run).to_owned())).collect();
        self.database
            .transact(move |connection| {
                Box::pin(async move { inventory::reserve(connection, &asked).await })
            })
            .await
            .unwrap()
            .0
    }

    async fn commit(&self, orders: &[OrderId]) -> Vec<Commit> {
        let orders = orders.to_vec();
        self.database
            .transact(move |connection| {
                Box::pin(async move { inventory::commit(connection, &orders).await })
            })
            .await
            .unwrap()
            .0
    }

    async fn release(&self, orders: &[OrderId]) {
        let end = |&order_id| Release { order_id, end_state: OrderState::Expired };
        let releases: Vec<_> = orders.iter().map(end).collect();
        self.database
            .transact(move |connection| {
                Box::pin(async move { inventory::release(connection, &releases).await })
            })
            .await
            .unwrap();
    }

    async fn return_units(&self, orders: &[OrderId]) -> Vec<ReturnUnits> {
        let orders = orders.to_vec();
        self.database
            .transact(move |connection| {
                Box::pin(async move { inventory::return_units(connection, &orders).await })
            })
            .await
            .unwrap()
            .0
    }

    /// (available, held, sold)
    async fn stock(&self, sku: &str) -> (i64, i64, i64) {
        sqlx::query_as("select on_hand - held - sold, held, sold from stock where sku = $1")
            .bind(sku)
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }

    async fn somebody_waits_for_a_lock(&self) {
        eventually("somebody waits for a lock", Duration::from_secs(30), || async {
            let query = "select exists (select from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock')";
            let waits: bool =
                sqlx::query_scalar(query).fetch_one(self.database.pool()).await.unwrap();
            waits.then_some(())
        })
        .await;
    }

    async fn state(&self, order: OrderId) -> String {
        sqlx::query_scalar("select state from orders where order_id = $1")
            .bind(order.0)
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }
}

fn wants(lines: &[(&str, u32)]) -> Reserve {
    let line = |(sku, quantity): &(&str, u32)| CartLine {
        sku: sku.parse().unwrap(),
        quantity: (*quantity).try_into().unwrap(),
    };
    let lines: CartLines = lines.iter().map(line).collect::<Vec<_>>().try_into().unwrap();
    let secret: OrderSecret = "a-secret-of-this-test-1234".parse().unwrap();
    Reserve {
        order_id: OrderId(Uuid::new_v4()),
        fingerprint: Fingerprint::of(&secret, &lines, None, None),
        lines,
        expected_total: None,
        hold_ttl_ms: 60_000,
        secret_hash: secret.hash(),
        client_key: None,
    }
}

fn is_held(reservation: &Reservation) -> bool {
    matches!(reservation, Reservation::Held { .. })
}

#[tokio::test]
async fn a_batch_holds_first_come_first_served_and_no_more_than_there_is() {
    let shelf = Shelf::of(&[("mug", 5), ("pot", 1)]).await;
    let asked = [
        wants(&[("mug", 3)]),
        wants(&[("mug", 3)]),
        wants(&[("pot", 1), ("mug", 2)]),
        wants(&[("mug", 1)]),
    ];
    let runs = asked.map(|ask| (ask, "run"));
    let reservations = shelf.reserve(&runs).await;
    assert_eq!(reservations.iter().map(is_held).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(shelf.stock("mug").await, (0, 5, 0));
    assert_eq!(shelf.stock("pot").await, (0, 1, 0));
}

#[tokio::test]
async fn an_order_that_is_asked_for_twice_in_one_batch_holds_once() {
    let shelf = Shelf::of(&[("mug", 5)]).await;
    let ask = wants(&[("mug", 2)]);
    let reservations = shelf.reserve(&[(ask.clone(), "run"), (ask, "run")]).await;
    assert!(reservations.iter().all(is_held));
    assert_eq!(shelf.stock("mug").await, (3, 2, 0));
}

#[tokio::test]
async fn an_order_that_holds_already_takes_nothing_from_the_rest_of_its_batch() {
    let shelf = Shelf::of(&[("mug", 3)]).await;
    let first = wants(&[("mug", 2)]);
    shelf.reserve(&[(first.clone(), "run")]).await;
    let reservations = shelf.reserve(&[(first, "run"), (wants(&[("mug", 1)]), "run")]).await;
    assert!(reservations.iter().all(is_held));
    assert_eq!(shelf.stock("mug").await, (0, 3, 0));
}

#[tokio::test]
async fn an_order_that_another_transaction_is_writing_takes_nothing_from_the_rest_of_its_batch() {
    let shelf = Shelf::of(&[("mug", 5)]).await;
    let (order, other) = (wants(&[("mug", 2)]), wants(&[("mug", 3)]));
    let mut first = shelf.database.pool().begin().await.unwrap();
    inventory::reserve(&mut first, &[(order.clone(), "run".to_owned())]).await.unwrap();
    // The same order again, before its first writing is there to be seen.
    let batch = [(order, "run".to_owned()), (other, "run".to_owned())];
    let (database, asked) = (shelf.database.clone(), batch.clone());
    let second = tokio::spawn(async move {
        let reserve = database.transact(move |connection| {
            Box::pin(async move { inventory::reserve(connection, &asked).await })
        });
        reserve.await
    });
    shelf.somebody_waits_for_a_lock().await;
    first.commit().await.unwrap();

    assert!(matches!(second.await.unwrap(), Err(DatabaseError::Raced)), "nothing is done in part");
    assert_eq!(shelf.stock("mug").await, (3, 2, 0));
    let again = shelf.reserve(&batch.map(|(ask, _)| (ask, "run"))).await;
    assert!(again.iter().all(is_held), "{again:?}");
    assert_eq!(shelf.stock("mug").await, (0, 5, 0));
}

#[tokio::test]
async fn the_same_run_gets_what_was_stored_and_another_run_is_told_that_the_order_is_taken() {
    let shelf = Shelf::of(&[("mug", 5)]).await;
    let ask = wants(&[("mug", 1)]);
    let stored = shelf.reserve(&[(ask.clone(), "first run")]).await;
    let again = shelf.reserve(&[(ask.clone(), "first run")]).await;
    let other = shelf.reserve(&[(ask, "second run")]).await;
    let (Reservation::Held { expires_at: one, .. }, Reservation::Held { expires_at: two, .. }) =
        (&stored[0], &again[0])
    else {
        panic!("{stored:?} {again:?}");
    };
    assert_eq!(one, two);
    assert!(matches!(other[0], Reservation::TakenByAnotherRun));
    assert_eq!(shelf.stock("mug").await, (4, 1, 0));
}

#[tokio::test]
async fn a_refusal_is_stored_and_repeated_even_when_there_is_stock_by_then() {
    let shelf = Shelf::of(&[("mug", 0)]).await;
    let ask = wants(&[("mug", 1)]);
    assert!(!is_held(&shelf.reserve(&[(ask.clone(), "run")]).await[0]));
    sqlx::query("update stock set on_hand = 9").execute(shelf.database.pool()).await.unwrap();
    assert!(!is_held(&shelf.reserve(&[(ask, "run")]).await[0]));
    assert_eq!(shelf.stock("mug").await, (9, 0, 0));
}

#[tokio::test]
async fn commit_and_release_move_each_order_once_however_often_they_run() {
    let shelf = Shelf::of(&[("mug", 9), ("pot", 9)]).await;
    let asked =
        [wants(&[("mug", 2), ("pot", 1)]), wants(&[("pot", 3), ("mug", 1)]), wants(&[("mug", 4)])];
    let orders = asked.clone().map(|ask| ask.order_id);
    shelf.reserve(&asked.map(|ask| (ask, "run"))).await;
    for _ in 0..2 {
        assert_eq!(shelf.commit(&orders[..2]).await, [Commit::Committed, Commit::Committed]);
        shelf.release(&orders).await;
    }
    assert_eq!(shelf.stock("mug").await, (6, 0, 3));
    assert_eq!(shelf.stock("pot").await, (5, 0, 4));
    assert_eq!(shelf.commit(&orders[2..]).await, [Commit::HoldGone]);
    assert_eq!(shelf.state(orders[0]).await, "confirmed");
    assert_eq!(shelf.state(orders[2]).await, "expired");
}

#[tokio::test]
async fn sold_units_go_back_once_and_not_when_the_money_has_moved() {
    let shelf = Shelf::of(&[("mug", 9)]).await;
    let asked = [wants(&[("mug", 2)]), wants(&[("mug", 3)])];
    let orders = asked.clone().map(|ask| ask.order_id);
    shelf.reserve(&asked.map(|ask| (ask, "run"))).await;
    shelf.commit(&orders).await;
    assert!(activities::orders::record_captured(shelf.database.pool(), orders[0]).await.unwrap());
    for _ in 0..2 {
        let returned = shelf.return_units(&orders).await;
        assert_eq!(returned, [ReturnUnits::PaidAfterAll, ReturnUnits::Returned]);
    }
    assert_eq!(shelf.stock("mug").await, (7, 0, 2));
    assert_eq!(shelf.state(orders[1]).await, "payment_failed");
}

#[tokio::test]
async fn opposite_orders_of_the_same_products_do_not_wait_for_each_other_for_ever() {
    let shelf = Shelf::of(&[("a", 500), ("b", 500), ("c", 500)]).await;
    let one = |lines: &[(&str, u32)]| {
        let ask = wants(lines);
        let shelf = &shelf;
        async move {
            let order = ask.order_id;
            assert!(is_held(&shelf.reserve(&[(ask, "run")]).await[0]));
            match order.0.as_u128() % 2 {
                0 => assert_eq!(shelf.commit(&[order]).await, [Commit::Committed]),
                _ => shelf.release(&[order]).await,
            }
        }
    };
    let forward = (0..40).map(|_| one(&[("a", 1), ("b", 1), ("c", 1)]));
    let backward = (0..40).map(|_| one(&[("c", 1), ("b", 1), ("a", 1)]));
    futures::future::join(futures::future::join_all(forward), futures::future::join_all(backward))
        .await;
    let (available, held, sold) = shelf.stock("b").await;
    assert_eq!((held, available + sold), (0, 500));
}

#[tokio::test]
async fn the_database_itself_refuses_to_oversell() {
    let shelf = Shelf::of(&[("mug", 2)]).await;
    let mut connection = PgConnection::connect(&shelf.url).await.unwrap();
    for (change, constraint) in [
        ("update stock set held = 2, sold = 1", "stock_not_oversold"),
        ("update stock set held = -1", "stock_held_not_negative"),
        ("update stock set sold = -1", "stock_sold_not_negative"),
        ("update stock set on_hand = -1", "stock_not_oversold"),
    ] {
        let refused = sqlx::query(change).execute(&mut connection).await.unwrap_err();
        let sqlx::Error::Database(error) = refused else { panic!("{refused}") };
        assert_eq!(error.constraint(), Some(constraint));
    }
}
