//! An operator's change: one durable, audited step.

use domain::{Money, OrderId, OrderState, Sku};
use serde::{Deserialize, Serialize};
use temporalio_common::data_converters::RawValue;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ChildWorkflowOptions, ParentClosePolicy, SignalWorkflowOptions, WorkflowCancellationToken,
    WorkflowContext, WorkflowContextView, WorkflowResult,
};
use uuid::Uuid;

use crate::{
    Checkout, PaymentEvent,
    activities::SagaActivities,
    checkout::options,
    conclude::{self, Conclude},
    search::about,
};

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

    /// A line for the Temporal UI: who does what, and why.
    #[must_use]
    pub fn summary(&self) -> String {
        let what = match &self.change {
            Change::PutProduct { sku, .. } => format!("writes product {sku}"),
            Change::AdjustStock { sku, on_hand_delta } => format!("counts {on_hand_delta:+} {sku}"),
            Change::ReplayWebhook { event_id } => format!("replays {event_id}"),
            Change::CancelOrder { order_id } => format!("cancels order {order_id}"),
            Change::RetryOrder { order_id } => format!("retries order {order_id}"),
        };
        format!("{} {what}: {}", self.actor, self.reason).chars().take(200).collect()
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
    /// Calls an order off that is not bought yet.
    CancelOrder {
        /// Which.
        order_id: OrderId,
    },
    /// Has an open order looked at now, by its workflow or, when that is gone, by another one.
    RetryOrder {
        /// Which.
        order_id: OrderId,
    },
}

impl Change {
    /// The order that it is about, if it is about one.
    #[must_use]
    pub const fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::CancelOrder { order_id } | Self::RetryOrder { order_id } => Some(*order_id),
            Self::PutProduct { .. } | Self::AdjustStock { .. } | Self::ReplayWebhook { .. } => None,
        }
    }
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
    /// The order's workflow is told.
    OrderToBeTold {
        /// Where the order stood.
        state: OrderState,
    },
    /// The order has ended, or can't be called off any more: nothing is done.
    OrderIsPastIt {
        /// Where it stood.
        state: OrderState,
    },
    /// There is no such order.
    UnknownOrder,
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
        let (change, change_id) = (request.change.clone(), request.change_id);
        ctx.set_current_details(format!("{} asked for this: {}", request.actor, request.reason));
        let outcome = ctx
            .execute_local_activity(
                SagaActivities::apply_change,
                request,
                options::our_database("make the change and write the audit row"),
            )
            .await?;
        if let ChangeOutcome::OrderToBeTold { .. } = outcome {
            Self::tell_order(ctx, change, change_id).await;
        }
        Ok(outcome)
    }

    /// Tells the order's workflow; one that is gone is told nothing any more, and another brings
    /// the order to its end. Told again, neither does anything further.
    async fn tell_order(ctx: &WorkflowContext<Self>, change: Change, change_id: Uuid) {
        let Some(order_id) = change.order_id() else { return };
        let checkout = ctx.external_workflow(order_id.workflow_id(), None);
        // A workflow that has ended takes a cancel as well as any, but no signal.
        let look = PaymentEvent { event_id: change_id.to_string() };
        let look = RawValue::from_value(&look, ctx.payload_converter());
        let options = SignalWorkflowOptions::default();
        let mut was_told = checkout.signal(Checkout::payment_event, look, options).await.is_ok();
        if was_told && matches!(change, Change::CancelOrder { .. }) {
            was_told = checkout.cancel(None).await.is_ok();
        }
        if was_told {
            ctx.set_current_details(format!("The workflow `{}` is told.", order_id.workflow_id()));
            return;
        }
        let conclude = conclude::workflow_id(order_id);
        ctx.set_current_details(format!("The order's workflow is gone; see `{conclude}`."));
        let options = ChildWorkflowOptions::builder()
            .workflow_id(conclude)
            .parent_close_policy(ParentClosePolicy::Abandon)
            .cancellation_token(WorkflowCancellationToken::new())
            .static_summary(format!("Begun by an operator for order {order_id}"))
            .search_attributes(about(order_id))
            .build();
        // An error says that it runs already.
        drop(ctx.start_child_workflow(Conclude::run, order_id, options).await);
    }
}
