//! With every guard in place every property holds, whatever comes in whatever order; and every end
//! that an order can have is met, so that the properties speak of something.
#![allow(clippy::print_stdout, reason = "the figures are for whoever reads the test's output")]

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Instant,
};

use model::{Guards, Race, Scenario};
use stateright::{Checker, Model};

/// Visits everything that can happen in `scenario`. `at_least` says that it was not next to nothing.
#[track_caller]
fn holds(scenario: Scenario, at_least: usize) {
    let begun = Instant::now();
    let checker = Race { scenario, guards: Guards::all() }.checker().spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{states} states, up to {depth} steps, in {:.1?}", begun.elapsed());
    assert!(checker.is_done(), "not everything was visited");
    checker.assert_properties();
    assert!(states >= at_least, "only {states} states: is anything still happening?");
}

#[test]
fn paying_calling_off_and_the_holds_end_may_meet_at_any_moment() {
    holds(Scenario::quiet(), 700);
}

#[test]
fn a_second_attempt_may_follow_a_decline_with_webhooks_that_come_as_they_like() {
    holds(Scenario::second_attempt(), 20_000);
}

#[test]
fn a_worker_may_die_or_go_on_unseen_at_any_step() {
    holds(Scenario::fault(), 10_000);
}

#[test]
fn two_workers_may_die_or_go_on_unseen_at_any_step() {
    holds(Scenario::two_faults(), 50_000);
}

#[test]
fn a_shopper_may_approve_at_the_bank_at_any_moment() {
    holds(Scenario::approval(), 50_000);
}

#[test]
fn a_worker_may_die_between_two_attempts() {
    holds(Scenario::second_attempt_and_fault(), 100_000);
}

#[test]
fn a_bank_may_approve_when_the_order_is_long_over() {
    holds(Scenario::late_success(), 50_000);
}

#[test]
fn a_late_approval_may_be_told_late_twice_or_never() {
    holds(Scenario::late_success_with_webhooks(), 5_000);
}

#[test]
fn the_provider_may_be_silent_until_the_grace_is_over() {
    holds(Scenario::outage(), 80_000);
}

#[test]
fn the_provider_may_be_silent_of_a_payment_that_it_made() {
    holds(Scenario::unheard(), 50_000);
}

#[test]
fn a_capture_may_fail_until_its_authorization_ends() {
    holds(Scenario::capture_fails(), 80_000);
}

#[test]
fn two_orders_may_want_the_last_unit() {
    holds(Scenario::last_unit(), 10_000);
}

#[test]
fn two_orders_may_want_the_last_unit_while_workers_die() {
    holds(Scenario::last_unit_and_faults(), 800);
}

#[test]
fn temporal_may_forget_an_order_that_is_asked_for_again() {
    holds(Scenario::forgotten(), 20_000);
}

#[test]
fn a_checkout_may_be_terminated_at_any_moment() {
    holds(Scenario::terminated(), 50_000);
}

#[test]
fn a_checkout_may_be_terminated_while_the_provider_is_silent() {
    holds(Scenario::terminated_in_an_outage(), 50_000);
}

/// So that what holds when all is over is come to, whatever happens: that "every order ends" says it
/// of every way, and not only of those that end.
#[test]
fn nothing_goes_round_for_ever() {
    for scenario in [
        Scenario::quiet(),
        Scenario::second_attempt(),
        Scenario::fault(),
        Scenario::late_success_with_webhooks(),
        Scenario::forgotten(),
        Scenario::terminated(),
    ] {
        let race = Race { scenario, guards: Guards::all() };
        assert!(!goes_round(&race), "{:?} comes back to where it was", race.scenario);
    }
}

/// Whether there is a way back to a state that is on the way.
fn goes_round(race: &Race) -> bool {
    let hashes = RandomState::new();
    // Whether a state is still on the way.
    let mut met = HashMap::new();
    let mut way: Vec<_> = race.init_states().into_iter().map(|first| (first, None)).collect();
    while let Some((state, next)) = way.pop() {
        let hash = hashes.hash_one(&state);
        let mut next: Vec<_> = match next {
            Some(left) => left,
            None => match met.insert(hash, true) {
                Some(true) => return true,
                Some(false) => {
                    met.insert(hash, false);
                    continue;
                }
                None => race.next_states(&state),
            },
        };
        if let Some(following) = next.pop() {
            way.push((state, Some(next)));
            way.push((following, None));
        } else {
            met.insert(hash, false);
        }
    }
    false
}
