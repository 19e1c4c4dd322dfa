//! What comes of each thing that happens.

use domain::{IntentStatus, OrderState, webhook::Route};

use crate::{
    action::{Came, Fate, What},
    activities::perform,
    database,
    guards::Guard,
    provider,
    race::Race,
    scenario::Webhooks,
    state::{
        At, Caller, Checkout, Clock, Intent, Order, Payment, Run, Standing, State, Step, Task,
        Wrong,
    },
    workflows,
};

impl Race {
    pub(crate) fn happen(&self, state: &mut State, index: usize, what: What) {
        if let What::Activity { run, fate, .. } = what {
            return self.run_fares(state, index, usize::from(run), fate);
        }
        let State { orders, wrong, .. } = state;
        let order = &mut orders[index];
        match what {
            What::Activity { .. } => {}
            What::StartCheckout => {
                let run_id = order.checkout.run_id + 1;
                order.checkout = Checkout { run_id, at: At::Reserve, ..Order::new().checkout };
                workflows::call(order, Caller::Checkout, Task::Reserve { run_id });
            }
            What::Pay(card) => {
                let knows = order.checkout.at != At::Reserve;
                if knows && order.clock > Clock::HoldOpen {
                    wrong.note(Wrong::LATE_PAY_TAKEN);
                }
                order.checkout.attempts += 1;
                order.checkout.queued = Some(card);
            }
            What::Cancel => {
                order.checkout.cancel_requested = true;
                order.called_off = true;
            }
            What::Time(next_hour) => order.clock = next_hour,
            What::Next(came) => self.go_on(order, came),
            What::GiveUp { run, request_lands } => {
                Self::give_up(order, usize::from(run), request_lands);
            }
            What::HandOver => self.hand_over(order),
            What::Approve { .. } | What::Refuse | What::Decide { .. } | What::Expire => {
                Self::bank(order, what);
            }
            What::Deliver { event_type } => self.deliver(order, event_type, wrong),
            What::Terminate => {
                order.called_off = true;
                order.checkout.at = At::Terminated;
                order.checkout.queued = None;
                order.checkout.provider_spoke = false;
                let tries_again = |run: &Run| matches!(run.step, Step::TryAgain { .. });
                order.runs.retain(|run| run.by != Caller::Checkout || !tries_again(run));
                for run in &mut order.runs {
                    let is_awaited =
                        matches!(run.standing, Standing::Awaited | Standing::Cancelled);
                    if run.by == Caller::Checkout && is_awaited {
                        run.standing = Standing::Unseen;
                    }
                }
            }
            What::CheckOrders => order.found = true,
            What::BeginConclude => {
                order.found = false;
                workflows::conclude(order);
            }
            What::CheckPayments { intent } => workflows::settle(order, intent),
            What::Stuck => wrong.note(Wrong::STUCK),
        }
        if self.scenario.webhooks == Webhooks::Never {
            order.events.clear();
        }
    }

    fn hand_over(&self, order: &mut Order) {
        if let At::HandOver(reason) = order.checkout.at {
            let known = workflows::hand_over_to_settle(order, Guard::SettleAfterGrace, self.guards);
            let concludes = self.scenario.concludes && self.guards.have(Guard::ConcludeAfterGrace);
            order.checkout.undo_find = concludes && !known;
            workflows::release(order, reason);
        } else {
            workflows::hand_over_to_settle(order, Guard::SettleAfterFailedCapture, self.guards);
            order.checkout.state = OrderState::PaymentFailed;
            order.checkout.at = At::Ended;
        }
    }

    fn go_on(&self, order: &mut Order, came: Came) {
        match (order.checkout.at, came) {
            (At::Next, Came::Pay) => {
                if let Some(card) = order.checkout.queued {
                    workflows::authorize(order, card, self.guards);
                }
            }
            // The attempt under way is over for the shopper, who makes another.
            (_, Came::Pay) => {
                order.checkout.provider_spoke = false;
                order.checkout.state = OrderState::AwaitingPayment;
                order.checkout.at = At::Next;
            }
            (_, Came::ProviderSpoke | Came::TimeToAsk) => workflows::inspect(order),
            (At::Authorize | At::Inspect, Came::Ends(reason)) => {
                order.checkout.at = At::CutShort(reason);
                let awaited = order
                    .runs
                    .iter_mut()
                    .find(|run| run.by == Caller::Checkout && run.standing == Standing::Awaited);
                if let Some(run) = awaited {
                    run.standing = Standing::Cancelled;
                }
            }
            (_, Came::Ends(reason)) => {
                workflows::unwind(order, reason, false);
            }
        }
    }

