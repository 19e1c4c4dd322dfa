//! What goes wrong without each guard of the design: the model finds it, and prints the way there.
#![allow(clippy::print_stdout, reason = "a way to go wrong is there to be read")]

use std::collections::BTreeSet;

use model::{Guard, Guards, Race, Scenario, Webhooks};
use stateright::{Checker, HasDiscoveries, Model};

/// Looks for a way to `go_wrong`, and holds it against the steps that it must go through, in their
/// order: a step is named by how its line begins.
#[track_caller]
fn finds(guards: Guards, scenario: Scenario, goes_wrong: &'static str, steps: &[&str]) {
    let first = HasDiscoveries::AllOf(BTreeSet::from([goes_wrong]));
    let checker = Race { scenario, guards }.checker().finish_when(first).spawn_bfs().join();
    let Some(way) = checker.discovery(goes_wrong) else {
        panic!("nothing went wrong in {} states", checker.unique_state_count());
    };
    let way: Vec<_> = way.into_actions().iter().map(|action| format!("{action:?}")).collect();
    println!("{goes_wrong}, but:\n  {}", way.join("\n  "));
    let mut left = way.iter();
    for step in steps {
        let is_it = |taken: &String| taken.starts_with(step);
        assert!(left.any(is_it), "'{step}' is no step of it, or comes too early");
    }
}

#[track_caller]
fn without(guard: Guard, scenario: Scenario, goes_wrong: &'static str, steps: &[&str]) {
    finds(Guards::all().without(guard), scenario, goes_wrong, steps);
}

// Stock.

#[test]
fn without_the_lock_of_the_stock_a_unit_is_sold_twice() {
    let steps = ["reserve: write", "rival: reserve: write"];
    let wrong = "no unit is sold twice";
    without(Guard::StockLockedWhileDecided, Scenario::last_unit(), wrong, &steps);
}

#[test]
fn without_writing_an_order_once_its_unit_is_held_twice() {
    let steps = ["reserve, and its worker dies with the answer", "reserve"];
    let wrong = "the stock is what holds and orders say";
    without(Guard::OrderWrittenOnce, Scenario::last_unit_and_faults(), wrong, &steps);
}

#[test]
fn without_the_check_of_the_run_a_shopper_is_told_of_a_hold_that_is_over() {
    let steps = ["release", "StartCheckout", "reserve"];
    let wrong = "nobody is told of a hold that is not theirs";
    without(Guard::OnlyItsOwnRunHolds, Scenario::forgotten(), wrong, &steps);
}

#[test]
fn without_asking_for_an_open_hold_a_late_commit_sells_a_unit_that_went_back() {
    let steps = ["commit", "return_units", "commit"];
    let wrong = "money is kept for units that are the buyer's";
    without(Guard::CommitOnlyOpenHolds, Scenario::capture_fails(), wrong, &steps);
}

/// A second net: closing finds the order bought, and goes forward with it.
#[test]
fn without_the_same_answer_of_a_commit_nothing_goes_wrong_while_the_other_guards_stand() {
    let guards = Guards::all().without(Guard::CommitAnswersAlike);
    Race { scenario: Scenario::fault(), guards }.checker().spawn_bfs().join().assert_properties();
}

#[test]
fn without_asking_for_an_open_hold_a_release_puts_a_sold_unit_back() {
    let steps = ["commit", "Terminate", "GiveUp", "release"];
    let wrong = "the stock is what holds and orders say";
    let silent = Scenario::terminated_in_an_outage();
    without(Guard::ReleaseOnlyOpenHolds, silent, wrong, &steps);
}

#[test]
fn without_asking_for_a_confirmed_order_the_units_of_a_paid_one_go_back() {
    let steps = ["capture: capture", "GiveUp", "capture: record_captured", "return_units"];
    let wrong = "money is kept for units that are the buyer's";
    without(Guard::ReturnOnlyConfirmed, Scenario::capture_fails(), wrong, &steps);
}

// Attempts to pay.

