//! Delivering stored webhooks to the orders that they are about.

mod refunds;

use std::time::Duration;

use activities::{
    Database,
    inbox::{self, DueEvent, Outcome},
};
use anyhow::Context;
use domain::{
    OrderId,
    webhook::{Route, route},
};
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::postgres::PgListener;
use startup::traces::belongs_to_order;
use temporalio_client::{
    Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowSignalOptions,
    WorkflowStartOptions, errors::WorkflowStartError,
};
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use workflows::{Checkout, PaymentEvent, Settle, SettleInput, TASK_QUEUE, search::about};

/// How many events are taken up at once.
const A_HANDFUL: i64 = 100;
/// How many of them at the same time: what is slow for one order must not hold up the others.
const AT_ONCE: usize = 16;
/// How long telling a workflow may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long at the most an event waits whose notification was lost.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Delivers events until `stop`. What fails is taken up again with growing pauses.
pub async fn deliver(
    database: Database,
    client: Client,
    listen_url: String,
    stop: CancellationToken,
) {
    let mut listener = None;
    while !stop.is_cancelled() {
        match deliver_due(&database, &client).await {
            Ok(delivered) if delivered == A_HANDFUL.unsigned_abs() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(error = format!("{error:#}"), "webhooks wait"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = news(&mut listener, &listen_url) => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Waits for word of a new event; for ever when there is no one to tell.
async fn news(listener: &mut Option<PgListener>, url: &str) {
    if listener.is_none() {
        *listener = listen(url).await.ok();
    }
    if let Some(open) = listener.as_mut()
        && open.recv().await.is_ok()
    {
        return;
    }
    *listener = None;
    std::future::pending::<()>().await;
}

async fn listen(url: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen("holdfast_inbox").await?;
    Ok(listener)
}

async fn deliver_due(database: &Database, client: &Client) -> anyhow::Result<u64> {
    let due = inbox::take_due(database.pool(), A_HANDFUL).await?;
    let taken = due.len() as u64;
    stream::iter(due)
        .map(anyhow::Ok)
        .try_for_each_concurrent(AT_ONCE, |event| deliver_and_record(database, client, event))
        .await?;
    Ok(taken)
}

/// What was come to with an event.
enum Delivery {
    /// This is its end.
    Done(Outcome),
    /// It is taken up again later, for this reason.
    Waits(&'static str),
}

async fn deliver_and_record(
    database: &Database,
    client: &Client,
    event: DueEvent,
) -> anyhow::Result<()> {
    let (pool, id) = (database.pool(), &event.event_id);
    let span = tracing::info_span!("deliver a webhook", event_id = id, kind = event.event_type);
    if let Some((order, ..)) = event.order {
        belongs_to_order(&span, order.0);
    }
    let whose = event.payment_intent.as_deref().unwrap_or_default();
    failpoints::reached(["inbox", "deliver", "before"], &[&whose]).await;
    let delivery = deliver_one(database, client, &event).instrument(span);
    let delivery = timeout(PATIENCE, delivery).await;
    failpoints::reached(["inbox", "deliver", "after"], &[&whose]).await;
    let why = match delivery.context("it takes too long").flatten() {
        Ok(Delivery::Done(outcome)) => {
            return Ok(inbox::record_outcome(pool, &event, outcome).await?);
        }
        Ok(Delivery::Waits(why)) => why.to_owned(),
        Err(error) => {
            let why = format!("{error:#}");
            tracing::warn!(event = id, error = why, "the webhook waits");
            why
        }
    };
    Ok(inbox::record_failure(pool, id, &why).await?)
}

async fn deliver_one(
    database: &Database,
    client: &Client,
    event: &DueEvent,
) -> anyhow::Result<Delivery> {
    let known = event.order.map(|(_, state, payment)| (state, payment));
    // A payment is created before its order's row names it: give that a moment.
    let patient = event.attempts < 6;
    let outcome = match (route(&event.event_type, known), event.order) {
        (Route::Ignore, _) => Outcome::Ignored,
        (Route::Known, _) => Outcome::Known,
        (Route::Foreign, _) if patient => {
            return Ok(Delivery::Waits("no order has this payment yet"));
        }
        (Route::Wait, Some(_)) if patient => {
            return Ok(Delivery::Waits("the order is about to hear of it by itself"));
        }
        (Route::Later, Some(_)) => return Ok(Delivery::Waits("the order is not paid yet")),
        (Route::Refund, Some((order, ..))) => {
            refunds::refund(database, client, event, order).await?
        }
        (Route::Dispute, Some((order, ..))) => refunds::dispute(client, event, order).await?,
        (Route::Settle, Some((order, ..))) => settle(client, event, order).await?,
        (Route::Wake | Route::Wait, Some((order, ..))) => wake(client, event, order).await?,
        (
            Route::Foreign
            | Route::Wait
            | Route::Wake
            | Route::Settle
            | Route::Later
            | Route::Refund
            | Route::Dispute,
            _,
        ) => Outcome::Foreign,
    };
    Ok(Delivery::Done(outcome))
}

async fn wake(client: &Client, event: &DueEvent, order: OrderId) -> anyhow::Result<Outcome> {
    let signal = WorkflowSignalOptions::builder()
        // The event alone would swallow a replay that an operator asks for.
        .request_id(format!("{}/{}", event.event_id, event.attempts))
        .build();
    let said = PaymentEvent { event_id: event.event_id.clone() };
    let said = RawValue::from_value(&said, &PayloadConverter::default());
    client
        .get_workflow_handle::<Checkout>(order.workflow_id())
        .signal(Checkout::payment_event, said, signal)
        .await
        .context("tell the order's workflow")?;
    Ok(Outcome::Delivered)
}

async fn settle(client: &Client, event: &DueEvent, order: OrderId) -> anyhow::Result<Outcome> {
    let payment_intent = event.payment_intent.clone().context("a late event names a payment")?;
    let input = SettleInput { payment_intent, order_id: order };
    let options = WorkflowStartOptions::new(TASK_QUEUE, input.workflow_id())
        .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .static_summary(format!("Late payment of order {order}"))
        .search_attributes(about(order))
        .build();
    match client.start_workflow(Settle::run, input, options).await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(Outcome::Late),
        Err(error) => Err(error).context("start the settling of a late payment"),
    }
}
