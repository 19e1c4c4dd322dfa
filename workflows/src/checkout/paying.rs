//! From an attempt to pay to money that is set aside, or to none.

use std::time::Duration;

use domain::{EndReason, OrderState};
use temporalio_workflow::{
    ActivityExecutionError, CancellableFuture, TimerOptions, WorkflowCancellationToken,
    WorkflowContext, WorkflowResult, select,
};

use super::{Checkout, HoldEnd, Pay, detached, options, story, unwinding::Undo};
use crate::activities::{Authorize, Capture, InspectPayment, Payment, SagaActivities};

/// How long an authorization lasts when the provider does not say: 4 days and 18 hours
/// (Stripe, "Place a hold on a payment method", the shortest validity of an online card payment).
const AUTHORIZATION_LASTS: Duration = Duration::from_secs((4 * 24 + 18) * 3600);

/// An attempt that the workflow took.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) pay: Pay,
}

/// How an attempt to pay comes out.
pub(super) enum Paying {
    /// The money is set aside.
    Authorized,
    /// It is not; another attempt may be made.
    Unpaid,
    /// The order ends first.
    Ends(EndReason),
}

/// What a call to the provider was answered, or what cut it short.
enum Answer {
    Payment(Payment),
    Failed,
    CutShort(EndReason),
}

/// What ends the wait before the provider is asked again.
enum Pause {
    /// It is time to ask.
    Over,
    /// The shopper makes another attempt.
    NextAttempt,
    /// The order ends first.
    Ends(EndReason),
}

impl Checkout {
    /// Has the provider set the money aside, for as long as the hold lasts.
    pub(super) async fn authorize(
        ctx: &WorkflowContext<Self>,
        attempt: Attempt,
        hold_end: &mut impl HoldEnd,
        undo: &mut Vec<Undo>,
    ) -> WorkflowResult<Paying> {
        if !undo.contains(&Undo::ClosePayment) {
            undo.push(Undo::ClosePayment);
        }
        ctx.state_mut(|s| s.last_sent = attempt.number);
        Self::enter(ctx, OrderState::Paying);
        let authorize = ctx.state(|s| Authorize {
            order_id: s.input.order_id,
            attempt_id: attempt.pay.attempt_id,
            number: attempt.number,
            payment_method: attempt.pay.payment_method.clone(),
        });
        let summary = format!("attempt {}: set the money aside", attempt.number);
        let first = options::provider_first_tries(&summary, Self::most_of_a_hold(ctx));
        let call = ctx.execute_activity(SagaActivities::authorize, authorize.clone(), first);
        let mut answer = Self::answer(ctx, call, hold_end).await;
        if matches!(answer, Answer::Failed) {
            story::provider_is_slow(ctx);
            let patient = options::provider(&summary, Self::most_of_a_hold(ctx));
            let call = ctx.execute_activity(SagaActivities::authorize, authorize, patient);
            answer = Self::answer(ctx, call, hold_end).await;
        }
        Self::follow(ctx, answer, hold_end).await
    }

    /// The provider said something on its own: find out what.
    pub(super) async fn look_at_payment(
        ctx: &WorkflowContext<Self>,
        hold_end: &mut impl HoldEnd,
    ) -> WorkflowResult<Paying> {
        let answer = Self::inspect(ctx, hold_end).await;
        Self::follow(ctx, answer, hold_end).await
    }

