//! A refund: from an operator's wish, or from what was seen at the provider, to money that is
//! back, or that is known not to be.

use std::time::Duration;

use domain::{OrderId, RefundAsk, RefundId, RefundRefusal, RefundState};
use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
};

use crate::{
    activities::{BegunRefund, FinishRefund, RefundStanding, SagaActivities},
    checkout::options,
    patience,
};

/// How long the provider's word on a refund is awaited before it is asked, at first and at the
/// most: banks take days.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(6 * 3600));

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequest {
    /// The operator's own id of it: the same id is the same refund, once.
    pub refund_id: RefundId,
    /// Whose money.
    pub order_id: OrderId,
    /// How much of it.
    pub ask: RefundAsk,
    /// Who asks.
    pub actor: String,
    /// Why, if they say so.
    pub reason: Option<String>,
}

impl RefundRequest {
    /// Whether both ask for the same, whoever asks and why.
    #[must_use]
    pub fn is_the_same(&self, other: &Self) -> bool {
        (self.refund_id, self.order_id, &self.ask) == (other.refund_id, other.order_id, &other.ask)
    }
}

/// A refund that somebody saw at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRefund {
    /// Our id of it.
    pub refund_id: RefundId,
    /// Whose money.
    pub order_id: OrderId,
    /// The provider's id of it; none when our row has it.
    pub provider_refund: Option<String>,
}

/// Where a refund comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum RefundInput {
    /// An operator asks for it.
    AskedFor(RefundRequest),
    /// The provider has it.
    Seen(SeenRefund),
}

impl RefundInput {
    fn seen(&self) -> SeenRefund {
        match self {
            Self::AskedFor(request) => SeenRefund {
                refund_id: request.refund_id,
                order_id: request.order_id,
                provider_refund: None,
            },
            Self::Seen(seen) => seen.clone(),
        }
    }

    /// Our id of it.
    #[must_use]
    pub fn refund_id(&self) -> RefundId {
        self.seen().refund_id
    }

    /// Whose money.
    #[must_use]
    pub fn order_id(&self) -> OrderId {
        self.seen().order_id
    }
}

/// Says that the provider has said something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefundEvent {
    /// The provider's id of the event.
    pub event_id: String,
}

/// How a refund ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum RefundEnd {
    /// It is over.
    Over {
        /// How.
        state: RefundState,
    },
    /// It was never to be.
    Refused {
        /// Why.
        refusal: RefundRefusal,
    },
    /// This refund id was used for another request.
    IdReused,
    /// There is no such order.
    UnknownOrder,
    /// No money that was taken went back by it.
    NotCounted,
}

/// The workflow `refund`, id `refund/<refund_id>`.
#[workflow]
pub struct Refund {
    input: RefundInput,
    /// The provider said something that was not looked at yet.
    provider_spoke: bool,
}

#[workflow_methods]
impl Refund {
    #[init]
    fn new(_ctx: &WorkflowContextView, input: RefundInput) -> Self {
        Self { input, provider_spoke: false }
    }

