//! Orders on every path to its end, and orders found open in every state: what Temporal keeps of
//! each replays with the code that wrote it. With `RECORD_HISTORIES=1` it is also written down,
//! for the code to come (`tests/histories/README.md`).

use std::{env, fs, path::PathBuf, sync::Arc};

use futures::{future::BoxFuture, join};
use reqwest::Method;
use system_tests::{assert_invariants, eventually};
use temporalio_client::WorkflowHistory;
use temporalio_common::protos::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};
use tokio::task::JoinSet;

use super::{
    buying,
    mishaps::Moment,
    paths::{Order, Path, Stage},
    replayer::assert_replays,
    temporal,
};

/// A name, and what Temporal keeps under it.
type Recording = (String, Vec<u8>);
/// Makes an order, and answers what is to be recorded of it.
type Recorder = fn(Arc<Stage>) -> BoxFuture<'static, Vec<Recording>>;

/// Orders that have ended.
const ENDED: [(&str, Path); 15] = [
    ("paid", Path::Paid),
    ("paid-after-a-decline", Path::PaidAfterDecline),
    ("paid-after-approval", Path::Approved),
    ("paid-in-time-heard-of-later", Path::PaidInTime),
    ("expired", Path::Expired),
    ("expired-at-the-bank", Path::ExpiredUnapproved),
    ("cancelled", Path::CalledOff),
    ("cancelled-at-the-bank", Path::CalledOffUnapproved),
    ("payment-failed", Path::CaptureRefused),
    ("payment-failed-at-last", Path::CaptureGivenUp),
    ("paid-after-all", Path::CaptureUnheard),
    ("expired-without-the-providers-word", Path::SettledByCancel),
    ("refused", Path::Refused),
    ("operator-counted-stock", Path::OperatorsChange),
    ("refunded", Path::Refunded),
];

/// Orders that took a turn, or have not ended.
const TURNS: [Recorder; 13] = [
    |stage| Box::pin(open_awaiting_payment(stage)),
    |stage| Box::pin(open_after_a_decline(stage)),
    |stage| Box::pin(open_at_the_bank(stage)),
    |stage| Box::pin(open_at(stage, "open-paying", "authorize", false)),
    |stage| Box::pin(open_at(stage, "open-confirmed", "capture", false)),
    |stage| Box::pin(open_at(stage, "open-closing", "close_payment", true)),
    |stage| Box::pin(paid_though_slow(stage)),
    |stage| Box::pin(cancelled_in_temporal(stage)),
    |stage| Box::pin(taken_by_another_run(stage)),
    |stage| Box::pin(refund_being_sent(stage)),
    |stage| Box::pin(refund_made_at_the_provider(stage)),
    |stage| Box::pin(disputed(stage)),
    |stage| Box::pin(concluded(stage)),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_there_can_be_replays_with_the_code_that_it_ran() {
    let stage = Stage::set().await;
    let mut recorders = JoinSet::new();
    for (name, path) in ENDED {
        recorders.spawn(ended(stage.clone(), name, path));
    }
    for recorder in TURNS {
        recorders.spawn(recorder(stage.clone()));
    }
    let recordings: Vec<Recording> = recorders.join_all().await.concat();
    assert_invariants(&stage.shop).await;
    let history = |(name, json): &Recording| {
        (name.clone(), WorkflowHistory::from_json(json).expect("what was recorded can be read"))
    };
    assert_replays(recordings.iter().map(history).collect()).await;
    if env::var_os("RECORD_HISTORIES").is_some() {
        recordings.iter().for_each(write);
    }
}

/// Writes a recording where `tests/tests/replay.rs` finds it, with line breaks, so that a
/// difference can be read.
fn write((name, json): &Recording) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("histories");
    let history: serde_json::Value = serde_json::from_slice(json).unwrap();
    let text = serde_json::to_string_pretty(&history).unwrap() + "\n";
    fs::write(folder.join(format!("{name}.json")), text).unwrap();
}

async fn record(stage: &Stage, name: &str, id: &str) -> Recording {
    (name.to_owned(), stage.temporal.history(id).to_json().await.unwrap())
}

async fn ended(stage: Arc<Stage>, name: &'static str, path: Path) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    let settle = order.go(path, |_| ()).await;
    let id = order.workflow_id(path);
    stage.temporal.ended(&id).await;
    let mut recordings = vec![record(&stage, name, &id).await];
    if let Some(settle) = settle {
        recordings.push(record(&stage, &format!("settled-after-{name}"), &settle).await);
    }
    recordings
}

async fn open_awaiting_payment(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    order.hold().await;
    has_timers(&stage, &order, 1).await;
    vec![record(&stage, "open-awaiting-payment", &order.workflow_id(Path::Paid)).await]
}

async fn open_after_a_decline(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    order.hold_and_pay("pm_card_visa_chargeDeclined").await;
    let heard = |events: &[EventType]| {
        let mut since =
            events.iter().skip_while(|event| **event != EventType::ActivityTaskCompleted);
        since.any(|event| *event == EventType::WorkflowTaskCompleted)
    };
    tells(&stage, &order.workflow_id(Path::Paid), heard).await;
    vec![record(&stage, "open-after-a-decline", &order.workflow_id(Path::Paid)).await]
}

