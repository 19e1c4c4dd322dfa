//! What the model finds with every guard in place, and the product lets happen: kept here so that it
//! is not forgotten, and so that whoever mends it hears of it.
#![allow(clippy::print_stdout, reason = "a way to go wrong is there to be read")]

use std::collections::BTreeSet;

use model::{Guards, Race, Scenario};
use stateright::{Checker, HasDiscoveries, Model};

/// Looks for a way on which `holds_not` does not hold, and holds it against the steps that it must go
/// through, in their order.
#[track_caller]
fn happens(scenario: Scenario, holds_not: &'static str, steps: &[&str]) {
    let strict = Scenario { strict: true, meets: Vec::new(), ..scenario };
    let first = HasDiscoveries::AllOf(BTreeSet::from([holds_not]));
    let race = Race { scenario: strict, guards: Guards::all() };
    let checker = race.checker().finish_when(first).spawn_bfs().join();
    let Some(way) = checker.discovery(holds_not) else {
        panic!("it does not happen any more: take it out of docs/model.md, and this test");
    };
    let way: Vec<_> = way.into_actions().iter().map(|action| format!("{action:?}")).collect();
    println!("not so: {holds_not}\n  {}", way.join("\n  "));
    let mut left = way.iter();
    for step in steps {
        assert!(left.any(|taken| taken.starts_with(step)), "'{step}' is no step of it");
    }
}

#[test]
fn a_close_that_was_thought_dead_cancels_between_its_last_look_and_its_request() {
    let steps = [
        "close_payment: still_unpaid",
        "close_payment: cancel is next, and another worker begins it anew",
        "close_payment (run 1): retrieve",
        "close_payment: cancel",
    ];
    happens(Scenario::fault(), "nobody else calls off the payment of a bought order", &steps);
}

#[test]
fn a_commit_of_a_terminated_checkout_lands_while_its_order_is_concluded() {
    let steps = ["Terminate", "BeginConclude", "close_payment (run 1): still_unpaid", "commit"];
    let holds_not = "nobody else calls off the payment of a bought order";
    happens(Scenario::terminated(), holds_not, &steps);
}

#[test]
fn a_run_that_was_thought_dead_is_declined_and_its_successor_has_the_order_cancelled() {
    let steps = [
        "authorize: keep_intent is next, and another worker begins it anew",
        "authorize (run 1): begin_attempt",
        "authorize: record_payment",
        "authorize: keep_intent",
    ];
    let patient = Scenario { cancels: false, ..Scenario::second_attempt_and_fault() };
    happens(patient, "no attempt is lost to its own decline", &steps);
}

#[test]
fn a_look_at_an_attempt_that_has_not_reached_its_card_tells_the_decline_before_it() {
    let steps = ["Pay(Declined)", "Pay(", "inspect_payment (run 1): look", "authorize: confirm"];
    let patient = Scenario { cancels: false, ..Scenario::second_attempt_and_fault() };
    happens(patient, "no attempt is told the decline before it", &steps);
}
