//! Ends what is left of a payment whose order has ended without it.

use std::time::Duration;

use domain::OrderId;
use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::{activities::SagaActivities, checkout::options};

/// A payment to bring to rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleInput {
    /// The provider's id of it.
    pub payment_intent: String,
    /// Whose it was.
    pub order_id: OrderId,
}

impl SettleInput {
    /// The id of the workflow that settles this payment.
    #[must_use]
    pub fn workflow_id(&self) -> String {
        format!("settle/{}", self.payment_intent)
    }
}

/// The workflow `settle`, id `settle/<payment_intent>`.
#[workflow]
pub struct Settle {
    input: SettleInput,
}

#[workflow_methods]
impl Settle {
    #[init]
    fn new(_ctx: &WorkflowContextView, input: SettleInput) -> Self {
        Self { input }
    }

    /// Runs until the provider says that no money is set aside or taken on this payment.
    #[run(name = "settle")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = ctx.state(|s| s.input.clone());
        ctx.set_current_details(format!(
            "Order {} has ended without payment {}. Cancelling or refunding it, for as long as \
             the provider takes.",
            input.order_id, input.payment_intent
        ));
        let options = options::provider("cancel or refund the late payment", Duration::MAX);
        ctx.execute_activity(SagaActivities::settle_intent, input.payment_intent, options).await?;
        ctx.set_current_details("The payment is at rest: nothing is set aside, nothing taken.");
        Ok(())
    }
}
