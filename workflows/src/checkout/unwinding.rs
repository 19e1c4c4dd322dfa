//! Putting an unpaid order back: the payment first, then the units.

use std::time::Duration;

use domain::{EndReason, OrderState};
use temporalio_workflow::{
    ChildWorkflowOptions, ParentClosePolicy, TimerOptions, WorkflowCancellationToken,
    WorkflowContext, WorkflowResult,
};

use super::{Checkout, options};
use crate::{
    Settle, SettleInput,
    activities::{ClosePayment, ClosedPayment, Release, SagaActivities},
    conclude::{self, Conclude},
    search::about,
};

/// How long the provider is asked even when the grace is over, such as after an outage of our own:
/// enough for a queue of orders that all end at once.
const ONCE_IN_ANY_CASE: Duration = Duration::from_secs(25);

/// What has to be undone, recorded before the risk is taken. Undone newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undo {
    /// Of `reserve`.
    ReleaseUnits,
    /// Of `authorize`.
    ClosePayment,
    /// Of an `authorize` of which nobody heard, once the order has ended.
    FindPayment,
}

/// What became of the payment.
enum Closed {
    /// Nothing is charged, and nothing will be: the provider says so, or `settle` goes on asking.
    SeenTo,
    /// It was made before the hold ended.
    PaidInTime,
    /// The provider gave no word, not even the payment's id.
    Unheard,
}

/// How unwinding came out.
pub(super) enum Unwound {
    /// The order has ended, nothing is held and nothing charged.
    Ended(OrderState),
    /// It was paid before its hold ended: the units stay held, the order goes forward.
    PaidInTime,
}

impl Checkout {
    /// Undoes what `undo` records, newest first. Each undo is idempotent and retried until done.
    pub(super) async fn unwind(
        ctx: &WorkflowContext<Self>,
        undo: &mut Vec<Undo>,
        reason: EndReason,
    ) -> WorkflowResult<Unwound> {
        Self::undo_all(ctx, undo, reason, reason.end_state()).await
    }

    /// Undoes an order whose payment came when it was being called off already: whether that was in
    /// time or not, it is cancelled, and the order ends as it would have without it.
    pub(super) async fn call_off(
        ctx: &WorkflowContext<Self>,
        undo: &mut Vec<Undo>,
        end_state: OrderState,
    ) -> WorkflowResult<Unwound> {
        Self::undo_all(ctx, undo, EndReason::Cancelled, end_state).await
    }

    async fn undo_all(
        ctx: &WorkflowContext<Self>,
        undo: &mut Vec<Undo>,
        reason: EndReason,
        end_state: OrderState,
    ) -> WorkflowResult<Unwound> {
        while let Some(step) = undo.pop() {
            match step {
                Undo::ClosePayment => {
                    Self::linger(ctx, OrderState::Closing);
                    match Self::close_payment(ctx, reason).await? {
                        Closed::SeenTo => {}
                        // Undone last: the units do not wait for it.
                        Closed::Unheard => undo.insert(0, Undo::FindPayment),
                        Closed::PaidInTime => {
                            // Until the units are the buyer's, this undo is still owed.
                            undo.push(Undo::ClosePayment);
                            return Ok(Unwound::PaidInTime);
                        }
                    }
                }
                Undo::ReleaseUnits => Self::release(ctx, end_state).await?,
                Undo::FindPayment => Self::hand_over_to_conclude(ctx).await,
            }
        }
        Ok(Unwound::Ended(Self::end(ctx, end_state)))
    }

    /// Brings the payment to rest. When the grace ends without the provider's word, another
    /// workflow goes on asking, and the units do not wait for it.
    async fn close_payment(
        ctx: &WorkflowContext<Self>,
        reason: EndReason,
    ) -> WorkflowResult<Closed> {
        let close = ClosePayment { order_id: ctx.state(|s| s.input.order_id), reason };
        loop {
            let options = options::provider(
                "no new attempts; cancel what the provider has, if it was not paid in time",
                Self::rest_of_grace(ctx).max(ONCE_IN_ANY_CASE),
            );
            let call = ctx.execute_activity(SagaActivities::close_payment, close.clone(), options);
            match call.await {
                Ok(ClosedPayment::AtRest) => return Ok(Closed::SeenTo),
                Ok(ClosedPayment::PaidInTime) => return Ok(Closed::PaidInTime),
                Err(_) => {}
            }
            // Temporal gives a call up when its next try would come too late: the rest of the
            // grace is still ours.
            let left = Self::rest_of_grace(ctx);
            if left.is_zero() {
                let handed_over = Self::hand_over_to_settle(ctx).await?;
                return Ok(if handed_over { Closed::SeenTo } else { Closed::Unheard });
            }
            let pause = TimerOptions::builder(left.min(Duration::from_secs(2)))
                .cancellation_token(WorkflowCancellationToken::new())
                .summary("the provider gave no word; there is grace left".to_owned())
                .build();
            ctx.timer(pause).await;
        }
    }

    /// Starts `settle/<payment_intent>`, which outlives this order. False when no payment is known.
    pub(super) async fn hand_over_to_settle(ctx: &WorkflowContext<Self>) -> WorkflowResult<bool> {
        let order_id = ctx.state(|s| s.input.order_id);
        let options = options::our_database("look up the payment that is left");
        let intent = ctx
            .execute_local_activity(SagaActivities::payment_intent_of, order_id, options)
            .await?;
        let Some(payment_intent) = intent else {
            return Ok(false);
        };
        let input = SettleInput { payment_intent, order_id };
        let options = ChildWorkflowOptions::builder()
            .workflow_id(input.workflow_id())
            .parent_close_policy(ParentClosePolicy::Abandon)
            .cancellation_token(WorkflowCancellationToken::new())
            .static_summary(format!("Late payment of order {order_id}"))
            .search_attributes(about(order_id))
            .build();
        // Already started is as good: the same intent is settled once.
        drop(ctx.start_child_workflow(Settle::run, input, options).await);
        Ok(true)
    }

    /// Starts `conclude/<order_id>`, which outlives this order, and asks for its payment by the key
    /// under which it was sent, for as long as the provider takes.
    async fn hand_over_to_conclude(ctx: &WorkflowContext<Self>) {
        if !ctx.patched("find-unheard-payment") {
            return;
        }
        let order_id = ctx.state(|s| s.input.order_id);
        let options = ChildWorkflowOptions::builder()
            .workflow_id(conclude::workflow_id(order_id))
            .parent_close_policy(ParentClosePolicy::Abandon)
            .cancellation_token(WorkflowCancellationToken::new())
            .static_summary(format!("Payment of order {order_id}, of which nobody heard"))
            .search_attributes(about(order_id))
            .build();
        // Already started is as good.
        drop(ctx.start_child_workflow(Conclude::run, order_id, options).await);
    }

    async fn release(ctx: &WorkflowContext<Self>, end_state: OrderState) -> WorkflowResult<()> {
        let release = Release { order_id: ctx.state(|s| s.input.order_id), end_state };
        let options = options::our_database("put the units back");
        ctx.execute_local_activity(SagaActivities::release, release, options).await?;
        Ok(())
    }

    /// How long the provider is still asked.
    fn rest_of_grace(ctx: &WorkflowContext<Self>) -> Duration {
        let (expires_at, grace_ms) = ctx.state(|s| (s.expires_at, s.input.expiry_grace_ms));
        let grace = Duration::from_millis(grace_ms);
        expires_at.map_or(Duration::ZERO, |at| Self::until(ctx, at + grace))
    }
}
