//! The naive order: reserve, wait for the signal, authorize, capture, mark as paid.

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult, workflows::select,
};

use super::{
    Order,
    activities::{Charge, Steps},
};

/// The workflow of an order.
#[workflow]
pub struct NaiveOrder {
    order: Order,
    payment_method: Option<String>,
}

#[workflow_methods]
impl NaiveOrder {
    #[init]
    fn new(_ctx: &WorkflowContextView, order: Order) -> Self {
        Self { order, payment_method: None }
    }

    /// Runs an order; answers what became of it.
    #[run(name = "naive_order")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let order = ctx.state(|s| s.order.clone());
        let total_minor = ctx.execute_activity(Steps::reserve, order.clone(), step()).await?;

        let hold = ctx.cancellation_token().child_token();
        let hold_ends =
            TimerOptions::builder(Duration::from_mins(5)).cancellation_token(hold.clone()).build();
        select! {
            told = ctx.wait_condition(|s: &Self| s.payment_method.is_some()) => told?,
            _ = ctx.timer(hold_ends) => {
                ctx.execute_activity(Steps::release, order, step()).await?;
                return Ok("expired".to_owned());
            }
        }
        hold.cancel();

        let payment_method = ctx.state(|s| s.payment_method.clone()).unwrap_or_default();
        let charge = Charge { order_id: order.order_id, total_minor, payment_method };
        let intent = ctx.execute_activity(Steps::authorize, charge, step()).await?;
        ctx.execute_activity(Steps::capture, (order.order_id, intent), step()).await?;
        ctx.execute_activity(Steps::mark_paid, order, step()).await?;
        Ok("paid".to_owned())
    }

    /// The shopper pays.
    #[signal(name = "pay")]
    pub fn pay(&mut self, _ctx: &mut SyncWorkflowContext<Self>, payment_method: String) {
        self.payment_method = Some(payment_method);
    }
}

fn step() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(30))
}
