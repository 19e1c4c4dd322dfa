//! The model itself: what can happen next in each state.

use domain::{
    EndReason, IntentStatus,
    reconciliation::{AtProvider, InBooks, Verdict, judge},
    webhook::{Route, route},
};
use stateright::{Model, Property};

use crate::{
    action::{Action, Came, Fate, What},
    activities::{has_not_moved, names, waits_for_change},
    guards::{Guard, Guards},
    properties,
    scenario::Scenario,
    state::{At, Caller, Clock, Conclude, Intent, Order, Standing, State, Step, Stock, Wrong},
    workflows,
};

/// The race for an order under a scenario, with the guards that stand.
#[derive(Clone, Debug)]
pub struct Race {
    pub scenario: Scenario,
    pub guards: Guards,
}

impl Model for Race {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            stock: Stock { on_hand: 1, held: 0, sold: 0 },
            orders: vec![Order::new(); self.scenario.orders],
            faults_left: self.scenario.faults,
            wrong: Wrong::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.wrong != Wrong::default() {
            return;
        }
        for (index, order) in (0..).zip(&state.orders) {
            let mut add = |what| actions.push(Action { order: index, what });
            self.shopper(order, &mut add);
            Self::provider(order, &mut add);
            self.operators(order, &mut add);
            self.workflows(order, &mut add);
            self.workers(state, order, &mut add);
        }
        let nothing_goes_on = !actions.iter().any(|action| action.what.has_to_happen());
        if nothing_goes_on && !properties::is_at_rest(self, state) {
            actions.push(Action { order: 0, what: What::Stuck });
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.happen(&mut state, usize::from(action.order), action.what);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(&self.scenario)
    }
}

/// What can happen.
impl Race {
    fn shopper(&self, order: &Order, add: &mut impl FnMut(What)) {
        let checkout = &order.checkout;
        let is_new = checkout.at == At::NotStarted;
        let again = self.scenario.forgets && checkout.at.is_closed() && checkout.run_id == 1;
        if is_new || again {
            add(What::StartCheckout);
        }
        let attempt = usize::from(checkout.attempts);
        if let Some(cards) = self.scenario.cards.get(attempt)
            && workflows::is_admitted(order, self.guards)
        {
            for card in cards {
                add(What::Pay(*card));
            }
        }
        if self.scenario.cancels
            && !checkout.at.is_closed()
            && !checkout.cancel_requested
            && !checkout.state.is_bought()
        {
            add(What::Cancel);
        }
    }

    fn provider(order: &Order, add: &mut impl FnMut(What)) {
        if let Some(intent) = order.intents.iter().find(|intent| intent.card.is_some()) {
            match intent.status {
                IntentStatus::RequiresAction => {
                    add(What::Approve { at_once: true });
                    add(What::Approve { at_once: false });
                    add(What::Refuse);
                }
                IntentStatus::Processing => {
                    add(What::Decide { approves: true });
                    add(What::Decide { approves: false });
                }
                _ => {}
            }
        }
        let is_authorized = |intent: &Intent| intent.status == IntentStatus::RequiresCapture;
        if order.clock == Clock::AuthorizationOver && order.intents.iter().any(is_authorized) {
            add(What::Expire);
        }
        for event in &order.events {
            if Self::can_be_delivered(order, event.kind, event.intent) {
                add(What::Deliver { event_type: event.kind });
            }
        }
    }

    /// Nobody is told who does not run: then the event waits for the row to change.
    fn can_be_delivered(order: &Order, event_type: &str, intent: u8) -> bool {
        match Self::route(order, event_type, intent) {
            Route::Wake | Route::Wait => !order.checkout.at.is_closed(),
            Route::Later => false,
            _ => true,
        }
    }

    pub(crate) fn route(order: &Order, event_type: &str, intent: u8) -> Route {
        let known = order.row.filter(|row| row.payment_intent == Some(intent));
        route(event_type, known.map(|row| (row.state, row.payment_state)))
    }

    fn operators(&self, order: &Order, add: &mut impl FnMut(What)) {
        if self.scenario.terminates && !order.checkout.at.is_closed() {
            add(What::Terminate);
        }
        if self.is_found_alone(order) {
            add(What::CheckOrders);
        }
        if order.found {
            add(What::BeginConclude);
        }
        if let Some(intent) = self.left_over(order) {
            add(What::CheckPayments { intent });
        }
    }

    /// `check_orders`
    pub(crate) fn is_found_alone(&self, order: &Order) -> bool {
        let runs = !order.checkout.at.is_closed();
        self.scenario.reconciles
            && self.guards.have(Guard::Reconciliation)
            && !order.found
            && order.conclude == Conclude::NotRunning
            && order.row.is_some_and(|row| row.is_open())
            && (!runs || !self.guards.have(Guard::DescribeBeforeConclude))
    }

