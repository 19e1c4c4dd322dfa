//! Holding orders, workflows and the provider's books against each other; what has one right answer
//! is put right.

use std::time::Duration;

use domain::OrderId;
use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ChildWorkflowOptions, ParentClosePolicy, SignalWorkflowOptions, WorkflowCancellationToken,
    WorkflowContext, WorkflowContextView, WorkflowResult,
};

use crate::{
    Dispute, Refund, RefundEvent, RefundInput, SeenDispute, Settle, SettleInput,
    activities::{Checked, RecordFinding, SagaActivities},
    checkout::options,
    conclude::{self, Conclude},
    search::about,
};

/// The id of a run that somebody asks for.
pub const NOW_ID: &str = "reconcile-now";
/// The id of the schedule that begins the others.
pub const SCHEDULE_ID: &str = "reconcile";
/// How often it does.
pub const EVERY: Duration = Duration::from_mins(5);
/// How long looking through either side may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// Why it is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileInput {
    /// Who wants it now; none when it was due.
    pub asked_by: Option<String>,
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// The order, payment, refund, dispute or product that it is about.
    pub subject: String,
    /// What does not agree with what.
    pub detail: String,
    /// What puts it right; none where a person has to look.
    pub repair: Option<Repair>,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// An order is open and nobody sees to it.
    OrderWithoutWorkflow,
    /// A hold has outlived its end.
    HoldOverdue,
    /// A payment has money on it, or can have, and no order.
    PaymentLeftOver,
    /// A paid order has a second payment.
    SecondPayment,
    /// The provider took another sum than the order has.
    CapturedDiffers,
    /// The provider gave back another sum than the order has.
    RefundedDiffers,
    /// The provider has a refund that is not written down, or stands elsewhere.
    RefundNotRecorded,
    /// A refund is under way and nobody sees to it.
    RefundWithoutWorkflow,
    /// The provider has a dispute that is not written down, or stands elsewhere.
    DisputeNotRecorded,
    /// The units held or sold of a product are not those of its orders.
    StockDiffers,
    /// Counting the units of all orders took too long.
    StockNotCounted,
    /// The provider could not be asked.
    ProviderSilent,
}

impl FindingKind {
    /// Every kind there is.
    pub const ALL: [Self; 12] = [
        Self::OrderWithoutWorkflow,
        Self::HoldOverdue,
        Self::PaymentLeftOver,
        Self::SecondPayment,
        Self::CapturedDiffers,
        Self::RefundedDiffers,
        Self::RefundNotRecorded,
        Self::RefundWithoutWorkflow,
        Self::DisputeNotRecorded,
        Self::StockDiffers,
        Self::StockNotCounted,
        Self::ProviderSilent,
    ];

    /// The name used in JSON and in Postgres.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderWithoutWorkflow => "order_without_workflow",
            Self::HoldOverdue => "hold_overdue",
            Self::PaymentLeftOver => "payment_left_over",
            Self::SecondPayment => "second_payment",
            Self::CapturedDiffers => "captured_differs",
            Self::RefundedDiffers => "refunded_differs",
            Self::RefundNotRecorded => "refund_not_recorded",
            Self::RefundWithoutWorkflow => "refund_without_workflow",
            Self::DisputeNotRecorded => "dispute_not_recorded",
            Self::StockDiffers => "stock_differs",
            Self::StockNotCounted => "stock_not_counted",
            Self::ProviderSilent => "provider_silent",
        }
    }
}

/// What puts a finding right: a workflow that can be begun as often as one likes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "repair", rename_all = "snake_case")]
pub enum Repair {
    /// Bring the order to its end.
    Conclude {
        /// Which.
        order_id: OrderId,
    },
    /// Cancel or refund the payment.
    Settle {
        /// Which.
        settle: SettleInput,
    },
    /// Look at the refund, or go on with it.
    Refund {
        /// Which.
        refund: RefundInput,
    },
    /// Look at the dispute.
    Dispute {
        /// Which.
        dispute: SeenDispute,
    },
}