    /// Gives the money back, or follows its way back, to the end. A refund can't be called off:
    /// cancelling this workflow is ignored.
    #[run(name = "refund")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<RefundEnd> {
        let standing = match ctx.state(|s| s.input.clone()) {
            RefundInput::AskedFor(request) => match Self::begin(ctx, request).await? {
                BegunRefund::Pending => Self::send(ctx).await?,
                BegunRefund::Ended { state } => return Ok(RefundEnd::Over { state }),
                BegunRefund::Refused { refusal } => return Ok(Self::refused(ctx, refusal)),
                BegunRefund::IdReused => return Ok(RefundEnd::IdReused),
                BegunRefund::UnknownOrder => return Ok(RefundEnd::UnknownOrder),
            },
            RefundInput::Seen(_) => Self::look(ctx).await?,
        };
        Self::follow(ctx, standing).await
    }

    /// Waits until the provider has decided: on its word, and by asking with growing pauses in
    /// case that word is lost.
    async fn follow(
        ctx: &WorkflowContext<Self>,
        mut standing: RefundStanding,
    ) -> WorkflowResult<RefundEnd> {
        let (mut pause, longest) = PAUSES;
        loop {
            match standing {
                RefundStanding::Pending => {
                    ctx.set_current_details(
                        "**Pending.** The provider has not moved the money yet.",
                    );
                    patience::for_word(ctx, pause, |s| s.provider_spoke).await;
                    pause = (pause * 2).min(longest);
                }
                RefundStanding::NotCounted => {
                    ctx.set_current_details(
                        "**Nothing to record.** No money that was taken went back by this.",
                    );
                    return Ok(RefundEnd::NotCounted);
                }
                decided @ (RefundStanding::Succeeded | RefundStanding::Failed { .. }) => {
                    let state = Self::finish(ctx, decided).await?;
                    if !ctx.state(|s| s.provider_spoke) {
                        return Ok(RefundEnd::Over { state });
                    }
                }
            }
            standing = Self::look(ctx).await?;
        }
    }

    async fn begin(
        ctx: &WorkflowContext<Self>,
        request: RefundRequest,
    ) -> WorkflowResult<BegunRefund> {
        let (actor, order) = (&request.actor, request.order_id);
        ctx.set_current_details(format!("{actor} asks for money of order {order} back."));
        let options = options::our_database("decide what goes back, and write it down");
        Ok(ctx.execute_local_activity(SagaActivities::begin_refund, request, options).await?)
    }

    async fn send(ctx: &WorkflowContext<Self>) -> WorkflowResult<RefundStanding> {
        ctx.set_current_details("**Decided.** Asking the provider to move the money.");
        let refund_id = ctx.state(|s| s.input.refund_id());
        let options = options::provider("have the provider give the money back", Duration::MAX);
        Ok(ctx.execute_activity(SagaActivities::send_refund, refund_id, options).await?)
    }

    async fn look(ctx: &WorkflowContext<Self>) -> WorkflowResult<RefundStanding> {
        let seen = ctx.state_mut(|s| {
            s.provider_spoke = false;
            s.input.seen()
        });
        let options = options::provider("ask where the refund stands", Duration::MAX);
        Ok(ctx.execute_activity(SagaActivities::look_at_refund, seen, options).await?)
    }

    async fn finish(
        ctx: &WorkflowContext<Self>,
        standing: RefundStanding,
    ) -> WorkflowResult<RefundState> {
        let refund_id = ctx.state(|s| s.input.refund_id());
        let finish = FinishRefund { refund_id, standing };
        let options = options::our_database("write down how it ended; units go back on the shelf");
        let state =
            ctx.execute_local_activity(SagaActivities::finish_refund, finish, options).await?;
        ctx.set_current_details(match state {
            RefundState::Succeeded => "**Refunded.** The money is back.",
            RefundState::Failed => "**Failed.** The provider did not move the money.",
            RefundState::Pending | RefundState::Refused => "**Nothing has changed.**",
        });
        Ok(state)
    }

    fn refused(ctx: &WorkflowContext<Self>, refusal: RefundRefusal) -> RefundEnd {
        let why = match &refusal {
            RefundRefusal::NotPaid { state } => format!("the order is {state}"),
            RefundRefusal::Disputed => "the payment is disputed".to_owned(),
            RefundRefusal::ExceedsPayment { left } => format!("only {left} is left of the payment"),
            RefundRefusal::ExceedsLine { units_left, .. } => {
                format!("only {units_left} units are left of a line")
            }
            RefundRefusal::UnknownLine { .. } => "the order has no such line".to_owned(),
            RefundRefusal::OtherCurrency { currency } => format!("the order is in {currency}"),
            RefundRefusal::NotPositive => "it comes to nothing".to_owned(),
        };
        ctx.set_current_details(format!("**Refused:** {why}. Nothing was sent to the provider."));
        RefundEnd::Refused { refusal }
    }

    /// The provider said something about this refund. A wake-up, never a fact.
    #[signal(name = "refund_event")]
    pub fn refund_event(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _event: RefundEvent) {
        self.provider_spoke = true;
    }
}
