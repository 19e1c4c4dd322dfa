//! The invariants of the design.

use domain::{IntentStatus, OrderState, reconciliation::Verdict};
use stateright::Property;

use crate::{
    race::{Race, books},
    scenario::Scenario,
    state::{At, Clock, Conclude, Hold, Intent, Order, State, Wrong},
};

/// What holds in every state, then what holds when all is over, then the ends that have to be met.
pub fn all(scenario: &Scenario) -> Vec<Property<Race>> {
    let mut all = vec![
        // In every state.
        Property::always("no order has two payments", |_, state: &State| {
            each(state, |order| order.intents.len() <= 1)
        }),
        Property::always("no money is taken twice", |_, state: &State| {
            each(state, |order| {
                order.intents.iter().filter(|intent| has_money(intent)).count() <= 1
                    && order.intents.iter().all(|intent| intent.captures <= 1)
            })
        }),
        Property::always("no card is asked twice for one attempt", |_, state: &State| {
            !state.wrong.has(Wrong::ASKED_TWICE)
        }),
        Property::always("no run that begins after the hold's end charges", |_, state: &State| {
            !state.wrong.has(Wrong::CHARGED_LATE)
        }),
        Property::always("no try to pay is taken after the hold's end", |_, state: &State| {
            !state.wrong.has(Wrong::LATE_PAY_TAKEN)
        }),
        Property::always("no attempt is told declined that was not", |_, state: &State| {
            !state.wrong.has(Wrong::UNTRUE_ROW)
        }),
        Property::always("no attempt is lost to its own decline", |_, state: &State| {
            !state.wrong.has(Wrong::ATTEMPT_LOST)
        }),
        Property::always("no unit goes back while money can move on it", |_, state: &State| {
            !state.wrong.has(Wrong::RELEASED_UNSEEN)
        }),
        Property::always("no payment of a bought order is called off", |_, state: &State| {
            !state.wrong.has(Wrong::BOUGHT_CALLED_OFF)
        }),
        Property::always("no order is bought whose payment is called off", |_, state: &State| {
            !state.wrong.has(Wrong::BOUGHT_UNPAID)
        }),
        Property::always("no hold is lost while every worker is well", |race: &Race, state| {
            let is_lost = |at| matches!(at, At::ClosePayment { hold_gone: true, .. });
            race.scenario.faults > 0
                || race.scenario.terminates
                || each(state, |order| !is_lost(order.checkout.at))
        }),
        Property::always(
            "no money is taken for an order that is not confirmed",
            |_, state: &State| !state.wrong.has(Wrong::CAPTURED_UNBOUGHT),
        ),
        Property::always("nobody is told of a hold that is not theirs", |_, state: &State| {
            !state.wrong.has(Wrong::HELD_UNTRULY)
        }),
        Property::always("nothing is stuck", |_, state: &State| !state.wrong.has(Wrong::STUCK)),
        Property::always("no unit is sold twice", |_, state: &State| {
            let stock = state.stock;
            stock.held >= 0 && stock.sold >= 0 && stock.held + stock.sold <= stock.on_hand
        }),
        Property::always("the stock is what holds and orders say", |_, state: &State| {
            let with = |hold| count(state, |order| order.row.is_some_and(|row| row.hold == hold));
            state.stock.held == with(Hold::Open) && state.stock.sold == with(Hold::Committed)
        }),
        Property::always("a bought order fails only with its authorization", |_, state: &State| {
            each(state, |order| {
                let failed = order.row.is_some_and(|row| row.state == OrderState::PaymentFailed);
                !failed || order.clock == Clock::AuthorizationOver
            })
        }),
    ];
    all.extend(at_rest());
    all.extend(scenario.meets.iter().map(|name| meets(name)));
    all
}