    fn give_up(order: &mut Order, run: usize, request_lands: bool) {
        let by = order.runs[run].by;
        if request_lands {
            order.runs[run].standing = Standing::LastRequest;
        } else {
            order.runs.remove(run);
        }
        if by == Caller::Conclude {
            return workflows::conclude_gave_up(order);
        }
        match order.checkout.at {
            At::ClosePayment { reason, .. } => {
                order.given_up = true;
                order.checkout.at = At::HandOver(reason);
            }
            _ => workflows::return_units(order),
        }
    }

    fn bank(order: &mut Order, what: What) {
        let thinks = |intent: &Intent| intent.card.is_some();
        let authorized = |intent: &Intent| intent.status == IntentStatus::RequiresCapture;
        let found = match what {
            What::Expire => order.intents.iter().position(authorized),
            _ => order.intents.iter().position(thinks),
        };
        let Some(at) = found else { return };
        let intent = u8::try_from(at).unwrap_or(u8::MAX);
        let number = provider::latest_attempt(&order.intents[at]);
        match what {
            What::Approve { at_once: false } => provider::process(order, intent),
            What::Approve { at_once: true } | What::Decide { approves: true } => {
                provider::approve(order, intent);
            }
            What::Expire => drop(provider::cancel(order, intent)),
            _ => provider::decline(order, intent, number),
        }
    }

    /// `worker/src/inbox.rs`
    fn deliver(&self, order: &mut Order, event_type: &'static str, wrong: &mut Wrong) {
        let Some(at) = order.events.iter().position(|event| event.kind == event_type) else {
            return;
        };
        let event = &mut order.events[at];
        let intent = event.intent;
        event.copies -= 1;
        if event.copies == 0 {
            order.events.remove(at);
        }
        match Self::route(order, event_type, intent) {
            Route::Settle => workflows::settle(order, intent),
            Route::Wake | Route::Wait if self.guards.have(Guard::EventIsNoFact) => {
                order.checkout.provider_spoke = true;
            }
            // As if what it says were so.
            Route::Wake | Route::Wait => {
                let said = match event_type {
                    "payment_intent.payment_failed" => Payment::Declined,
                    "payment_intent.requires_action" => Payment::RequiresAction,
                    "payment_intent.processing" => Payment::Processing,
                    _ => Payment::Authorized,
                };
                let number = order.row.map_or(0, |row| row.attempts);
                // It speaks of whichever attempt it is about, which it does not say.
                database::record_payment(order, number, said, self.guards, wrong);
            }
            _ => {}
        }
    }

    fn run_fares(&self, state: &mut State, index: usize, run: usize, fate: Fate) {
        let order = &mut state.orders[index];
        match fate {
            Fate::Unseen => {
                state.faults_left -= 1;
                let (task, by) = (order.runs[run].task, order.runs[run].by);
                order.runs[run].standing = Standing::Unseen;
                workflows::call(order, by, task);
            }
            Fate::Stops | Fate::StopsInFlight => {
                if fate == Fate::StopsInFlight {
                    order.runs[run].standing = Standing::LastRequest;
                } else {
                    order.runs.remove(run);
                }
                if let At::CutShort(reason) = order.checkout.at {
                    workflows::unwind(order, reason, false);
                }
            }
            Fate::Goes | Fate::Dies => self.run_steps(state, index, run, fate == Fate::Dies),
        }
        if self.scenario.webhooks == Webhooks::Never {
            state.orders[index].events.clear();
        }
    }

    fn run_steps(&self, state: &mut State, index: usize, run: usize, dies: bool) {
        let answer = perform(state, index, run, self.guards);
        if dies {
            state.faults_left -= 1;
        }
        let State { orders, wrong, .. } = state;
        let order = &mut orders[index];
        let copy = order.runs[run];
        let is_failed = matches!(copy.step, Step::TryAgain { .. });
        match copy.standing {
            Standing::LastRequest => drop(order.runs.remove(run)),
            // Nobody has it tried again.
            Standing::Unseen if dies || answer.is_some() || is_failed => {
                order.runs.remove(run);
            }
            Standing::Unseen => {}
            Standing::Awaited | Standing::Cancelled if dies => {
                order.runs.remove(run);
                workflows::call(order, copy.by, copy.task);
                if let Some(anew) = order.runs.last_mut() {
                    anew.standing = copy.standing;
                }
            }
            Standing::Awaited | Standing::Cancelled => {
                if let Some(answer) = answer {
                    order.runs.remove(run);
                    workflows::answered(order, copy.by, answer, self.guards, wrong);
                }
            }
        }
    }
}
