//! SIGKILL at named points: before and after each activity, each call of the provider, each request
//! that is passed on, and with transactions that are written and not committed. Processes die alone
//! and in pairs, with an order at every point at once. Whoever was told something finds it true,
//! whoever was told nothing asks again, and every order ends as it would have.

mod journey;
mod round;
mod scene;
mod unheard;

use std::collections::BTreeSet;

use system_tests::Running;

use self::{
    journey::{Errand, journeys_to},
    round::Round,
    scene::{Scene, Victim},
};
use super::saga::{self, OF_ALL_ORDERS};

/// Points where the worker comes, but for those of its inbox: whoever waits there keeps all that
/// comes after it waiting, so that one of them at a time has its turn.
const OF_THE_WORKER: [&str; 3] = ["activity", "transaction", "provider"];

/// Where it matters that a second one dies as well: after effects that nobody was told of, and in
/// the middle of them.
const AFTER_EFFECTS: [&str; 16] = [
    "activity.reserve.after",
    "activity.commit.after",
    "activity.capture.after",
    "activity.release.after",
    "activity.begin_refund.after",
    "activity.finish_refund.after",
    "activity.apply_change.after",
    "provider.create.after",
    "provider.confirm.after",
    "provider.capture.after",
    "provider.cancel.after",
    "provider.refund.after",
    "transaction.reserve.uncommitted",
    "transaction.commit.uncommitted",
    "transaction.release.uncommitted",
    "inbox.deliver.after",
];

/// The points of these processes and parts of them.
fn points_of(who: &[&str]) -> impl Iterator<Item = String> {
    let is_of = |point: &String| who.iter().any(|who| point.split('.').next() == Some(*who));
    failpoints::all().into_iter().filter(is_of)
}

/// An order to each of these points on every way that leads there.
fn on_every_way(points: impl IntoIterator<Item = String>) -> Vec<Errand> {
    let ways = |point: String| {
        journeys_to(&point).iter().map(move |&journey| Errand { point: point.clone(), journey })
    };
    points.into_iter().flat_map(ways).collect()
}

/// An order to each of these points, on the shortest way.
fn on_one_way(points: impl IntoIterator<Item = String>) -> Vec<Errand> {
    let way = |point: String| Errand { journey: journeys_to(&point)[0], point };
    points.into_iter().map(way).collect()
}

/// Those before and those after, so that no more are under way at once than a busy machine can bear.
fn in_two_rounds(errands: Vec<Errand>) -> [Vec<Errand>; 2] {
    let (before, after) = errands.into_iter().partition(|errand| errand.point.ends_with("before"));
    [before, after]
}

fn after_effects() -> impl Iterator<Item = String> {
    AFTER_EFFECTS.into_iter().map(str::to_owned)
}

#[test]
fn every_point_has_a_way_to_it_and_every_activity_has_its_points() {
    let points = failpoints::all();
    for point in &points {
        assert!(!journeys_to(point).is_empty(), "somebody comes to {point}");
    }
    let somebody_dies = [&OF_THE_WORKER[..], &["inbox", "api", "sandbox"]].concat();
    assert_eq!(points_of(&somebody_dies).count(), points.len(), "a round for every process");
    let known: BTreeSet<_> = points.into_iter().collect();
    assert!(AFTER_EFFECTS.iter().all(|point| known.contains(*point)));
    let listed = failpoints::ACTIVITIES.into_iter().chain(OF_ALL_ORDERS);
    let listed: BTreeSet<_> = listed.map(str::to_owned).collect();
    assert_eq!(saga::declared(), listed, "every declared activity is in failpoints::ACTIVITIES");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_killed_wherever_it_stands_loses_and_doubles_nothing() {
    let scene = Scene::open(Running::Split).await;
    let points = points_of(&OF_THE_WORKER).chain(["inbox.deliver.before".to_owned()]);
    for errands in in_two_rounds(on_every_way(points)) {
        Round::of(&scene, errands).survives(&[Victim::Worker]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_killed_wherever_it_stands_loses_and_doubles_nothing() {
    let scene = Scene::open(Running::Split).await;
    Round::of(&scene, on_one_way(points_of(&["api"]))).survives(&[Victim::Api]).await;
    let both = on_one_way(points_of(&["api"]).chain(after_effects()));
    Round::of(&scene, both).survives(&[Victim::Worker, Victim::Api]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_in_one_process_that_is_killed_wherever_it_stands_loses_and_doubles_nothing() {
    let scene = Scene::open(Running::Together).await;
    let errands = on_one_way(points_of(&["api"]).chain(after_effects()));
    Round::of(&scene, errands).survives(&[Victim::Api]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_killed_wherever_it_stands_charges_and_gives_back_once() {
    let scene = Scene::open(Running::Together).await;
    Round::of(&scene, on_one_way(points_of(&["sandbox"]))).survives(&[Victim::Sandbox]).await;
    let both = on_one_way(points_of(&["sandbox", "provider"]));
    Round::of(&scene, both).survives(&[Victim::Api, Victim::Sandbox]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgres_or_temporal_killed_in_the_middle_of_everything_nothing_is_lost_or_doubled() {
    let scene = Scene::on_own_servers().await;
    let passed_on = ["api.start.after", "api.pay.after", "api.webhook.after"].map(str::to_owned);
    let errands = on_one_way(after_effects().chain(passed_on));
    for victims in [
        &[Victim::Postgres][..],
        &[Victim::Temporal],
        &[Victim::Postgres, Victim::Api],
        &[Victim::Temporal, Victim::Api],
    ] {
        Round::of(&scene, errands.clone()).survives(victims).await;
    }
}