    /// Waits until a payment that is under way is decided: on the provider's word, and by asking
    /// with growing pauses in case that word is lost.
    async fn follow(
        ctx: &WorkflowContext<Self>,
        mut answer: Answer,
        hold_end: &mut impl HoldEnd,
    ) -> WorkflowResult<Paying> {
        let mut pause = Duration::from_secs(2);
        loop {
            match answer {
                Answer::CutShort(reason) => return Ok(Paying::Ends(reason)),
                Answer::Payment(Payment::Authorized) => return Ok(Paying::Authorized),
                Answer::Payment(Payment::None | Payment::Declined { .. }) => {
                    return Ok(Paying::Unpaid);
                }
                Answer::Payment(Payment::Canceled | Payment::OrderHasMovedOn) => {
                    return Ok(Paying::Ends(EndReason::Cancelled));
                }
                Answer::Payment(Payment::RequiresAction) => story::waits_for_shopper(ctx),
                Answer::Payment(Payment::Processing) => story::waits_for_provider(ctx),
                Answer::Failed => story::provider_is_slow(ctx),
            }
            match Self::pause(ctx, pause, hold_end).await {
                Pause::Over => answer = Self::inspect(ctx, hold_end).await,
                Pause::NextAttempt => return Ok(Paying::Unpaid),
                Pause::Ends(reason) => return Ok(Paying::Ends(reason)),
            }
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    async fn inspect(ctx: &WorkflowContext<Self>, hold_end: &mut impl HoldEnd) -> Answer {
        let inspect =
            ctx.state(|s| InspectPayment { order_id: s.input.order_id, number: Some(s.last_sent) });
        let options = options::provider_first_tries(
            "ask where the payment stands",
            Self::most_of_a_hold(ctx),
        );
        let call = ctx.execute_activity(SagaActivities::inspect_payment, inspect, options);
        Self::answer(ctx, call, hold_end).await
    }

    /// Waits for a call, unless the order ends first. What was on its way by then still counts
    /// when it says that the money was set aside before the hold ended.
    async fn answer(
        ctx: &WorkflowContext<Self>,
        mut call: impl CancellableFuture<Output = Result<Payment, ActivityExecutionError>> + Unpin,
        mut hold_end: &mut impl HoldEnd,
    ) -> Answer {
        let reason = select! {
            answer = call => return Self::answered(answer),
            _ = ctx.cancelled() => EndReason::Cancelled,
            _ = ctx.wait_condition_with_options(|s: &Self| s.cancel_requested, detached()) =>
                EndReason::Cancelled,
            _ = hold_end => EndReason::HoldEnded,
        };
        call.cancel();
        match (Self::answered(call.await), reason) {
            (authorized @ Answer::Payment(Payment::Authorized), EndReason::HoldEnded) => authorized,
            _ => Answer::CutShort(reason),
        }
    }

    fn answered(answer: Result<Payment, ActivityExecutionError>) -> Answer {
        answer.map_or(Answer::Failed, Answer::Payment)
    }

    /// Waits for `pause`, or for the provider to speak, or for the shopper, who has seen that this
    /// attempt is over, to make another.
    async fn pause(
        ctx: &WorkflowContext<Self>,
        pause: Duration,
        mut hold_end: &mut impl HoldEnd,
    ) -> Pause {
        let token = WorkflowCancellationToken::new();
        let timer = TimerOptions::builder(pause)
            .cancellation_token(token.clone())
            .summary("ask the provider again, should its word be lost".to_owned())
            .build();
        let over = select! {
            _ = ctx.cancelled() => Pause::Ends(EndReason::Cancelled),
            _ = ctx.wait_condition_with_options(|s: &Self| s.cancel_requested, detached()) =>
                Pause::Ends(EndReason::Cancelled),
            _ = ctx.wait_condition_with_options(|s: &Self| s.queued.is_some(), detached()) =>
                Pause::NextAttempt,
            _ = ctx.wait_condition_with_options(|s: &Self| s.provider_spoke, detached()) =>
                Pause::Over,
            _ = hold_end => Pause::Ends(EndReason::HoldEnded),
            _ = ctx.timer(timer) => Pause::Over,
        };
        token.cancel();
        ctx.state_mut(|s| s.provider_spoke = false);
        over
    }

    /// Has the provider move the money: retried until the authorization itself ends.
    pub(super) async fn capture(ctx: &WorkflowContext<Self>) -> WorkflowResult<Capture> {
        let order_id = ctx.state(|s| s.input.order_id);
        let summary = "move the money";
        let first = options::provider_first_tries(summary, AUTHORIZATION_LASTS);
        if let Ok(captured) = ctx.execute_activity(SagaActivities::capture, order_id, first).await {
            return Ok(captured);
        }
        story::provider_is_slow(ctx);
        let patient = options::provider(summary, AUTHORIZATION_LASTS);
        let captured = ctx.execute_activity(SagaActivities::capture, order_id, patient).await;
        Ok(captured.unwrap_or(Capture::RefusedForGood))
    }

    /// The end of a provider call that the hold's end does not cut short by itself.
    fn most_of_a_hold(ctx: &WorkflowContext<Self>) -> Duration {
        let left = ctx.state(|s| s.expires_at).map_or(Duration::ZERO, |at| Self::until(ctx, at));
        left + Duration::from_secs(60)
    }
}
