//! The same work done twice: by the same run of a workflow, because the worker died before it
//! could record the first time, and by another run, because Temporal has forgotten the first.

use std::time::Duration;

use futures::future::join_all;
use sqlx::{FromRow, PgPool};
use system_tests::{Running, Shop, ShopOptions, Shopper, assert_invariants, eventually};
use temporalio_client::WorkflowExecutionStatus;
use uuid::Uuid;

use super::{
    buying,
    mishaps::{Mishaps, Moment},
    temporal::{self, Temporal},
    worker::BroughtWorker,
};

/// Everything about an order that another run of its workflow could have changed.
#[derive(Debug, PartialEq, Eq, FromRow)]
struct Stored {
    run_id: String,
    state: String,
    version: i64,
    /// When the hold ends, as text: to the microsecond.
    expires_at: Option<String>,
    hold_state: String,
    holds: i64,
    events: i64,
    on_hand: i64,
    held: i64,
    sold: i64,
    stock_version: i64,
}

impl Stored {
    async fn of(order: Uuid, database: &PgPool) -> Self {
        let query = "
            select orders.run_id, orders.state, orders.version, orders.expires_at::text,
                holds.state as hold_state,
                (select count(*) from holds where order_id = $1) as holds,
                (select count(*) from order_events where order_id = $1) as events,
                stock.on_hand, stock.held, stock.sold, stock.version as stock_version
            from orders
            join holds using (order_id)
            join order_lines using (order_id)
            join stock using (sku)
            where order_id = $1";
        sqlx::query_as(query).bind(order).fetch_one(database).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_between_the_hold_and_its_record_leaves_one_hold() {
    let shop = Shop::open(ShopOptions { running: Running::ApiAlone, ..Default::default() }).await;
    let mishaps = Mishaps::default();
    let dies = BroughtWorker::start(&shop, mishaps.clone());
    let sku = buying::product(&shop, 5).await;
    let shopper = shop.shopper();
    let id = temporal::checkout(shopper.order_id);

    let held = mishaps.waits(&id, "reserve", Moment::AfterEffect);
    buying::hold(&shopper, &sku, 2).await;
    held.has_happened().await;
    let database = shop.database().await;
    let first = Stored::of(shopper.order_id, &database).await;
    drop(dies);
    let lives = BroughtWorker::start(&shop, Mishaps::default());

    // The second worker reserves again, for the same run, and waits for the hold that is there.
    let temporal = Temporal::of(&shop).await;
    eventually("the workflow waits for the shopper", Duration::from_mins(1), || async {
        let events = temporal.events(&id).await;
        events.iter().any(|event| event.event_type().as_str_name().contains("TIMER")).then_some(())
    })
    .await;
    let second = Stored::of(shopper.order_id, &database).await;
    assert_eq!(second, first, "the second run of the reservation");
    assert_eq!((second.holds, second.events, second.held), (1, 1, 2));

    buying::pay(&shopper, "pm_card_visa").await;
    shopper.reaches("paid").await;
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 2));
    assert_invariants(&shop).await;
    temporal.ended(&id).await;
    temporal.assert_replays(&[id]).await;
    drop(lives);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_an_order_that_temporal_has_forgotten_changes_nothing() {
    let shop = Shop::shared().await;
    let temporal = Temporal::of(&shop).await;
    let database = shop.database().await;
    let sku = buying::product(&shop, 9).await;

    let paid = shop.shopper();
    buying::hold(&paid, &sku, 2).await;
    buying::pay(&paid, "pm_card_visa").await;
    paid.reaches("paid").await;
    let cancelled = shop.shopper();
    buying::hold(&cancelled, &sku, 1).await;
    cancelled.cancel().await;
    cancelled.reaches("cancelled").await;
    // Still open: its workflow was terminated, so that Temporal may forget it as well.
    temporal.pause_reconciliations().await;
    let open = shop.shopper();
    buying::hold(&open, &sku, 3).await;
    temporal.terminate(&temporal::checkout(open.order_id)).await;

    join_all([&paid, &cancelled, &open].map(async |shopper| {
        let id = temporal::checkout(shopper.order_id);
        let input = temporal.input_of(&id).await;
        temporal.ended(&id).await;
        let (stored, shown) =
            (Stored::of(shopper.order_id, &database).await, shopper.get().await.body);
        temporal.forget(&id).await;

        temporal.start(input).await;

        assert_eq!(temporal.ended(&id).await, WorkflowExecutionStatus::Completed, "{id}");
        let now = Stored::of(shopper.order_id, &database).await;
        assert_eq!(now, stored, "what is stored of {id}");
        let shown_now = shopper.get().await.body;
        for unchanged in ["state", "version", "total", "payment", "updated_at"] {
            assert_eq!(shown_now[unchanged], shown[unchanged], "{unchanged} of {id}");
        }
    }))
    .await;
    assert_eq!(shop.operator().stock(&sku).await, (4, 3, 2));
    assert_eq!(shop.payments_of(paid.order_id).await.len(), 1, "payments of the paid order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_workflow_was_terminated_before_it_held_anything_is_begun_again() {
    let shop = Shop::open(ShopOptions { running: Running::ApiAlone, ..Default::default() }).await;
    let worker = BroughtWorker::start(&shop, Mishaps::default());
    let sku = buying::product(&shop, 5).await;
    drop(worker);
    let (shopper, cart) = (shop.shopper(), Shopper::cart(&[(&sku, 2)]));
    let (id, temporal) = (temporal::checkout(shopper.order_id), Temporal::of(&shop).await);
    assert_eq!(shopper.put(&cart).await.status, 202);
    temporal.terminate(&id).await;

    assert_eq!(shopper.get().await.state(), "cancelled", "nothing else would come of it");
    let called_off = shopper.cancel().await;
    assert_eq!((called_off.status.as_u16(), called_off.state()), (200, "cancelled"));
    assert_eq!(shopper.pay("pm_card_visa").await.status, 409);
    assert_eq!(shopper.put(&cart).await.status, 202);
    assert_eq!(shopper.get().await.state(), "reserving");
    let again = temporal.describe(&id).await.unwrap();
    assert_eq!(again.status(), WorkflowExecutionStatus::Running);
    let _worker = BroughtWorker::start(&shop, Mishaps::default());
    shopper.reaches("awaiting_payment").await;
    buying::pay(&shopper, "pm_card_visa").await;
    buying::is_paid_once(&shop, &shopper).await;
    assert_eq!(shop.operator().stock(&sku).await, (3, 0, 2));
    assert_invariants(&shop).await;
}
