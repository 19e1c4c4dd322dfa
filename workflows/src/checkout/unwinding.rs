//! Putting an unpaid order back: the payment first, then the units.

use std::time::Duration;

use domain::{EndReason, OrderState};
use temporalio_workflow::{
    ChildWorkflowOptions, ParentClosePolicy, WorkflowCancellationToken, WorkflowContext,
    WorkflowResult,
};

use super::{Checkout, options};
use crate::{
    Settle, SettleInput,
    activities::{ClosePayment, ClosedPayment, Release, SagaActivities},
};

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
        while let Some(step) = undo.pop() {
            match step {
                Undo::ClosePayment => {
                    Self::linger(ctx, OrderState::Closing);
                    match Self::close_payment(ctx, reason).await? {
                        ClosedPayment::AtRest => {}
                        ClosedPayment::PaidInTime => return Ok(Unwound::PaidInTime),
                    }
                }
                Undo::ReleaseUnits => Self::release(ctx, reason.end_state()).await?,
            }
        }
        Ok(Unwound::Ended(Self::end(ctx, reason.end_state())))
    }

    /// Brings the payment to rest. When the grace ends without the provider's word, another
    /// workflow goes on asking, and the units do not wait for it.
    async fn close_payment(
        ctx: &WorkflowContext<Self>,
        reason: EndReason,
    ) -> WorkflowResult<ClosedPayment> {
        let close = ClosePayment { order_id: ctx.state(|s| s.input.order_id), reason };
        let options = options::provider(
            "no new attempts; cancel what the provider has, if it was not paid in time",
            Self::rest_of_grace(ctx),
        );
        match ctx.execute_activity(SagaActivities::close_payment, close, options).await {
            Ok(closed) => Ok(closed),
            Err(_no_word) => {
                Self::hand_over_to_settle(ctx).await?;
                Ok(ClosedPayment::AtRest)
            }
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

    /// How long the provider is still asked: to the end of the grace, and once in any case.
    fn rest_of_grace(ctx: &WorkflowContext<Self>) -> Duration {
        let (expires_at, grace_ms) = ctx.state(|s| (s.expires_at, s.input.expiry_grace_ms));
        let left = expires_at.map_or(Duration::ZERO, |at| Self::until(ctx, at));
        (left + Duration::from_millis(grace_ms)).max(Duration::from_secs(5))
    }
}
