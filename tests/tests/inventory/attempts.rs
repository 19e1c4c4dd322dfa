//! What is told of an attempt to pay is what became of it, and not of another.

use activities::payments::Tries;
use workflows::activities::{InspectPayment, Payment};

use super::till::{Asked, Till};

fn declined() -> Payment {
    Payment::Declined { code: "generic_decline".to_owned() }
}

#[tokio::test]
async fn a_run_of_an_attempt_that_another_run_has_seen_declined_answers_that() {
    let till = Till::open().await;
    let ask = till.attempt();
    let create = till.holds_up(Asked::Create);
    let (payments, same) = (till.payments.clone(), ask.clone());
    let slow =
        tokio::spawn(async move { payments.authorize(&same, &Tries::default()).await.unwrap() });
    create.has_come().await;
    let other = till.payments.authorize(&ask, &Tries::default()).await.unwrap();
    assert_eq!(other, declined());

    create.goes_on();

    assert_eq!(slow.await.unwrap(), declined());
    assert_eq!(till.shelf.state(till.order).await, "awaiting_payment");
}

#[tokio::test]
async fn a_look_for_one_attempt_tells_nothing_of_the_next() {
    let till = Till::open().await;
    assert_eq!(
        till.payments.authorize(&till.attempt(), &Tries::default()).await.unwrap(),
        declined()
    );
    till.begin(2).await;

    let look = InspectPayment { order_id: till.order, number: Some(1) };
    till.payments.inspect(&look).await.unwrap();

    assert_eq!(till.stands().await, ("paying".into(), "processing".into(), None));
}

#[tokio::test]
async fn a_look_after_the_holds_end_tells_no_decline_that_may_be_of_the_attempt_before() {
    let till = Till::open().await;
    till.payments.authorize(&till.attempt(), &Tries::default()).await.unwrap();
    till.begin(2).await;
    sqlx::query("update orders set expires_at = clock_timestamp() - interval '1 second'")
        .execute(till.shelf.database.pool())
        .await
        .unwrap();

    let look = InspectPayment { order_id: till.order, number: Some(2) };
    assert_eq!(till.payments.inspect(&look).await.unwrap(), Payment::Processing);

    assert_eq!(till.stands().await, ("paying".into(), "processing".into(), None));
}