impl Repair {
    /// The order that it is about.
    #[must_use]
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Conclude { order_id } => *order_id,
            Self::Settle { settle } => settle.order_id,
            Self::Refund { refund } => refund.order_id(),
            Self::Dispute { dispute } => dispute.order_id,
        }
    }

    /// The workflow that does it.
    #[must_use]
    pub fn workflow_id(&self) -> String {
        match self {
            Self::Conclude { order_id } => conclude::workflow_id(*order_id),
            Self::Settle { settle } => settle.workflow_id(),
            Self::Refund { refund } => refund.refund_id().workflow_id(),
            Self::Dispute { dispute } => dispute.workflow_id(),
        }
    }
}

/// The workflow `reconcile`; the schedule of that name begins it.
#[workflow]
pub struct Reconcile {
    input: ReconcileInput,
}

#[workflow_methods]
impl Reconcile {
    #[init]
    fn new(_ctx: &WorkflowContextView, input: ReconcileInput) -> Self {
        Self { input }
    }

    /// Looks at both sides, begins what puts right what can be, and records all of it.
    #[run(name = "reconcile")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let input = ctx.state(|s| s.input.clone());
        let options = options::our_database("write down that it has begun");
        ctx.execute_local_activity(SagaActivities::begin_reconciliation, input.clone(), options)
            .await?;

        let options = options::thorough_look("look for open orders that nobody sees to", PATIENCE);
        let orders =
            ctx.execute_activity(SagaActivities::check_orders, input.clone(), options).await;
        // One that can't be done leaves the other to be done; this run fails in the end.
        let (orders, orders_failed) = match orders {
            Ok(orders) => (orders, None),
            Err(error) => (Checked::default(), Some(error)),
        };
        let options = options::thorough_look("hold the provider's books against ours", PATIENCE);
        let payments = ctx.execute_activity(SagaActivities::check_payments, input, options).await;
        let (payments, payments_checked) = match payments {
            Ok(payments) => (payments.findings, payments.checked),
            Err(_) => (vec![provider_silent()], 0),
        };

        let found = orders.findings.len() + payments.len();
        ctx.set_current_details(format!("{found} findings."));
        for finding in orders.findings.into_iter().chain(payments) {
            let begun = match &finding.repair {
                Some(repair) => Self::begin(ctx, repair).await,
                None => false,
            };
            let options = options::our_database("write down what was found, and what is done");
            let record = RecordFinding { finding, begun };
            ctx.execute_local_activity(SagaActivities::record_finding, record, options).await?;
        }
        if let Some(error) = orders_failed {
            return Err(error.into());
        }
        let options = options::our_database("write down that it has ended");
        let checked = (orders.checked, payments_checked);
        ctx.execute_local_activity(SagaActivities::finish_reconciliation, checked, options).await?;
        Ok(())
    }

    /// Begins a repair that outlives this run. False when it is under way already.
    async fn begin(ctx: &WorkflowContext<Self>, repair: &Repair) -> bool {
        let options = ChildWorkflowOptions::builder()
            .workflow_id(repair.workflow_id())
            .parent_close_policy(ParentClosePolicy::Abandon)
            .cancellation_token(WorkflowCancellationToken::new())
            .static_summary(format!("Begun by reconciliation for order {}", repair.order_id()))
            .search_attributes(about(repair.order_id()))
            .build();
        match repair.clone() {
            Repair::Conclude { order_id } => {
                ctx.start_child_workflow(Conclude::run, order_id, options).await.is_ok()
            }
            Repair::Settle { settle } => {
                ctx.start_child_workflow(Settle::run, settle, options).await.is_ok()
            }
            Repair::Refund { refund } => {
                ctx.start_child_workflow(Refund::run, refund, options).await.is_ok()
            }
            Repair::Dispute { dispute } => {
                let running = ctx.external_workflow(dispute.workflow_id(), None);
                let begun = ctx.start_child_workflow(Dispute::run, dispute, options).await.is_ok();
                if !begun {
                    // It waits for the provider's word, for up to a day.
                    let said = RefundEvent { event_id: "reconcile".to_owned() };
                    let options = SignalWorkflowOptions::default();
                    drop(running.signal(Dispute::dispute_event, said, options).await);
                }
                begun
            }
        }
    }
}

fn provider_silent() -> Finding {
    Finding {
        kind: FindingKind::ProviderSilent,
        subject: "provider".to_owned(),
        detail: "it could not be asked for its payments, refunds and disputes".to_owned(),
        repair: None,
    }
}
