//! Many callers' reservations as few transactions.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use activities::{ChangeSink, Changes, batches::Batches, database::DatabaseError, inventory};
use futures::{FutureExt, future::join_all};
use sqlx::PgConnection;
use workflows::activities::{Reservation, Reserve};

use super::{Shelf, is_held, wants};

type Reserving = Batches<(Reserve, String), Reservation>;

/// Batches of reservations, one on its way at a time, and what was told of each.
fn reserving(shelf: &Shelf) -> (Reserving, Arc<Mutex<Vec<Changes>>>) {
    let told = Arc::<Mutex<Vec<Changes>>>::default();
    let tell = Arc::clone(&told);
    let changes = ChangeSink::new(move |changes| tell.lock().unwrap().push(changes));
    let batches = Batches::start(1, &shelf.database, &changes, |connection, asked| {
        Box::pin(inventory::reserve(connection, asked))
    });
    (batches, told)
}

#[tokio::test]
async fn a_hundred_callers_at_once_are_a_few_transactions_and_each_gets_its_own_answer() {
    let shelf = Shelf::of(&[("mug", 60)]).await;
    let (batches, told) = reserving(&shelf);
    let asked: Vec<_> = (0..100).map(|_| (wants(&[("mug", 1)]), "run".to_owned())).collect();
    let answers = join_all(asked.iter().map(|ask| batches.call("mug", ask.clone()))).await;
    let held = answers.into_iter().filter(|answer| is_held(answer.as_ref().unwrap()));
    assert_eq!(held.count(), 60);
    assert_eq!(shelf.stock("mug").await, (0, 60, 0));
    let told = told.lock().unwrap();
    assert!(told.len() <= 3, "{} transactions", told.len());
    assert_eq!(told.iter().map(|changes| changes.orders.len()).sum::<usize>(), 100);
}

#[tokio::test]
async fn an_order_that_asks_twice_at_once_holds_once_and_is_told_so_twice() {
    let shelf = Shelf::of(&[("mug", 9)]).await;
    let (batches, _) = reserving(&shelf);
    let ask = (wants(&[("mug", 2)]), "run".to_owned());
    let other_run = (ask.0.clone(), "another run".to_owned());
    let calls = [ask.clone(), ask, other_run].map(|ask| batches.call("mug", ask));
    let answers = join_all(calls).await;
    assert!(answers[..2].iter().all(|answer| is_held(answer.as_ref().unwrap())), "{answers:?}");
    assert!(matches!(answers[2], Ok(Reservation::TakenByAnotherRun)), "{answers:?}");
    assert_eq!(shelf.stock("mug").await, (7, 2, 0));
}

#[tokio::test]
async fn a_caller_who_leaves_is_served_and_the_others_with_it() {
    let shelf = Shelf::of(&[("mug", 9)]).await;
    let (batches, _) = reserving(&shelf);
    let [leaves, stays] = [(), ()].map(|()| (wants(&[("mug", 1)]), "run".to_owned()));
    {
        let call = batches.call("mug", leaves);
        assert!(Box::pin(call).as_mut().now_or_never().is_none(), "it waits for its batch");
    }
    assert!(is_held(&batches.call("mug", stays).await.unwrap()));
    assert_eq!(shelf.stock("mug").await, (7, 2, 0));
}

/// How many transactions were begun below.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Has Postgres divide, which it refuses to do by zero.
async fn divide(
    connection: &mut PgConnection,
    by: &[i32],
) -> Result<(Vec<i32>, Changes), DatabaseError> {
    BEGUN.fetch_add(1, Relaxed);
    let quotients = sqlx::query_scalar("select 100 / by from unnest($1::int[]) as by")
        .bind(by)
        .fetch_all(connection)
        .await?;
    Ok((quotients, Changes::default()))
}

#[tokio::test]
async fn a_member_that_can_not_be_done_fails_alone() {
    let shelf = Shelf::of(&[]).await;
    let changes = ChangeSink::new(drop);
    let batches = Batches::start(1, &shelf.database, &changes, |connection, by| {
        Box::pin(divide(connection, by))
    });
    let asked: Vec<i32> = (-8..=8).collect();
    let answers = join_all(asked.iter().map(|by| batches.call((), *by))).await;
    for (by, answer) in asked.iter().zip(answers) {
        match by {
            0 => assert!(answer.unwrap_err().to_string().contains("division by zero")),
            _ => assert_eq!(answer.unwrap(), 100 / by),
        }
    }
    let begun = BEGUN.load(Relaxed);
    assert!(begun < asked.len(), "{begun} transactions for {} members", asked.len());
}

#[tokio::test]
async fn a_database_that_is_away_fails_everybody_at_once() {
    let shelf = Shelf::of(&[("mug", 9)]).await;
    let (batches, _) = reserving(&shelf);
    shelf.database.pool().close().await;
    let asked = (0..20).map(|_| (wants(&[("mug", 1)]), "run".to_owned()));
    let answers = join_all(asked.map(|ask| batches.call("mug", ask))).await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
}
