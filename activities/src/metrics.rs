//! What the worker counts and measures. Labels take few values, all of them named here or in the
//! domain: never an order, a product or a shopper.

use std::time::{Duration, Instant};

use domain::RefundState;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use sqlx::PgPool;
use time::OffsetDateTime;
use workflows::activities::Payment;

use crate::{Changes, inbox::Outcome};

const CHECKOUTS: &str = "holdfast_checkouts_total";
const FUNNEL: &str = "holdfast_funnel_steps_total";
const HOLD_AGE: &str = "holdfast_hold_age_seconds";
const ATTEMPTS: &str = "holdfast_payment_attempts_total";
const CHALLENGES: &str = "holdfast_payment_challenges_total";
const REFUNDS: &str = "holdfast_refunds_total";
const WEBHOOK_LAG: &str = "holdfast_webhook_lag_seconds";
const BATCH_MEMBERS: &str = "holdfast_batch_members";
const BATCH_WAIT: &str = "holdfast_batch_wait_seconds";
const CONNECTIONS: &str = "holdfast_database_connections";
const CONNECTIONS_MAX: &str = "holdfast_database_connections_max";
const ACQUIRE_WAIT: &str = "holdfast_database_acquire_wait_seconds";
const DATABASE_ERRORS: &str = "holdfast_database_errors_total";
const CIRCUIT: &str = "holdfast_provider_circuit_open";
const PROVIDER: &str = "holdfast_provider_request_duration_seconds";

/// How a checkout ends.
const ENDS: [&str; 5] = ["paid", "refused", "expired", "cancelled", "payment_failed"];

/// Classes of Postgres's errors that nothing but a person can put right: the disk or another resource
/// is used up, the system fails (Postgres, "Error Codes", classes 53 and 58).
const ALARMING: [&str; 2] = ["53", "58"];

/// Says what each is, and begins those that alerts look at: a counter that appears with its first
/// event has, by `increase()`, not grown.
pub fn describe() {
    describe_counter!(CHECKOUTS, "Checkouts that came to an end, by how.");
    describe_counter!(FUNNEL, "Steps that shoppers took towards a paid order, each once.");
    describe_histogram!(HOLD_AGE, "How long units were held, by what ended it.");
    describe_counter!(ATTEMPTS, "Attempts to pay that came to a result.");
    describe_counter!(CHALLENGES, "Attempts to pay that the shopper's bank asked about.");
    describe_counter!(REFUNDS, "Refunds that came to a result.");
    describe_histogram!(
        WEBHOOK_LAG,
        "From the receipt of a provider's event to its outcome; of a replayed one, since then."
    );
    describe_histogram!(BATCH_MEMBERS, "Members of a batch, which is one transaction.");
    describe_histogram!(BATCH_WAIT, "How long each member waited for its batch to begin.");
    describe_gauge!(CONNECTIONS, "Connections to Postgres that are open, by pool and state.");
    describe_gauge!(CONNECTIONS_MAX, "Connections to Postgres that a pool may open.");
    describe_histogram!(ACQUIRE_WAIT, "How long a transaction waited for its connection.");
    describe_counter!(DATABASE_ERRORS, "Transactions that Postgres refused, by class of SQLSTATE.");
    describe_gauge!(CIRCUIT, "1 while the payment provider is left alone, else 0.");
    describe_histogram!(PROVIDER, "Requests to the payment provider, by whether it answered.");
    for end in ENDS {
        counter!(CHECKOUTS, "outcome" => end).increment(0);
    }
    for step in ["stock_held", "payment_submitted", "paid"] {
        counter!(FUNNEL, "step" => step).increment(0);
    }
    for class in ALARMING {
        counter!(DATABASE_ERRORS, "class" => class).increment(0);
    }
    for result in ["authorized", "declined", "not_charged"] {
        counter!(ATTEMPTS, "result" => result).increment(0);
    }
    counter!(CHALLENGES).increment(0);
    for result in [RefundState::Succeeded, RefundState::Failed] {
        counter!(REFUNDS, "result" => result.as_str()).increment(0);
    }
    circuit_is_open(false);
}

