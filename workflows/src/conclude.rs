//! Brings an order to its end whose own workflow is gone: terminated in Temporal, lost with it, or
//! over before the provider told the id of the payment.

use std::time::Duration;

use domain::{EndReason, OrderId};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::{
    activities::{Capture, ClosePayment, ClosedPayment, Release, ReturnUnits, SagaActivities},
    checkout::options,
};

/// How long the units wait for the provider's word.
const GRACE: Duration = Duration::from_mins(2);
/// Longer than any authorization lasts.
const AUTHORIZATION: Duration = Duration::from_hours(7 * 24);

/// The id of the workflow that concludes an order.
#[must_use]
pub fn workflow_id(order: OrderId) -> String {
    format!("conclude/{order}")
}

/// The workflow `conclude`, id `conclude/<order_id>`.
#[workflow]
pub struct Conclude {
    order_id: OrderId,
}

#[workflow_methods]
impl Conclude {
    #[init]
    fn new(_ctx: &WorkflowContextView, order_id: OrderId) -> Self {
        Self { order_id }
    }

    /// An order that is not confirmed is called off; one that is goes forward, as its own workflow
    /// would have had it.
    #[run(name = "conclude")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.set_current_details("**The order's workflow is gone.** Bringing the order to its end.");
        let closed = if let Ok(closed) = Self::close(ctx, GRACE).await {
            closed
        } else {
            // The units do not wait any longer; the payment has to come to rest all the same.
            Self::release(ctx).await?;
            Self::close(ctx, Duration::MAX).await?
        };
        match closed {
            ClosedPayment::AtRest => Self::release(ctx).await?,
            ClosedPayment::PaidInTime => Self::go_forward(ctx).await?,
        }
        ctx.set_current_details("The order has ended.");
        Ok(())
    }

    async fn go_forward(ctx: &WorkflowContext<Self>) -> WorkflowResult<()> {
        let order_id = ctx.state(|s| s.order_id);
        let options = options::provider("move the money", AUTHORIZATION);
        let captured = ctx.execute_activity(SagaActivities::capture, order_id, options).await;
        if matches!(captured, Ok(Capture::Captured)) {
            return Ok(());
        }
        let options = options::our_database("put the sold units back: the money never moved");
        match ctx.execute_local_activity(SagaActivities::return_units, order_id, options).await? {
            ReturnUnits::PaidAfterAll => {}
            ReturnUnits::Returned => drop(Self::close(ctx, Duration::MAX).await?),
        }
        Ok(())
    }

    async fn close(ctx: &WorkflowContext<Self>, limit: Duration) -> WorkflowResult<ClosedPayment> {
        let order_id = ctx.state(|s| s.order_id);
        let close = ClosePayment { order_id, reason: EndReason::Cancelled };
        let options = options::provider("no new attempts; cancel what the provider has", limit);
        Ok(ctx.execute_activity(SagaActivities::close_payment, close, options).await?)
    }

    async fn release(ctx: &WorkflowContext<Self>) -> WorkflowResult<()> {
        let order_id = ctx.state(|s| s.order_id);
        let release = Release { order_id, end_state: EndReason::Cancelled.end_state() };
        let options = options::our_database("put the units back");
        ctx.execute_local_activity(SagaActivities::release, release, options).await?;
        Ok(())
    }
}
