//! An operator's change: one durable, audited step.

use domain::{Money, Sku};
use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{WorkflowContext, WorkflowContextView, WorkflowResult};
use uuid::Uuid;

use crate::{activities::SagaActivities, checkout::options};

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRequest {
    /// The operator's own id of this request: the same id is the same change, once.
    pub change_id: Uuid,
    /// Who asks.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// For what.
    pub change: Change,
}

impl ChangeRequest {
    /// The id of the workflow that makes this change.
    #[must_use]
    pub fn workflow_id(&self) -> String {
        format!("operator/{}", self.change_id)
    }
}

/// The changes there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Creates a product with no stock, or changes it. Held orders keep their price.
    PutProduct {
        /// Which.
        sku: Sku,
        /// What it is called.
        name: String,
        /// What it is.
        description: String,
        /// Where its picture is.
        image_url: Option<String>,
        /// For one unit.
        price: Money,
    },
    /// Counts units in or out.
    AdjustStock {
        /// Which product.
        sku: Sku,
        /// Units in, or out when negative.
        on_hand_delta: i64,
    },
    /// Has a webhook event taken up again.
    ReplayWebhook {
        /// The provider's id of it.
        event_id: String,
    },
}

/// What there is of a product: `on_hand = available + held + sold`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    /// Which product.
    pub sku: Sku,
    /// Every unit stocked and not written off.
    pub on_hand: i64,
    /// Units of open holds.
    pub held: i64,
    /// Units of confirmed orders.
    pub sold: i64,
    /// Goes up with every change.
    pub version: i64,
}

impl StockLevel {
    /// Units that nobody holds or has bought.
    #[must_use]
    pub const fn available(&self) -> i64 {
        self.on_hand - self.held - self.sold
    }
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// The product is there now.
    ProductPut {
        /// Whether it was not there before.
        created: bool,
    },
    /// The units are counted.
    StockAdjusted {
        /// What there is now.
        level: StockLevel,
    },
    /// The shop has no such product.
    UnknownSku,
    /// Fewer units would be left than are held and sold.
    BelowHeldAndSold {
        /// What there is.
        level: StockLevel,
    },
    /// The event is due.
    WebhookDue,
    /// No such event has come.
    UnknownWebhook,
    /// This change id was used for another change.
    IdReused,
}

/// The workflow `operator`, id `operator/<change id>`.
#[workflow]
pub struct Operator {
    request: ChangeRequest,
}

#[workflow_methods]
impl Operator {
    #[init]
    fn new(_ctx: &WorkflowContextView, request: ChangeRequest) -> Self {
        Self { request }
    }

    /// Makes the change.
    #[run(name = "operator")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<ChangeOutcome> {
        let request = ctx.state(|s| s.request.clone());
        ctx.set_current_details(format!("{} asked for this: {}", request.actor, request.reason));
        let outcome = ctx
            .execute_local_activity(
                SagaActivities::apply_change,
                request,
                options::our_database("make the change and write the audit row"),
            )
            .await?;
        Ok(outcome)
    }
}
