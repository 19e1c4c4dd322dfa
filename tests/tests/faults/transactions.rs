//! Callers of a transaction that are dropped half-way: whatever becomes of their own, nobody
//! else's write is lost on the connection that they used.

use std::{collections::BTreeSet, fs};

use activities::Database;
use sqlx::{Connection, Executor, PgConnection};
use system_tests::{Chance, Servers, eventually};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::temporal::SOON;

/// How many callers are dropped, and how many write after them.
const ROUNDS: i64 = 1_000;
/// A caller is dropped after two to the power of this many turns of the scheduler, at the most:
/// early or late, on a fast machine or a busy one.
const MOST_DOUBLINGS: u64 = 14;
/// Few, so that each is used again and again.
const CONNECTIONS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_is_dropped_in_a_transaction_loses_nobodys_later_write() {
    let (database, url) = fresh_database().await;
    let table = "create table written (number bigint not null, half integer not null)";
    database.pool().execute(table).await.unwrap();

    let mut chance = Chance::seeded();
    let mut acknowledged = JoinSet::new();
    for number in 0..ROUNDS {
        tokio::select! {
            () = write_two_halves(&database, -1 - number) => {}
            () = a_while(1 << chance.below(MOST_DOUBLINGS)) => {}
        }
        // Few of these are transactions: one that commits would save the writes before it.
        let (patient, in_transaction) = (database.clone(), number % 16 == 0);
        acknowledged.spawn(async move {
            if in_transaction {
                write_two_halves(&patient, number).await;
            } else {
                let write = "insert into written values ($1, 1), ($1, 2)";
                sqlx::query(write).bind(number).execute(patient.pool()).await.unwrap();
            }
        });
    }
    acknowledged.join_all().await;

    let mut observer = PgConnection::connect(&url).await.unwrap();
    let halves = "select number, count(*) from written group by number";
    let halves: Vec<(i64, i64)> = sqlx::query_as(halves).fetch_all(&mut observer).await.unwrap();
    let torn: Vec<_> = halves.iter().filter(|(_, halves)| *halves != 2).collect();
    assert!(torn.is_empty(), "a transaction is done whole, or not at all: {torn:?}");
    let whole: BTreeSet<i64> = halves.into_iter().map(|(number, _)| number).collect();
    let lost: Vec<_> = (0..ROUNDS).filter(|number| !whole.contains(number)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let dropped_and_done = whole.iter().filter(|number| **number < 0).count();
    println!("{dropped_and_done} of {ROUNDS} were done although nobody waited for them any more");
}

#[tokio::test]
async fn a_connection_that_comes_back_is_no_line_in_postgress_log() {
    let (database, _) = fresh_database().await;
    is_well(&database).await;
    let fails = database.transact::<(), _>(|connection| {
        Box::pin(async move {
            connection.execute("select 1 / 0").await?;
            Ok(())
        })
    });
    assert!(fails.await.is_err());
    is_well(&database).await;
    let sessions = sessions_of(&database).await;
    assert!(warnings_of(&sessions).is_empty(), "{:?}", warnings_of(&sessions));
    // They would be seen, in whichever session: the pool may have opened another.
    database.pool().execute("rollback").await.unwrap();
    let sessions = sessions_of(&database).await;
    eventually("Postgres warns", SOON, || async {
        (!warnings_of(&sessions).is_empty()).then_some(())
    })
    .await;
}

async fn sessions_of(database: &Database) -> Vec<i32> {
    let sessions = "select pid from pg_stat_activity where datname = current_database()";
    sqlx::query_scalar(sessions).fetch_all(database.pool()).await.unwrap()
}

async fn is_well(database: &Database) {
    let looks = database
        .transact(|connection| Box::pin(async move { Ok(connection.execute("select 1").await?) }));
    looks.await.unwrap();
}

/// What Postgres has warned of in these sessions.
fn warnings_of(sessions: &[i32]) -> Vec<String> {
    let log = fs::read_to_string(Servers::from_env().logs.join("postgres.log")).unwrap();
    let of_them =
        |line: &&str| sessions.iter().any(|pid| line.contains(&format!("[{pid}] WARNING")));
    log.lines().filter(of_them).map(str::to_owned).collect()
}

/// An empty database of the test's own.
async fn fresh_database() -> (Database, String) {
    let servers = Servers::from_env();
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(&servers.database_url("postgres")).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let url = servers.database_url(&name);
    (Database::connect(&url, CONNECTIONS).await.unwrap(), url)
}

/// So many turns of the scheduler: much shorter than any clock's tick.
async fn a_while(turns: u64) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

async fn write_two_halves(database: &Database, number: i64) {
    let written = database.transact(move |connection| {
        Box::pin(async move {
            for half in 1..=2 {
                let write = sqlx::query("insert into written values ($1, $2)");
                write.bind(number).bind(half).execute(&mut *connection).await?;
            }
            Ok(())
        })
    });
    written.await.unwrap();
}
