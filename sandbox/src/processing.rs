//! Payments that the bank does not decide at once (Stripe, "Payment status updates",
//! `processing`).

use crate::{
    cards::{Decline, GENERIC, Outcome, Word},
    confirm::{approve, decline, outcome},
    error::ApiError,
    events::{emit, now_ms},
    intents::{Answer, Moment, find},
    objects::{Intent, PaymentMethod, Status},
    payment_methods,
    store::State,
};

/// The bank takes its time.
pub fn begin(state: &mut State, mut intent: Intent, word: Word, at: &Moment<'_>) -> Intent {
    intent.status = Status::Processing;
    intent.last_payment_error = None;
    intent.next_action_url = None;
    intent.decided_ms = match word {
        Word::Approved | Word::Declined(_) => Some(now_ms() + at.bank.processing_ms),
        Word::None => None,
    };
    state.keep(intent.clone());
    emit(state, at, "payment_intent.processing", intent.json());
    intent
}

/// The bank says what it said it would, now that its time has come.
pub fn end(state: &mut State, id: &str, at: &Moment<'_>) -> Answer {
    let (intent, method) = waiting(state, id)?;
    let declined = match outcome(&method)? {
        Outcome::Processing(Word::Declined(why)) => Some(why),
        _ => None,
    };
    Ok(say(state, intent, &method, declined, at))
}

/// The bank says yes or no, because somebody pressed a button of the console.
pub fn decide(state: &mut State, id: &str, approves: bool, at: &Moment<'_>) -> Answer {
    let (intent, method) = waiting(state, id)?;
    Ok(say(state, intent, &method, (!approves).then_some(GENERIC), at))
}

fn waiting(state: &State, id: &str) -> Result<(Intent, PaymentMethod), ApiError> {
    let intent = find(state, id, "intent")?;
    let method = intent.payment_method.as_deref().filter(|_| intent.status == Status::Processing);
    let Some(method) = method else {
        let message = "The bank does not think about this PaymentIntent.";
        return Err(ApiError::unexpected_state(message, intent.json()));
    };
    let method = payment_methods::find(state, method)?;
    Ok((intent, method))
}

fn say(
    state: &mut State,
    intent: Intent,
    method: &PaymentMethod,
    declined: Option<Decline>,
    at: &Moment<'_>,
) -> Intent {
    match declined {
        Some(why) => decline(state, intent, method, &why, at).0,
        None => approve(state, intent, method, false, at),
    }
}