/// What holds when all is over.
fn at_rest() -> [Property<Race>; 8] {
    [
        Property::always("every order ends", |race, state: &State| {
            rests(race, state, |order| order.row.is_none_or(|row| row.state.has_ended()))
        }),
        Property::always("nothing stays held", |race, state: &State| {
            rests(race, state, |order| order.row.is_none_or(|row| row.hold != Hold::Open))
        }),
        Property::always("the provider's books are the order's", |race, state: &State| {
            rests(race, state, |order| {
                (0..).take(order.intents.len()).all(|at| books(order, at) == Verdict::Agrees)
            })
        }),
        Property::always("no authorization is left on an ended order", |race, state: &State| {
            rests(race, state, |order| {
                let authorized = |intent: &Intent| intent.status == IntentStatus::RequiresCapture;
                !order.has_ended() || !order.intents.iter().any(authorized)
            })
        }),
        Property::always("no payment is left open on an ended order", |race, state: &State| {
            rests(race, state, |order| {
                let is_over = |intent: &Intent| {
                    matches!(intent.status, IntentStatus::Succeeded | IntentStatus::Canceled)
                };
                !order.has_ended() || order.intents.iter().all(is_over)
            })
        }),
        Property::always("money is kept for units that are the buyer's", |race, state: &State| {
            rests(race, state, |order| {
                let kept = |intent: &Intent| intent.captures > 0 && !intent.refunded;
                let is_sold = order.row.is_some_and(|row| row.hold == Hold::Committed);
                order.intents.iter().any(kept) == is_sold
            })
        }),
        Property::always("no order is cancelled that nobody called off", |race, state: &State| {
            rests(race, state, |order| {
                let cancelled = order.row.is_some_and(|row| row.state == OrderState::Cancelled);
                !cancelled || order.called_off || order.clock == Clock::AuthorizationOver
            })
        }),
        Property::always("what was paid in time is bought", |race, state: &State| {
            rests(race, state, |order| {
                let in_time = order.intents.iter().any(|intent| intent.in_time);
                let not_by_us =
                    order.called_off || order.given_up || order.clock == Clock::AuthorizationOver;
                !in_time || not_by_us || order.is_bought()
            })
        }),
    ]
}

/// The ends of an order.
fn meets(name: &'static str) -> Property<Race> {
    let met: fn(&Race, &State) -> bool = match name {
        "paid" => |race, state| ended(race, state, OrderState::Paid),
        "expired" => |race, state| ended(race, state, OrderState::Expired),
        "cancelled" => |race, state| ended(race, state, OrderState::Cancelled),
        "refused" => |race, state| ended(race, state, OrderState::Refused),
        "payment failed" => |race, state| ended(race, state, OrderState::PaymentFailed),
        "paid by the second attempt" => |race, state: &State| {
            ended(race, state, OrderState::Paid)
                && state.orders.iter().any(|order| order.row.is_some_and(|row| row.attempts == 2))
        },
        "a late success is let go" => |race, state: &State| {
            is_at_rest(race, state)
                && state
                    .orders
                    .iter()
                    .flat_map(|order| &order.intents)
                    .any(|intent| intent.late && intent.status == IntentStatus::Canceled)
        },
        "money taken too late is refunded" => |race, state: &State| {
            is_at_rest(race, state)
                && state.orders.iter().flat_map(|order| &order.intents).any(|i| i.refunded)
        },
        // A name that nobody knows is never met, and its test says so.
        _ => |_, _| false,
    };
    Property::sometimes(name, met)
}

fn ended(race: &Race, state: &State, end: OrderState) -> bool {
    state.orders.iter().any(|order| order.row.is_some_and(|row| row.state == end))
        && is_at_rest(race, state)
}

const fn has_money(intent: &Intent) -> bool {
    matches!(intent.status, IntentStatus::RequiresCapture | IntentStatus::Succeeded)
        && !intent.refunded
}

fn each(state: &State, holds: impl Fn(&Order) -> bool) -> bool {
    state.orders.iter().all(holds)
}

fn rests(race: &Race, state: &State, holds: impl Fn(&Order) -> bool) -> bool {
    each(state, holds) || !is_at_rest(race, state)
}

fn count(state: &State, is: impl Fn(&Order) -> bool) -> i8 {
    i8::try_from(state.orders.iter().filter(|order| is(order)).count()).unwrap_or(i8::MAX)
}

/// Nothing runs, nobody is owed anything, nothing is on its way.
pub(crate) fn is_at_rest(race: &Race, state: &State) -> bool {
    each(state, |order| {
        order.checkout.at != At::NotStarted
            && order.checkout.at.is_closed()
            && order.conclude == Conclude::NotRunning
            && order.settle.is_none()
            && order.runs.is_empty()
            && !order.found
            && !race.is_found_alone(order)
            && race.left_over(order).is_none()
            && order.intents.iter().all(|intent| intent.status != IntentStatus::Processing)
    })
}
