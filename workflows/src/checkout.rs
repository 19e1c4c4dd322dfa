//! The checkout: one workflow for one order, from the hold to the end.

pub mod options;
mod paying;
mod shapes;
mod story;
mod unwinding;

use std::{pin::pin, time::Duration};

use domain::{EndReason, OrderState, Refusal, payment::admit_attempt};
use futures::future::FusedFuture;
use temporalio_common::data_converters::RawValue;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    SyncWorkflowContext, TimerOptions, TimerResult, WaitConditionOptions,
    WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowResult, select,
};
use time::OffsetDateTime;

pub use self::shapes::{
    CancelAnswer, CheckoutInput, CheckoutMemo, CheckoutStatus, Pay, PayAnswer, PaymentEvent,
};
use self::{
    paying::{Attempt, Paying},
    unwinding::{Undo, Unwound},
};
use crate::activities::{Capture, Commit, Reservation, Reserve, ReturnUnits, SagaActivities};

/// The workflow `checkout`, id `checkout/<order_id>`.
#[workflow]
pub struct Checkout {
    input: CheckoutInput,
    state: OrderState,
    /// Set when the units are held.
    expires_at: Option<OffsetDateTime>,
    /// How many attempts were taken.
    attempts: u32,
    /// The number of the attempt that was last sent to the provider.
    last_sent: u32,
    /// Taken, not yet begun.
    queued: Option<Attempt>,
    /// Somebody called it off.
    cancel_requested: bool,
    /// The provider said something that was not looked at yet.
    provider_spoke: bool,
}

/// The one timer of a hold: started with it, never cancelled, so that it costs no further event.
trait HoldEnd: Future<Output = TimerResult> + FusedFuture + Unpin {}
impl<T: Future<Output = TimerResult> + FusedFuture + Unpin> HoldEnd for T {}

/// What a held, unpaid order can meet next.
enum Next {
    Pay(Attempt),
    ProviderSpoke,
    Ends(EndReason),
}

#[workflow_methods]
impl Checkout {
    #[init]
    fn new(_ctx: &WorkflowContextView, input: CheckoutInput) -> Self {
        Self {
            input,
            state: OrderState::Reserving,
            expires_at: None,
            attempts: 0,
            last_sent: 0,
            queued: None,
            cancel_requested: false,
            provider_spoke: false,
        }
    }