#[test]
fn without_the_refusal_of_the_handler_a_late_try_to_pay_is_taken() {
    let steps = ["Time(HoldOver)", "Pay(Approved)"];
    let wrong = "no try to pay is taken after the hold's end";
    without(Guard::LatePayRefused, Scenario::quiet(), wrong, &steps);
}

#[test]
fn without_the_undo_before_the_risk_an_authorization_outlives_its_order() {
    let steps = ["authorize: confirm is on its way", "release", "authorize: confirm"];
    let wrong = "no authorization is left on an ended order";
    without(Guard::UndoBeforeRisk, Scenario::quiet(), wrong, &steps);
}

#[test]
fn without_asking_for_an_order_that_waits_a_late_attempt_reopens_an_ended_one() {
    let steps = ["close_payment (run 1): begin_closing", "release", "authorize: begin_attempt"];
    let wrong = "every order ends";
    without(Guard::AttemptOnlyWhileWaiting, Scenario::fault(), wrong, &steps);
}

#[test]
fn without_the_number_of_the_attempt_an_old_one_has_the_order_cancelled() {
    let steps = [
        "authorize: record_payment, and its worker dies with the answer",
        "Pay(Approved)",
        "authorize: begin_attempt",
        "close_payment: cancel",
    ];
    let wrong = "no order is cancelled that nobody called off";
    without(Guard::AttemptBegunOnce, Scenario::second_attempt_and_fault(), wrong, &steps);
}

/// A second net: the provider's keys and `AnswerOfItsAttempt` hold without it.
#[test]
fn without_the_number_in_the_resume_nothing_goes_wrong_while_the_other_guards_stand() {
    let guards = Guards::all().without(Guard::OnlyTheLatestResumed);
    let scenario = Scenario::second_attempt_and_fault();
    Race { scenario, guards }.checker().spawn_bfs().join().assert_properties();
}

#[test]
fn without_the_look_at_the_clock_a_card_is_charged_after_the_holds_end() {
    let steps = ["Time(HoldOver)", "authorize: confirm"];
    let wrong = "no run that begins after the hold's end charges";
    without(Guard::NoChargeAfterHold, Scenario::quiet(), wrong, &steps);
}

#[test]
fn without_a_key_for_its_creation_an_order_has_two_payments() {
    let steps = [
        "authorize: create is next, and another worker begins it anew",
        "authorize (run 1): create",
        "authorize: create",
    ];
    let wrong = "no order has two payments";
    without(Guard::CreateKey, Scenario::fault(), wrong, &steps);
}

#[test]
fn without_a_key_for_its_attempt_a_card_is_asked_twice() {
    let steps = ["authorize: confirm, and its worker dies with the answer", "authorize: confirm"];
    let wrong = "no card is asked twice for one attempt";
    without(Guard::ConfirmKey, Scenario::second_attempt_and_fault(), wrong, &steps);
}

/// In a scenario without `conclude` after the grace, which is a second net, here and in the next.
#[test]
fn without_keeping_its_id_first_a_payment_is_charged_that_nobody_can_settle() {
    let steps = ["authorize: confirm, and its worker dies with the answer", "HandOver", "release"];
    let wrong = "no authorization is left on an ended order";
    let alone = Scenario { reconciles: false, ..Scenario::outage() };
    without(Guard::IntentKeptBeforeConfirm, alone, wrong, &steps);
}

#[test]
fn without_asking_for_a_paying_order_an_ended_one_is_charged() {
    let steps = ["release", "authorize: confirm"];
    let wrong = "no authorization is left on an ended order";
    let alone = Scenario { reconciles: false, ..Scenario::outage() };
    without(Guard::IntentKeptOnlyWhilePaying, alone, wrong, &steps);
}

#[test]
fn without_the_number_in_the_answer_an_old_decline_is_told_of_a_new_attempt() {
    let steps = [
        "Pay(Declined)",
        "authorize: record_payment is next",
        "Pay(AsksShopper)",
        "authorize: record_payment",
    ];
    let wrong = "no attempt is told declined that was not";
    without(Guard::AnswerOfItsAttempt, Scenario::second_attempt_and_fault(), wrong, &steps);
}