    /// `check_payments`
    pub(crate) fn left_over(&self, order: &Order) -> Option<u8> {
        if !self.scenario.reconciles || order.settle.is_some() {
            return None;
        }
        let is_left = |intent: &u8| books(order, *intent) == Verdict::LeftOver;
        (0..).take(order.intents.len()).find(is_left)
    }

    fn workflows(&self, order: &Order, add: &mut impl FnMut(What)) {
        let checkout = &order.checkout;
        let next_hour = match order.clock {
            Clock::HoldOpen => Some(Clock::HoldOver),
            Clock::HoldOver => Some(Clock::GraceOver),
            Clock::GraceOver if self.scenario.authorization_ends => Some(Clock::AuthorizationOver),
            Clock::GraceOver | Clock::AuthorizationOver => None,
        };
        let something_waits = !checkout.at.is_closed()
            || order.conclude != Conclude::NotRunning
            || !order.runs.is_empty();
        if let Some(next_hour) = next_hour.filter(|_| something_waits) {
            add(What::Time(next_hour));
        }
        let is_over = order.clock > Clock::HoldOpen;
        let waits_for_end = match checkout.at {
            At::Next | At::Follow(_) | At::Authorize | At::Inspect => true,
            At::HandOver(_) | At::HandOverFailed => {
                add(What::HandOver);
                false
            }
            _ => false,
        };
        if waits_for_end && checkout.cancel_requested {
            add(What::Next(Came::Ends(EndReason::Cancelled)));
        }
        if waits_for_end && is_over {
            add(What::Next(Came::Ends(EndReason::HoldEnded)));
        }
        match checkout.at {
            At::Next | At::Follow(_) if checkout.cancel_requested => {}
            At::Next => {
                if checkout.queued.is_some() {
                    add(What::Next(Came::Pay));
                } else if checkout.provider_spoke && checkout.undo_close {
                    add(What::Next(Came::ProviderSpoke));
                }
            }
            At::Follow(seen) => {
                let intent = order.row.and_then(|row| row.payment_intent);
                let now = intent.map(|intent| order.intents[usize::from(intent)].status);
                let too_late = is_over && self.guards.have(Guard::NoDeclineAfterHold);
                // What a look would say of it.
                let told = if too_late && now.is_none_or(has_not_moved) {
                    Some(IntentStatus::Processing)
                } else {
                    now
                };
                if checkout.queued.is_some() {
                    add(What::Next(Came::Pay));
                }
                if checkout.provider_spoke {
                    add(What::Next(Came::ProviderSpoke));
                } else if told != Some(seen) {
                    add(What::Next(Came::TimeToAsk));
                }
            }
            _ => {}
        }
    }

    fn workers(&self, state: &State, order: &Order, add: &mut impl FnMut(What)) {
        for (index, run) in (0..).zip(&order.runs) {
            let (task, step) = names(run);
            let mut fares = |fate| add(What::Activity { run: index, task, step, fate });
            let waits = waits_for_change(run, order);
            // Between two tries no worker has it.
            let is_at_work = !matches!(run.step, Step::TryAgain { .. });
            if !waits {
                fares(Fate::Goes);
                if state.faults_left > 0 && is_at_work && run.standing != Standing::LastRequest {
                    fares(Fate::Dies);
                }
            }
            if state.faults_left > 0 && is_at_work && run.standing == Standing::Awaited {
                fares(Fate::Unseen);
            }
            if run.standing == Standing::Cancelled {
                fares(Fate::Stops);
                if is_at_work {
                    fares(Fate::StopsInFlight);
                }
            }
            if self.gives_up(order, run.by, run.standing) {
                add(What::GiveUp { run: index, request_lands: false });
                if is_at_work {
                    add(What::GiveUp { run: index, request_lands: true });
                }
            }
        }
    }

    /// Whether the time of the call is over that this run works on.
    fn gives_up(&self, order: &Order, by: Caller, standing: Standing) -> bool {
        let silent = self.scenario.silence;
        standing == Standing::Awaited
            && match by {
                Caller::Settle => false,
                Caller::Checkout => match order.checkout.at {
                    At::ClosePayment { .. } => silent && order.clock >= Clock::GraceOver,
                    At::Capture => order.clock == Clock::AuthorizationOver,
                    _ => false,
                },
                Caller::Conclude => match order.conclude {
                    Conclude::Close => silent,
                    Conclude::Capture => order.clock == Clock::AuthorizationOver,
                    _ => false,
                },
            }
    }
}

/// What the product says of a payment when it holds the provider's books against its own.
pub(crate) fn books(order: &Order, intent: u8) -> Verdict {
    let now = &order.intents[usize::from(intent)];
    let payment = AtProvider {
        status: now.status,
        captured: i64::from(now.captures),
        refunded: i64::from(now.refunded),
    };
    let row = order.row.map(|row| InBooks {
        state: row.state,
        is_its_payment: row.payment_intent == Some(intent),
        captured: i64::from(row.captured),
        refunded: 0,
        pending: 0,
    });
    judge(payment, row)
}