async fn open_at_the_bank(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    order.hold_and_pay("pm_card_authenticationRequired").await;
    // The hold's own timer, and two pauses after which the provider was asked again.
    has_timers(&stage, &order, 3).await;
    vec![record(&stage, "open-at-the-bank", &order.workflow_id(Path::Paid)).await]
}

/// An order that is found open while `activity` is under way, perhaps because it was called off.
async fn open_at(
    stage: Arc<Stage>,
    name: &'static str,
    activity: &'static str,
    called_off: bool,
) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    let id = order.workflow_id(Path::Paid);
    let waits = stage.mishaps.waits(&id, activity, Moment::BeforeEffect);
    if called_off {
        order.hold_and_pay("pm_card_authenticationRequired").await;
        buying::bank_page(&order.shopper).await;
        order.shopper.cancel().await;
    } else {
        order.hold_and_pay("pm_card_visa").await;
    }
    waits.has_happened().await;
    let recording = record(&stage, name, &id).await;
    waits.end();
    order.shopper.reaches(if called_off { "cancelled" } else { "paid" }).await;
    vec![recording]
}

/// The provider fails too often for the first tries, before it charges and before it captures.
async fn paid_though_slow(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    let id = order.workflow_id(Path::Paid);
    stage.mishaps.fails(5, &id, "authorize", Moment::BeforeEffect);
    stage.mishaps.fails(5, &id, "capture", Moment::AfterEffect);
    order.go(Path::Paid, |_| ()).await;
    stage.temporal.ended(&id).await;
    vec![record(&stage, "paid-though-the-provider-is-slow", &id).await]
}

async fn cancelled_in_temporal(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    let id = order.workflow_id(Path::CalledOff);
    order.hold().await;
    stage.temporal.request_cancel(&id).await;
    order.shopper.reaches("cancelled").await;
    stage.temporal.ended(&id).await;
    vec![record(&stage, "cancelled-in-temporal", &id).await]
}

async fn taken_by_another_run(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    let id = order.workflow_id(Path::CalledOff);
    order.go(Path::CalledOff, |_| ()).await;
    stage.temporal.ended(&id).await;
    let input = stage.temporal.input_of(&id).await;
    stage.temporal.start(input).await;
    stage.temporal.ended(&id).await;
    vec![record(&stage, "taken-by-another-run", &id).await]
}

/// A refund that is found under way: it is decided, and the provider was not asked yet.
async fn refund_being_sent(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    let id = order.workflow_id(Path::Refunded);
    let sends = stage.mishaps.waits(&id, "send_refund", Moment::BeforeEffect);
    let recording = async {
        sends.has_happened().await;
        let recording = record(&stage, "open-refund", &id).await;
        sends.end();
        recording
    };
    vec![join!(recording, order.go(Path::Refunded, |_| ())).0]
}

async fn refund_made_at_the_provider(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    order.go(Path::Paid, |_| ()).await;
    let made = buying::refund_at_provider(&stage.shop, order.shopper.order_id).await;
    let id = domain::RefundId::of_provider(&made).workflow_id();
    order.shopper.reaches("refunded").await;
    stage.temporal.ended(&id).await;
    vec![record(&stage, "refunded-at-the-provider", &id).await]
}

/// A dispute, found open and when it was lost.
async fn disputed(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    order.go(Path::Paid, |_| ()).await;
    let dispute = buying::dispute(&stage.shop, order.shopper.order_id).await;
    order.shopper.reaches("disputed").await;
    let id = format!("dispute/{dispute}");
    let waits = |events: &[EventType]| events.contains(&EventType::TimerStarted);
    tells(&stage, &id, waits).await;
    let open = record(&stage, "open-dispute", &id).await;
    buying::concede(&stage.shop, &dispute).await;
    stage.temporal.ended(&id).await;
    vec![open, record(&stage, "dispute-lost", &id).await]
}

/// An order whose workflow was terminated is found by a reconciliation, and concluded.
async fn concluded(stage: Arc<Stage>) -> Vec<Recording> {
    let order = Order::on(&stage).await;
    let id = order.workflow_id(Path::Paid);
    order.hold_and_pay("pm_card_authenticationRequired").await;
    buying::bank_page(&order.shopper).await;
    stage.temporal.terminate(&id).await;
    let ask = || stage.shop.operator().request(Method::POST, "/v1/reconciliation");
    buying::until_taken("a reconciliation", ask).await;
    stage.temporal.ended("reconcile-now").await;
    order.shopper.reaches("cancelled").await;
    let conclude = format!("conclude/{}", order.shopper.order_id);
    stage.temporal.ended(&conclude).await;
    vec![
        record(&stage, "reconciled", "reconcile-now").await,
        record(&stage, "concluded", &conclude).await,
    ]
}

/// Waits until the order's workflow has begun to wait so often.
async fn has_timers(stage: &Stage, order: &Order, timers: usize) {
    let waits = |events: &[EventType]| {
        events.iter().filter(|event| **event == EventType::TimerStarted).count() >= timers
    };
    tells(stage, &temporal::checkout(order.shopper.order_id), waits).await;
}

/// Waits until what has happened to a workflow fits.
async fn tells(stage: &Stage, id: &str, fits: impl Fn(&[EventType]) -> bool) {
    eventually(&format!("the history of {id} fits"), temporal::SOON, || async {
        let events = stage.temporal.events(id).await;
        let events: Vec<_> = events.iter().map(HistoryEvent::event_type).collect();
        fits(&events).then_some(())
    })
    .await;
}