#[test]
fn without_the_number_in_the_question_a_new_attempt_is_told_the_decline_before_it() {
    let steps = [
        "Pay(Declined)",
        "inspect_payment: payment_of is next, and another worker begins it anew",
        "inspect_payment (run 1): record_payment",
        "Next(Pay)",
        "inspect_payment: payment_of",
        "inspect_payment: record_payment",
        "authorize: confirm",
    ];
    let wrong = "no attempt is told declined that was not";
    let told = Scenario {
        webhooks: Webhooks::AsTheyLike,
        cancels: false,
        ..Scenario::second_attempt_and_fault()
    };
    without(Guard::LookOfItsAttempt, told, wrong, &steps);
}

#[test]
fn without_silence_after_the_holds_end_an_attempt_is_told_the_decline_before_it() {
    let steps = [
        "Pay(Declined)",
        "Pay(",
        "authorize: confirm is next, and another worker begins it anew",
        "authorize (run 1): look",
        "inspect_payment (run 1): look",
        "authorize: confirm",
        "inspect_payment: record_payment",
    ];
    let wrong = "no attempt is told declined that was not";
    without(Guard::NoDeclineAfterHold, Scenario::second_attempt_and_fault(), wrong, &steps);
}

#[test]
fn without_reading_what_was_decided_a_declined_attempt_has_the_order_cancelled() {
    let steps = [
        "authorize: keep_intent is next, and another worker begins it anew",
        "authorize (run 1): begin_attempt",
        "authorize: record_payment",
        "authorize: keep_intent",
    ];
    let wrong = "no attempt is lost to its own decline";
    let patient = Scenario { cancels: false, ..Scenario::second_attempt_and_fault() };
    without(Guard::DecisionReadAgain, patient, wrong, &steps);
}

// The way out.

#[test]
fn without_closing_first_an_attempt_begins_behind_the_look() {
    let steps = [
        "close_payment (run 1): payment_of",
        "authorize: begin_attempt",
        "authorize: confirm",
        "release",
    ];
    let wrong = "no authorization is left on an ended order";
    without(Guard::ClosingBeforeLook, Scenario::fault(), wrong, &steps);
}

#[test]
fn without_asking_for_a_lost_intent_it_stays_open() {
    let steps =
        ["authorize: keep_intent is next, and it stops", "close_payment: payment_of", "release"];
    let wrong = "the provider's books are the order's";
    without(Guard::CreateToClose, Scenario::quiet(), wrong, &steps);
}

#[test]
fn without_cancelling_first_a_unit_goes_back_that_is_paid_for_later() {
    let steps = ["close_payment (run 1): retrieve", "release", "authorize: confirm"];
    let wrong = "no authorization is left on an ended order";
    without(Guard::CancelBeforeRelease, Scenario::quiet(), wrong, &steps);
}

#[test]
fn without_the_answer_to_the_cancel_a_unit_goes_back_that_the_bank_decides_on() {
    let steps = ["Approve { at_once: false }", "close_payment", "release"];
    let wrong = "no unit goes back while money can move on it";
    without(Guard::CancelObserved, Scenario::second_attempt(), wrong, &steps);
}

#[test]
fn without_deciding_first_a_close_that_was_thought_dead_cancels_what_was_bought_meanwhile() {
    let steps = [
        "close_payment: still_unpaid",
        "close_payment: cancel is next, and another worker begins it anew",
        "close_payment (run 1): retrieve",
        "commit",
        "close_payment: cancel",
    ];
    let wrong = "no payment of a bought order is called off";
    without(Guard::CallingOffFirst, Scenario::fault(), wrong, &steps);
}

#[test]
fn without_deciding_first_a_commit_of_a_terminated_checkout_lands_while_it_is_concluded() {
    let steps = [
        "Terminate",
        "BeginConclude",
        "close_payment (run 1): still_unpaid",
        "commit",
        "close_payment: cancel",
    ];
    let wrong = "no payment of a bought order is called off";
    without(Guard::CallingOffFirst, Scenario::terminated(), wrong, &steps);
}

