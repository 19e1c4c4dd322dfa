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
                        ClosedPayment::AtRest => {}
                        ClosedPayment::PaidInTime => {
                            // Until the units are the buyer's, this undo is still owed.
                            undo.push(Undo::ClosePayment);
                            return Ok(Unwound::PaidInTime);
                        }
                    }
                }
                Undo::ReleaseUnits => Self::release(ctx, end_state).await?,
            }
        }
        Ok(Unwound::Ended(Self::end(ctx, end_state)))
    }

    /// Brings the payment to rest. When the grace ends without the provider's word, another
    /// workflow goes on asking, and the units do not wait for it.
    async fn close_payment(
        ctx: &WorkflowContext<Self>,
        reason: EndReason,
    ) -> WorkflowResult<ClosedPayment> {
        let close = ClosePayment { order_id: ctx.state(|s| s.input.order_id), reason };
        loop {
            let options = options::provider(
                "no new attempts; cancel what the provider has, if it was not paid in time",
                Self::rest_of_grace(ctx).max(ONCE_IN_ANY_CASE),
            );
            let call = ctx.execute_activity(SagaActivities::close_payment, close.clone(), options);
            if let Ok(closed) = call.await {
                return Ok(closed);
            }
            // Temporal gives a call up when its next try would come too late: the rest of the
            // grace is still ours.
            let left = Self::rest_of_grace(ctx);
            if left.is_zero() {
                Self::hand_over_to_settle(ctx).await?;
                return Ok(ClosedPayment::AtRest);
            }
            let pause = TimerOptions::builder(left.min(Duration::from_secs(2)))
                .cancellation_token(WorkflowCancellationToken::new())
                .summary("the provider gave no word; there is grace left".to_owned())
                .build();
            ctx.timer(pause).await;
        }
    }

    /// Starts `settle/<payment_intent>`, which outlives this order, if there is a payment.
    pub(super) async fn hand_over_to_settle(ctx: &WorkflowContext<Self>) -> WorkflowResult<()> {
        let order_id = ctx.state(|s| s.input.order_id);
        let options = options::our_database("look up the payment that is left");
        let intent = ctx
            .execute_local_activity(SagaActivities::payment_intent_of, order_id, options)
            .await?;
        let Some(payment_intent) = intent else {
            return Ok(());
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
        Ok(())
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