/// Counts what a committed transaction made of orders.
pub fn count(changes: &Changes) {
    let held = u64::try_from(changes.held.len()).unwrap_or(u64::MAX);
    counter!(FUNNEL, "step" => "stock_held").increment(held);
    for turn in &changes.turns {
        let confirmed = turn.state == "confirmed";
        if confirmed {
            counter!(ATTEMPTS, "result" => "authorized").increment(1);
        } else if let Some(end) = ENDS.into_iter().find(|end| *end == turn.state) {
            counter!(CHECKOUTS, "outcome" => end).increment(1);
        }
        if let Some(seconds) = turn.held_for_seconds {
            let end = if confirmed { "committed" } else { "released" };
            histogram!(HOLD_AGE, "end" => end).record(seconds);
        }
    }
}

/// Counts an order whose money has moved.
pub(crate) fn count_paid() {
    counter!(CHECKOUTS, "outcome" => "paid").increment(1);
    counter!(FUNNEL, "step" => "paid").increment(1);
}

/// Counts an attempt that has begun, the `number`-th of its order.
pub(crate) fn count_begun_attempt(number: u32) {
    if number == 1 {
        counter!(FUNNEL, "step" => "payment_submitted").increment(1);
    }
}

/// Counts a transaction that was refused with this SQLSTATE.
pub(crate) fn database_refused(code: &str) {
    let class = code.get(..2).unwrap_or_default().to_owned();
    counter!(DATABASE_ERRORS, "class" => class).increment(1);
}

/// Counts what the provider said of an attempt. One that is authorized counts when its units are
/// committed.
pub(crate) fn count_attempt(payment: &Payment) {
    match payment {
        Payment::Declined { .. } => counter!(ATTEMPTS, "result" => "declined").increment(1),
        Payment::None => counter!(ATTEMPTS, "result" => "not_charged").increment(1),
        Payment::RequiresAction => counter!(CHALLENGES).increment(1),
        Payment::Processing
        | Payment::Authorized
        | Payment::Canceled
        | Payment::OrderHasMovedOn => {}
    }
}

/// Counts a refund that the provider has decided.
pub(crate) fn count_refund(state: RefundState) {
    match state {
        RefundState::Succeeded | RefundState::Failed => {
            counter!(REFUNDS, "result" => state.as_str()).increment(1);
        }
        RefundState::Pending | RefundState::Refused => {}
    }
}

pub(crate) fn webhook_delivered(outcome: Outcome, received_at: OffsetDateTime) {
    let lag = (OffsetDateTime::now_utc() - received_at).as_seconds_f64().max(0.0);
    histogram!(WEBHOOK_LAG, "outcome" => outcome.as_str()).record(lag);
}

pub(crate) fn batch_begins(name: &'static str, asked_at: impl ExactSizeIterator<Item = Instant>) {
    let members = u32::try_from(asked_at.len()).unwrap_or(u32::MAX);
    histogram!(BATCH_MEMBERS, "batch" => name).record(members);
    let wait = histogram!(BATCH_WAIT, "batch" => name);
    for asked_at in asked_at {
        wait.record(asked_at.elapsed());
    }
}

pub(crate) fn connection_acquired(asked_at: Instant) {
    histogram!(ACQUIRE_WAIT, "pool" => "worker").record(asked_at.elapsed());
}

pub(crate) fn connections(pool: &'static str, of: &PgPool) {
    let idle = u32::try_from(of.num_idle()).unwrap_or(u32::MAX);
    gauge!(CONNECTIONS, "pool" => pool, "state" => "idle").set(idle);
    gauge!(CONNECTIONS, "pool" => pool, "state" => "used").set(of.size().saturating_sub(idle));
    gauge!(CONNECTIONS_MAX, "pool" => pool).set(of.options().get_max_connections());
}

pub(crate) fn circuit_is_open(open: bool) {
    gauge!(CIRCUIT).set(u8::from(open));
}

pub(crate) fn provider_asked(answered: bool, took: Duration) {
    histogram!(PROVIDER, "answered" => if answered { "true" } else { "false" }).record(took);
}