#[test]
fn without_taking_a_refused_cancel_back_a_payment_that_the_bank_approves_is_let_go() {
    let steps = [
        "Approve { at_once: false }",
        "close_payment (run 1): cancel",
        "Decide { approves: true }",
        "commit",
    ];
    let wrong = "no hold is lost while every worker is well";
    without(Guard::RefusalTakenBack, Scenario::second_attempt(), wrong, &steps);
}

#[test]
fn without_deciding_what_is_at_rest_a_late_commit_confirms_an_order_whose_checkout_has_ended() {
    let steps = [
        "Expire",
        "close_payment: cancel",
        "close_payment: calling_off_refused",
        "commit",
        "release",
    ];
    let wrong = "every order ends";
    without(Guard::RestIsDecided, Scenario::capture_fails(), wrong, &steps);
}

#[test]
fn without_reading_the_row_again_a_bought_order_loses_its_payment() {
    let steps = ["close_payment", "commit", "close_payment: cancel"];
    let wrong = "no payment of a bought order is called off";
    without(Guard::StillUnpaid, Scenario::fault(), wrong, &steps);
}

#[test]
fn without_going_forward_a_payment_in_time_is_thrown_away() {
    let steps = ["authorize: confirm", "Time(HoldOver)", "close_payment: cancel", "release"];
    let wrong = "what was paid in time is bought";
    without(Guard::PaidInTimeBuys, Scenario::fault(), wrong, &steps);
}

#[test]
fn without_settling_after_the_grace_a_late_authorization_stays() {
    let steps = ["HandOver", "release"];
    let wrong = "no authorization is left on an ended order";
    let alone = Scenario { reconciles: false, ..Scenario::outage() };
    without(Guard::SettleAfterGrace, alone, wrong, &steps);
}

#[test]
fn without_concluding_after_the_grace_a_payment_that_nobody_heard_of_stays() {
    let steps = ["authorize: create", "HandOver", "release"];
    let wrong = "no payment is left open on an ended order";
    without(Guard::ConcludeAfterGrace, Scenario::unheard(), wrong, &steps);
}

// Capturing.

#[test]
fn without_asking_for_a_confirmed_order_a_late_capture_takes_money_for_nothing() {
    let steps = ["return_units", "capture: payment_of", "capture: capture"];
    let wrong = "no money is taken for an order that is not confirmed";
    without(Guard::CaptureOnlyConfirmed, Scenario::capture_fails(), wrong, &steps);
}

#[test]
fn without_settling_after_a_failed_capture_its_authorization_stays() {
    let steps = ["GiveUp", "return_units", "HandOver"];
    let wrong = "no authorization is left on an ended order";
    without(Guard::SettleAfterFailedCapture, Scenario::capture_fails(), wrong, &steps);
}

/// A second net: an intent is captured once, and the look after a refusal says so.
#[test]
fn without_a_key_for_its_capture_nothing_goes_wrong_while_the_other_guards_stand() {
    let guards = Guards::all().without(Guard::CaptureKey);
    let scenario = Scenario::capture_fails();
    Race { scenario, guards }.checker().spawn_bfs().join().assert_properties();
}

// Beside the order.

#[test]
fn without_looking_for_itself_an_order_is_moved_back_by_an_old_event() {
    let steps = ["Deliver { event_type: \"payment_intent.payment_failed\" }"];
    let wrong = "no attempt is told declined that was not";
    without(Guard::EventIsNoFact, Scenario::second_attempt(), wrong, &steps);
}

#[test]
fn without_reconciliation_a_terminated_checkout_keeps_its_unit() {
    let wrong = "nothing stays held";
    without(Guard::Reconciliation, Scenario::terminated(), wrong, &["Terminate"]);
}

#[test]
fn without_describe_an_order_is_concluded_that_its_shopper_pays_for() {
    let steps = ["BeginConclude", "close_payment"];
    let wrong = "no order is cancelled that nobody called off";
    without(Guard::DescribeBeforeConclude, Scenario::terminated(), wrong, &steps);
}
