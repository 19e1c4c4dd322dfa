//! A dispute of an order's payment, until the bank has decided.

use std::time::Duration;

use domain::{DisputeStanding, OrderId};
use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
};

use crate::{RefundEvent, activities::SagaActivities, checkout::options, patience};

/// How long the provider's word on a dispute is awaited before it is asked, at first and at the
/// most: banks take weeks.
const PAUSES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));

/// A dispute that somebody saw at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenDispute {
    /// The provider's id of it.
    pub dispute_id: String,
    /// Whose payment it is about.
    pub order_id: OrderId,
}

impl SeenDispute {
    /// The id of the workflow that follows this dispute.
    #[must_use]
    pub fn workflow_id(&self) -> String {
        format!("dispute/{}", self.dispute_id)
    }
}

/// The workflow `dispute`, id `dispute/<the provider's id>`.
#[workflow]
pub struct Dispute {
    input: SeenDispute,
    /// The provider said something that was not looked at yet.
    provider_spoke: bool,
}

#[workflow_methods]
impl Dispute {
    #[init]
    fn new(_ctx: &WorkflowContextView, input: SeenDispute) -> Self {
        Self { input, provider_spoke: false }
    }

    /// Keeps the order in step with the dispute, until it is decided.
    #[run(name = "dispute")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<DisputeStanding> {
        let (mut pause, longest) = PAUSES;
        loop {
            let standing = Self::look(ctx).await?;
            let (told, is_over) = match standing {
                DisputeStanding::Open => ("**Open.** Nothing of the order is refunded.", false),
                DisputeStanding::Inquiry => ("**The bank asks.** No money has moved.", false),
                DisputeStanding::Won => ("**Won.** The order is as it was.", true),
                DisputeStanding::Lost => ("**Lost.** The cardholder keeps the money.", true),
                DisputeStanding::Settled => ("**Settled.** The bank asked, and is content.", true),
            };
            ctx.set_current_details(told);
            if is_over && !ctx.state(|s| s.provider_spoke) {
                return Ok(standing);
            }
            patience::for_word(ctx, pause, |s| s.provider_spoke).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn look(ctx: &WorkflowContext<Self>) -> WorkflowResult<DisputeStanding> {
        let seen = ctx.state_mut(|s| {
            s.provider_spoke = false;
            s.input.clone()
        });
        let options =
            options::provider("ask where the dispute stands, and record it", Duration::MAX);
        Ok(ctx.execute_activity(SagaActivities::look_at_dispute, seen, options).await?)
    }

    /// The provider said something about this dispute. A wake-up, never a fact.
    #[signal(name = "dispute_event")]
    pub fn dispute_event(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _event: RefundEvent) {
        self.provider_spoke = true;
    }
}
