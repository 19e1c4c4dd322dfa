//! A payment that is called off while its order is bought: one of both, whichever comes first in
//! the order's row, and never a bought order without its payment.

use activities::{inventory, orders, payments::Tries};
use domain::EndReason::{Cancelled, HoldEnded};
use workflows::activities::{ClosedPayment, Commit};

use super::till::{Asked, INTENT, Till};

#[tokio::test]
async fn a_payment_whose_cancel_is_on_its_way_buys_nothing() {
    for reason in [HoldEnded, Cancelled] {
        let till = Till::with_an_attempt().await;
        let cancel = till.holds_up(Asked::Cancel);
        let thought_dead = till.closing(reason);
        cancel.has_come().await;

        // The confirmation lands, and a second run sees it.
        till.payment_is("requires_capture");
        assert_eq!(till.close(HoldEnded).await.unwrap(), ClosedPayment::PaidInTime);
        assert_eq!(till.commit().await, Commit::HoldGone);

        cancel.goes_on();
        assert_eq!(thought_dead.await.unwrap().unwrap(), ClosedPayment::AtRest);
        assert_eq!(till.shelf.state(till.order).await, "closing");
        assert_eq!(till.shelf.stock("mug").await, (4, 1, 0));
        assert_eq!(till.close(Cancelled).await.unwrap(), ClosedPayment::AtRest);
        till.shelf.release(&[till.order]).await;
        assert_eq!(till.shelf.stock("mug").await, (5, 0, 0));
    }
}

#[tokio::test]
async fn an_order_that_was_bought_since_its_payment_was_looked_at_keeps_it() {
    let till = Till::with_an_attempt().await;
    let look = till.holds_up(Asked::Retrieve);
    let late = till.closing(Cancelled);
    look.has_come().await;
    assert_eq!(till.commit().await, Commit::Committed);

    look.goes_on();

    assert!(late.await.unwrap().is_err(), "it is not at rest");
    assert_eq!(till.payment(), "requires_payment_method", "nothing is called off");
    assert_eq!(till.close(Cancelled).await.unwrap(), ClosedPayment::PaidInTime);
    assert_eq!(till.shelf.state(till.order).await, "confirmed");
}

#[tokio::test]
async fn a_cancel_that_was_refused_leaves_the_units_to_a_payment_in_time() {
    let till = Till::with_an_attempt().await;
    let cancel = till.holds_up(Asked::Cancel);
    let closing = till.closing(HoldEnded);
    cancel.has_come().await;
    // The shopper approves, and the bank thinks until after the cancel.
    till.payment_is("processing");
    let look = till.holds_up(Asked::Retrieve);
    cancel.goes_on();
    look.has_come().await;
    till.payment_is("requires_capture");
    look.goes_on();

    assert_eq!(closing.await.unwrap().unwrap(), ClosedPayment::PaidInTime);
    assert_eq!(till.commit().await, Commit::Committed);
}

#[tokio::test]
async fn a_cancel_of_which_nobody_knows_may_come_yet_whatever_another_is_answered() {
    let till = Till::with_an_attempt().await;
    till.loses(Some(Asked::Cancel));
    assert!(till.close(HoldEnded).await.is_err());
    till.loses(None);
    let cancel = till.holds_up(Asked::Cancel);
    let closing = till.closing(HoldEnded);
    cancel.has_come().await;
    till.payment_is("processing");
    let look = till.holds_up(Asked::Retrieve);
    cancel.goes_on();
    look.has_come().await;
    till.payment_is("requires_capture");
    look.goes_on();

    assert_eq!(closing.await.unwrap().unwrap(), ClosedPayment::PaidInTime);
    assert_eq!(till.commit().await, Commit::HoldGone);
}

#[tokio::test]
async fn a_payment_that_is_at_rest_buys_nothing_any_more() {
    let till = Till::with_an_attempt().await;
    till.payment_is("canceled");
    assert_eq!(till.close(HoldEnded).await.unwrap(), ClosedPayment::AtRest);
    assert_eq!(till.commit().await, Commit::HoldGone);
}

#[tokio::test]
async fn calling_another_payment_off_leaves_the_orders_own() {
    let till = Till::with_an_attempt().await;
    till.payments.settle("pi_of_somebody", &Tries::default()).await.unwrap();
    assert_eq!(till.commit().await, Commit::Committed);
}

#[tokio::test]
async fn calling_off_and_buying_wait_for_each_other() {
    let till = Till::with_an_attempt().await;
    let (database, order) = (till.shelf.database.clone(), till.order);
    let mut buying = till.shelf.database.pool().begin().await.unwrap();
    inventory::commit(&mut buying, &[order]).await.unwrap();
    let calling_off = tokio::spawn(async move {
        orders::begin_calling_off(database.pool(), order, INTENT).await.unwrap()
    });
    till.shelf.somebody_waits_for_a_lock().await;
    buying.commit().await.unwrap();
    assert!(!calling_off.await.unwrap(), "it is bought");

    let till = Till::with_an_attempt().await;
    let mut calling_off = till.shelf.database.pool().begin().await.unwrap();
    sqlx::query("update holds set called_off = called_off + 1")
        .execute(&mut *calling_off)
        .await
        .unwrap();
    let committed = async {
        till.shelf.somebody_waits_for_a_lock().await;
        calling_off.commit().await.unwrap();
    };
    let (commit, ()) = futures::join!(till.commit(), committed);
    assert_eq!(commit, Commit::HoldGone);
}
