//! Each activity of the sagas fails once before its effect, and once after it, so that it runs
//! twice: the order ends as it would have, and so do the money and the units.

use std::{collections::BTreeSet, fs, sync::Arc};

use system_tests::assert_invariants;
use tokio::task::JoinSet;

use super::{
    mishaps::Moment,
    paths::{Order, Path, Stage},
};

/// Every activity that is declared, each on the paths that reach it.
const ACTIVITIES: [(&str, &[Path]); 14] = [
    ("reserve", &[Path::Paid, Path::Refused]),
    ("authorize", &[Path::Paid, Path::PaidAfterDecline, Path::Approved]),
    ("inspect_payment", &[Path::Approved]),
    ("commit", &[Path::Paid, Path::PaidInTime]),
    ("capture", &[Path::Paid, Path::CaptureRefused]),
    ("close_payment", &[Path::CalledOffUnapproved, Path::ExpiredUnapproved, Path::PaidInTime]),
    ("release", &[Path::CalledOff, Path::Expired, Path::SettledByCancel]),
    ("return_units", &[Path::CaptureRefused, Path::CaptureGivenUp, Path::CaptureUnheard]),
    ("payment_intent_of", &[Path::CaptureRefused, Path::SettledByCancel]),
    ("settle_intent", &[Path::SettledByCancel, Path::SettledByRefund]),
    ("apply_change", &[Path::OperatorsChange]),
    ("begin_refund", &[Path::Refunded]),
    ("send_refund", &[Path::Refunded]),
    ("finish_refund", &[Path::Refunded]),
];

/// Activities of workflows whose ids the provider makes, so that nothing can be arranged for them
/// beforehand. They only ask, and are asked again; `tests/refunds` has them.
const BEGUN_BY_THE_PROVIDER: [&str; 2] = ["look_at_refund", "look_at_dispute"];

/// Activities that look at all orders there are, and not at one on its path. They only read, or
/// write one row under a key; `reconciling` has them.
pub const OF_ALL_ORDERS: [&str; 5] = [
    "begin_reconciliation",
    "check_orders",
    "check_payments",
    "record_finding",
    "finish_reconciliation",
];

#[test]
fn every_declared_activity_has_its_faults() {
    let listed = ACTIVITIES.iter().map(|(name, _)| *name).chain(BEGUN_BY_THE_PROVIDER);
    let listed = listed.chain(OF_ALL_ORDERS);
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    assert_eq!(declared(), listed, "every declared activity has its line in ACTIVITIES");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_fails_before_or_after_its_effect_changes_no_orders_end() {
    let stage = Stage::set().await;
    let mut cases = JoinSet::new();
    for (activity, paths) in ACTIVITIES {
        for &path in paths {
            for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
                cases.spawn(goes_well(Arc::clone(&stage), activity, moment, path));
            }
        }
    }
    let count = cases.len();
    let mut ids = Vec::new();
    while let Some(went) = cases.join_next().await {
        // One that has failed has said so; the others still tell what they have to.
        ids.extend(went.ok());
    }
    assert_eq!(ids.len(), count, "cases that went well");
    assert_invariants(&stage.shop).await;
    stage.temporal.assert_replays(&ids.concat()).await;
}

/// An order goes its path, though `activity` fails once; answers the workflows that it took.
async fn goes_well(
    stage: Arc<Stage>,
    activity: &'static str,
    moment: Moment,
    path: Path,
) -> Vec<String> {
    let told = format!("{activity} fails once {moment:?}, {path:?}");
    println!("{told}");
    let order = Order::on(&stage).await;
    let id = order.workflow_id(path);
    let mut mishap = None;
    let mut befalls = |workflow: &str| {
        mishap = Some(stage.mishaps.fails_once(workflow, activity, moment));
    };
    let settle = if activity == "settle_intent" {
        order.go(path, befalls).await
    } else {
        befalls(&id);
        order.go(path, |_| ()).await
    };
    stage.temporal.ended(&id).await;
    assert_eq!(mishap.map(|mishap| mishap.times()), Some(1), "{told}: it has to happen");
    std::iter::once(id).chain(settle).collect()
}

/// The activities that `workflows` declares.
pub fn declared() -> BTreeSet<String> {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/src");
    declared_in(&sources)
}

fn declared_in(folder: &std::path::Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            names.append(&mut declared_in(&entry.path()));
            continue;
        }
        let source = fs::read_to_string(entry.path()).unwrap();
        let named = source.split("#[activity(name = \"").skip(1);
        names.extend(named.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    names
}