    /// Runs an order to its end and answers the state that it ended in.
    #[run(name = "checkout")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<OrderState> {
        let mut undo = Vec::new();
        match Self::forward(ctx, &mut undo).await {
            Ok(end) => Ok(end),
            Err(surprise) => {
                // Nobody planned for this: put everything back, then fail where operators see it.
                Self::unwind(ctx, &mut undo, EndReason::Cancelled).await?;
                Err(surprise)
            }
        }
    }

    /// The story of an order. Before `commit` everything is undone, after it everything goes
    /// forward.
    async fn forward(
        ctx: &WorkflowContext<Self>,
        undo: &mut Vec<Undo>,
    ) -> WorkflowResult<OrderState> {
        undo.push(Undo::ReleaseUnits);
        match Self::reserve(ctx).await? {
            Reservation::Held { expires_at, total } => Self::held(ctx, expires_at, total),
            Reservation::Refused { refusal } => {
                undo.clear();
                return Ok(Self::refused(ctx, &refusal));
            }
            Reservation::TakenByAnotherRun => {
                undo.clear();
                return Ok(Self::taken_by_another_run(ctx));
            }
        }

        let mut hold_end = pin!(ctx.timer(Self::hold_end(ctx)));
        // For an order whose payment turns out to be called off already.
        let reason = loop {
            let paying = match Self::next(ctx, &mut hold_end, undo).await {
                Next::Pay(attempt) => Self::authorize(ctx, attempt, &mut hold_end, undo).await?,
                Next::ProviderSpoke => Self::look_at_payment(ctx, &mut hold_end).await?,
                Next::Ends(reason) => Paying::Ends(reason),
            };
            match paying {
                Paying::Authorized => break EndReason::Cancelled,
                Paying::Unpaid => Self::enter(ctx, OrderState::AwaitingPayment),
                Paying::Ends(reason) => match Self::unwind(ctx, undo, reason).await? {
                    Unwound::Ended(end) => return Ok(end),
                    Unwound::PaidInTime => break reason,
                },
            }
        };

        match Self::commit(ctx).await? {
            Commit::Committed => {}
            Commit::HoldGone => match Self::call_off(ctx, undo, reason.end_state()).await? {
                Unwound::Ended(end) => return Ok(end),
                // Another run of the commit was let through in the end.
                Unwound::PaidInTime => {}
            },
        }
        undo.clear();
        Self::enter(ctx, OrderState::Confirmed);

        match Self::capture(ctx).await? {
            Capture::Captured => Ok(Self::end(ctx, OrderState::Paid)),
            Capture::RefusedForGood => Ok(Self::payment_failed(ctx).await?),
        }
    }

    async fn reserve(ctx: &WorkflowContext<Self>) -> WorkflowResult<Reservation> {
        Self::enter(ctx, OrderState::Reserving);
        let reserve = ctx.state(|s| Reserve {
            order_id: s.input.order_id,
            lines: s.input.lines.clone(),
            expected_total: s.input.expected_total,
            hold_ttl_ms: s.input.hold_ttl_ms,
            secret_hash: s.input.secret_hash.clone(),
            fingerprint: s.input.fingerprint.clone(),
            client_key: s.input.client_key.clone(),
        });
        let options = options::our_database("hold the stock, all lines or none");
        Ok(ctx.execute_local_activity(SagaActivities::reserve, reserve, options).await?)
    }

    fn hold_end(ctx: &WorkflowContext<Self>) -> TimerOptions {
        let left = ctx.state(|s| s.expires_at).map_or(Duration::ZERO, |at| Self::until(ctx, at));
        TimerOptions::builder(left.max(Duration::from_millis(1)))
            .cancellation_token(WorkflowCancellationToken::new())
            .summary("the hold ends".to_owned())
            .build()
    }

    /// Waits for what comes first. An order that was never sent to the provider does not look
    /// there, whatever the provider says.
    async fn next(
        ctx: &WorkflowContext<Self>,
        mut hold_end: &mut impl HoldEnd,
        undo: &[Undo],
    ) -> Next {
        let at_provider = undo.contains(&Undo::ClosePayment);
        let something = |s: &Self| {
            s.queued.is_some() || s.cancel_requested || (at_provider && s.provider_spoke)
        };
        select! {
            _ = ctx.cancelled() => return Next::Ends(EndReason::Cancelled),
            _ = ctx.wait_condition_with_options(something, detached()) => {}
            _ = hold_end => return Next::Ends(EndReason::HoldEnded),
        }
        ctx.state_mut(|s| {
            if s.cancel_requested {
                Next::Ends(EndReason::Cancelled)
            } else if let Some(attempt) = s.queued.take() {
                Next::Pay(attempt)
            } else {
                s.provider_spoke = false;
                Next::ProviderSpoke
            }
        })
    }

    /// The state that a shopper who tries to pay acts on. What an activity has written is seen
    /// before the activity's answer is here: the hold, or the decline of the attempt under way.
    fn state_as_seen(&self, pay: &Pay) -> OrderState {
        let row_is_ahead = matches!(self.state, OrderState::Reserving | OrderState::Paying);
        if row_is_ahead && self.queued.is_none() && pay.seen_attempts == self.attempts {
            OrderState::AwaitingPayment
        } else {
            self.state
        }
    }

    async fn commit(ctx: &WorkflowContext<Self>) -> WorkflowResult<Commit> {
        let order_id = ctx.state(|s| s.input.order_id);
        let options = options::our_database("make the held units the buyer's for good");
        Ok(ctx.execute_local_activity(SagaActivities::commit, order_id, options).await?)
    }

    async fn payment_failed(ctx: &WorkflowContext<Self>) -> WorkflowResult<OrderState> {
        let order_id = ctx.state(|s| s.input.order_id);
        let options = options::our_database("put the sold units back: the capture was refused");
        let returned =
            ctx.execute_local_activity(SagaActivities::return_units, order_id, options).await?;
        match returned {
            ReturnUnits::Returned => {
                Self::hand_over_to_settle(ctx).await?;
                Ok(Self::end(ctx, OrderState::PaymentFailed))
            }
            ReturnUnits::PaidAfterAll => Ok(Self::end(ctx, OrderState::Paid)),
        }
    }

    fn refused(ctx: &WorkflowContext<Self>, refusal: &Refusal) -> OrderState {
        story::refused(ctx, refusal);
        Self::end(ctx, OrderState::Refused)
    }

    fn taken_by_another_run(ctx: &WorkflowContext<Self>) -> OrderState {
        ctx.set_current_details("This order was decided by an earlier run. Nothing was done.");
        OrderState::Refused
    }

    /// The provider said something about this order's payment. A wake-up, never a fact: whatever
    /// comes with it is kept in the history and not read, so that nothing sent by hand in the
    /// Temporal UI can stop the order. Senders send a [`PaymentEvent`].
    #[signal(name = "payment_event")]
    pub fn payment_event(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _event: RawValue) {
        self.provider_spoke = true;
    }

    /// The shopper tries to pay. The update's id is the attempt's id.
    #[update(name = "pay")]
    pub fn pay(&mut self, ctx: &mut SyncWorkflowContext<Self>, pay: Pay) -> PayAnswer {
        // The SDK delivers updates before timers: after an outage a late `pay` would win.
        let now = ctx.workflow_time().map(OffsetDateTime::from);
        let hold_is_over =
            self.cancel_requested || self.expires_at.zip(now).is_some_and(|(end, now)| end <= now);
        match admit_attempt(self.state_as_seen(&pay), self.attempts, hold_is_over) {
            Ok(()) if self.queued.is_some() => {
                PayAnswer::Refused { refusal: domain::PayRefusal::AlreadyUnderWay }
            }
            Ok(()) => {
                self.attempts += 1;
                self.queued = Some(Attempt { number: self.attempts, pay });
                PayAnswer::Queued { number: self.attempts }
            }
            Err(refusal) => PayAnswer::Refused { refusal },
        }
    }

    /// The shopper, or an operator, calls the order off.
    #[update(name = "cancel")]
    pub fn cancel(&mut self, _ctx: &mut SyncWorkflowContext<Self>) -> CancelAnswer {
        if self.state.is_bought() {
            return CancelAnswer::AlreadyPaid;
        }
        self.cancel_requested = true;
        CancelAnswer::Cancelling
    }

    /// Where the order stands, for a person who asks the workflow itself.
    #[query(name = "status")]
    pub fn status(&self, _ctx: &WorkflowContextView) -> CheckoutStatus {
        CheckoutStatus { state: self.state, attempts: self.attempts, expires_at: self.expires_at }
    }
}

/// Waiting that a cancelled workflow does not cut short: undoing is work, too.
fn detached() -> WaitConditionOptions {
    WaitConditionOptions::builder().cancellation_token(WorkflowCancellationToken::new()).build()
}
