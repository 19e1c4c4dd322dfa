//! What the API asks of Temporal: start, describe, update; each within a time that a shopper
//! waits.

use std::{
    pin::pin,
    time::{Duration, Instant, SystemTime},
};

use domain::{OrderId, PayRefusal};
use temporalio_client::{
    Client, RetryOptions, RpcOptions, WorkflowDescribeOptions, WorkflowExecuteUpdateOptions,
    WorkflowExecutionStatus, WorkflowGetResultOptions, WorkflowIdConflictPolicy,
    WorkflowIdReusePolicy, WorkflowStartOptions,
    errors::{WorkflowInteractionError, WorkflowStartError, WorkflowUpdateError},
    tonic::{Code, IntoRequest},
};
use temporalio_common::{
    MemoValues,
    protos::temporal::api::{
        enums::v1::TaskQueueType,
        taskqueue::v1::TaskQueue,
        workflowservice::v1::{DescribeTaskQueueRequest, GetSystemInfoRequest},
    },
    search_attributes::SearchAttributes,
};
use workflows::{
    CancelAnswer, ChangeOutcome, ChangeRequest, Checkout, CheckoutInput, CheckoutMemo, Operator,
    Pay, PayAnswer, Reconcile, ReconcileInput, Refund, RefundInput, RefundRequest, TASK_QUEUE,
    reconcile,
    search::{CHECKOUT_STATE, HOLD_EXPIRES_AT, ORDER_ID, ORDER_TOTAL, about},
};

use uuid::Uuid;

use crate::problem::{Answer, Kind, Problem};

/// How long one request to Temporal may take, its retries included.
const PATIENCE: Duration = Duration::from_millis(1_400);
/// How long a start may take: longer, since a burst of shoppers queues in Temporal. A Temporal that
/// is down refuses at once, and one that is silent is not waited for.
const START_PATIENCE: Duration = Duration::from_secs(4);
/// How long an update may take: the worker has to take it.
const UPDATE_PATIENCE: Duration = Duration::from_secs(5);
/// After how long without an answer Temporal is asked whether it is there at all.
const SEEMS_SILENT_AFTER: Duration = Duration::from_secs(1);
/// How long it may take to say that it is: it needs to look nothing up for that.
const SAYS_SO_WITHIN: Duration = Duration::from_millis(600);

/// How long an operator's change may take.
const CHANGE_PATIENCE: Duration = Duration::from_secs(8);

/// The connection to Temporal.
#[derive(Clone)]
pub struct Temporal(pub Client);

/// The workflow of an order that was started.
pub struct Begun {
    /// What it was started with.
    pub memo: CheckoutMemo,
    /// Whether it was ended from outside, or failed. An order that is not written is over then.
    pub by_force: bool,
}

/// Whether this request started the workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It did.
    Now,
    /// Another one had.
    Before,
}

impl Temporal {
    /// Starts the workflow of a checkout, unless there was one.
    pub async fn start_checkout(
        &self,
        input: CheckoutInput,
        memo: CheckoutMemo,
        summary: String,
    ) -> Answer<Started> {
        self.start_checkout_if(WorkflowIdReusePolicy::RejectDuplicate, input, memo, summary).await
    }

    /// Starts the workflow of a checkout once more, if the last one was ended from outside.
    pub async fn start_checkout_again(
        &self,
        input: CheckoutInput,
        memo: CheckoutMemo,
        summary: String,
    ) -> Answer<Started> {
        let policy = WorkflowIdReusePolicy::AllowDuplicateFailedOnly;
        self.start_checkout_if(policy, input, memo, summary).await
    }

    async fn start_checkout_if(
        &self,
        policy: WorkflowIdReusePolicy,
        input: CheckoutInput,
        memo: CheckoutMemo,
        summary: String,
    ) -> Answer<Started> {
        let ends = SystemTime::now() + Duration::from_millis(input.hold_ttl_ms);
        let mut memos = MemoValues::new();
        let total = memo.total.amount;
        memos.insert(CheckoutMemo::KEY, memo);
        let options = WorkflowStartOptions::new(TASK_QUEUE, input.order_id.workflow_id())
            .id_reuse_policy(policy)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .enable_eager_workflow_start(true)
            .search_attributes(SearchAttributes::new([
                CHECKOUT_STATE.value_set("awaiting_payment".to_owned()),
                ORDER_TOTAL.value_set(total),
                HOLD_EXPIRES_AT.value_set(ends.into()),
                ORDER_ID.value_set(input.order_id.to_string()),
            ]))
            .memo(memos)
            .static_summary(summary)
            .rpc_options(rpc(START_PATIENCE))
            .build();
        let order = input.order_id;
        failpoints::reached(["api", "start", "before"], &[&order]).await;
        let start = self.0.start_workflow(Checkout::run, input, options);
        let started = self.unless_silent(START_PATIENCE, start).await?;
        failpoints::reached(["api", "start", "after"], &[&order]).await;
        match started {
            Ok(_) => Ok(Started::Now),
            Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(Started::Before),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The workflow of an order, if one was started.
    pub async fn begun(&self, order: OrderId) -> Answer<Option<Begun>> {
        let handle = self.0.get_workflow_handle::<Checkout>(order.workflow_id());
        let options = WorkflowDescribeOptions::builder().rpc_options(rpc(PATIENCE)).build();
        let description = match within(PATIENCE, handle.describe(options)).await? {
            Ok(description) => description,
            Err(WorkflowInteractionError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(unavailable(&error)),
        };
        let by_force = matches!(
            description.status(),
            WorkflowExecutionStatus::Terminated
                | WorkflowExecutionStatus::Failed
                | WorkflowExecutionStatus::Canceled
                | WorkflowExecutionStatus::TimedOut
        );
        let memo = description.memo().get(CheckoutMemo::KEY).map_err(|error| {
            tracing::error!(%order, ?error, "a workflow's memo can't be read");
            Problem::new(Kind::Internal)
        })?;
        Ok(memo.map(|memo| Begun { memo, by_force }))
    }

    /// Hands a try to pay to the order's workflow. None when there is no open one.
    pub async fn pay(&self, order: OrderId, pay: Pay) -> Answer<Option<PayAnswer>> {
        let options = WorkflowExecuteUpdateOptions::builder()
            .update_id(pay.attempt_id.to_string())
            .rpc_options(rpc(UPDATE_PATIENCE))
            .build();
        let handle = self.0.get_workflow_handle::<Checkout>(order.workflow_id());
        failpoints::reached(["api", "pay", "before"], &[&order]).await;
        let update = handle.execute_update(Checkout::pay, pay, options);
        let answer = self.unless_silent(UPDATE_PATIENCE, update).await?;
        failpoints::reached(["api", "pay", "after"], &[&order]).await;
        updated(answer)
    }

    /// Calls the order off. None when there is no open workflow.
    pub async fn cancel(&self, order: OrderId) -> Answer<Option<CancelAnswer>> {
        // Once called off, or bought, an order stays so: however many ask, it is one update.
        let options = WorkflowExecuteUpdateOptions::builder()
            .update_id("cancel".to_owned())
            .rpc_options(rpc(UPDATE_PATIENCE))
            .build();
        let handle = self.0.get_workflow_handle::<Checkout>(order.workflow_id());
        failpoints::reached(["api", "cancel", "before"], &[&order]).await;
        let update = handle.execute_update(Checkout::cancel, (), options);
        let answer = self.unless_silent(UPDATE_PATIENCE, update).await?;
        failpoints::reached(["api", "cancel", "after"], &[&order]).await;
        updated(answer)
    }

    /// Makes an operator's change, once, and answers what came of it.
    pub async fn change(&self, request: ChangeRequest) -> Answer<ChangeOutcome> {
        let deadline = Instant::now() + CHANGE_PATIENCE;
        // Of many who ask for one change at once each has its turn.
        while Instant::now() < deadline {
            let options = WorkflowStartOptions::new(TASK_QUEUE, request.workflow_id())
                .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
                .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
                .enable_eager_workflow_start(true)
                .static_summary(request.summary())
                .maybe_search_attributes(request.change.order_id().map(about))
                .rpc_options(rpc(PATIENCE))
                .build();
            let change = request.workflow_id();
            failpoints::reached(["api", "change", "before"], &[&change]).await;
            let started = self.0.start_workflow(Operator::run, request.clone(), options);
            let started = within(PATIENCE, started).await?;
            failpoints::reached(["api", "change", "after"], &[&change]).await;
            match started {
                Ok(handle) => {
                    let result = handle.get_result(WorkflowGetResultOptions::default());
                    let result = within(CHANGE_PATIENCE, result).await?;
                    return result.map_err(|error| unavailable(&error));
                }
                Err(WorkflowStartError::AlreadyStarted { .. }) => {
                    // Under way, perhaps for another request: the next run finds what it did.
                    let handle = self.0.get_workflow_handle::<Operator>(request.workflow_id());
                    let result = handle.get_result(WorkflowGetResultOptions::default());
                    drop(within(CHANGE_PATIENCE, result).await?);
                }
                Err(error) => return Err(unavailable(&error)),
            }
        }
        Err(Problem::new(Kind::TemporalUnavailable).retry_after(1))
    }

    /// Starts the workflow of a refund, unless it runs.
    pub async fn refund(&self, request: RefundRequest) -> Answer<()> {
        let reason = request.reason.as_deref().unwrap_or("no reason given");
        let summary = format!("Refund of order {}: {reason}", request.order_id);
        let options = WorkflowStartOptions::new(TASK_QUEUE, request.refund_id.workflow_id())
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .enable_eager_workflow_start(true)
            .static_summary(summary.chars().take(200).collect::<String>())
            .search_attributes(about(request.order_id))
            .rpc_options(rpc(PATIENCE))
            .build();
        let refund = request.refund_id;
        failpoints::reached(["api", "refund", "before"], &[&refund]).await;
        let input = RefundInput::AskedFor(request);
        let started = within(PATIENCE, self.0.start_workflow(Refund::run, input, options)).await?;
        failpoints::reached(["api", "refund", "after"], &[&refund]).await;
        match started {
            Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Starts a reconciliation that `actor` wants, unless one that was asked for runs; answers which
    /// run it is.
    pub async fn reconcile(&self, actor: &str) -> Answer<Uuid> {
        let options = WorkflowStartOptions::new(TASK_QUEUE, reconcile::NOW_ID)
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .static_summary(format!("Asked for by {actor}"))
            .rpc_options(rpc(PATIENCE))
            .build();
        let input = ReconcileInput { asked_by: Some(actor.to_owned()) };
        let started = self.0.start_workflow(Reconcile::run, input, options);
        let handle = within(PATIENCE, started).await?.map_err(|error| unavailable(&error))?;
        let run_id = handle.run_id().and_then(|id| id.parse().ok());
        run_id.ok_or_else(|| Problem::new(Kind::Internal))
    }

    /// How many workers look for workflows to run.
    pub async fn workers(&self) -> Answer<usize> {
        let request = DescribeTaskQueueRequest {
            namespace: self.0.options().namespace.clone(),
            task_queue: Some(TaskQueue { name: TASK_QUEUE.to_owned(), ..TaskQueue::default() }),
            task_queue_type: TaskQueueType::Workflow.into(),
            ..DescribeTaskQueueRequest::default()
        };
        let mut service = self.0.connection().workflow_service();
        let described = within(PATIENCE, service.describe_task_queue(request.into_request()));
        let described = described.await?.map_err(|error| unavailable(&error))?;
        Ok(described.into_inner().pollers.len())
    }

    /// Whether the schedule of reconciliations is paused, and when it begins the next.
    pub async fn schedule(&self) -> Answer<(bool, Option<SystemTime>)> {
        let handle = self.0.get_schedule_handle(reconcile::SCHEDULE_ID);
        let described = within(PATIENCE, handle.describe(rpc(PATIENCE))).await?;
        let described = described.map_err(|error| unavailable(&error))?;
        Ok((described.paused(), described.future_action_times().first().copied()))
    }

    /// Waits for the answer to `call`, up to `limit` while Temporal is busy, and no longer than a
    /// shopper waits once it is silent.
    async fn unless_silent<T>(&self, limit: Duration, call: impl Future<Output = T>) -> Answer<T> {
        let mut answer = pin!(within(limit, call));
        if let Ok(answer) = tokio::time::timeout(SEEMS_SILENT_AFTER, &mut answer).await {
            return answer;
        }
        tokio::select! {
            answer = &mut answer => answer,
            silent = self.falls_silent() => Err(silent),
        }
    }

    /// Comes back only when Temporal does not say that it is there.
    async fn falls_silent(&self) -> Problem {
        let mut service = self.0.connection().workflow_service();
        let asked = service.get_system_info(GetSystemInfoRequest {}.into_request());
        match within(SAYS_SO_WITHIN, asked).await {
            Ok(Ok(_)) => std::future::pending().await,
            Ok(Err(error)) => unavailable(&error),
            Err(silent) => silent,
        }
    }

    /// Whether Temporal answers.
    pub async fn is_reachable(&self) -> bool {
        let handle = self.0.get_workflow_handle::<Checkout>("checkout/is-temporal-there");
        let options =
            WorkflowDescribeOptions::builder().rpc_options(rpc(Duration::from_secs(1))).build();
        let described = within(Duration::from_secs(1), handle.describe(options)).await;
        matches!(described, Ok(Ok(_) | Err(WorkflowInteractionError::NotFound(_))))
    }
}

fn updated<T>(answer: Result<T, WorkflowUpdateError>) -> Answer<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(WorkflowUpdateError::NotFound(_)) => Ok(None),
        // The workflow ended, or the update came as it did: the order's row knows more.
        Err(WorkflowUpdateError::Failed(failure)) => {
            tracing::info!(failure = failure.message, "an update was not taken");
            Ok(None)
        }
        Err(WorkflowUpdateError::Rpc(status)) if status.code() == Code::NotFound => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

fn rpc(limit: Duration) -> RpcOptions {
    let retries = RetryOptions::builder()
        .initial_interval(Duration::from_millis(50))
        .max_elapsed_time(Some(limit))
        .max_retries(4)
        .build();
    RpcOptions::builder().timeout(limit).retry_options(retries).build()
}

async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Answer<T> {
    tokio::time::timeout(limit, call).await.map_err(|_| {
        tracing::warn!(?limit, "Temporal did not answer in time");
        Problem::new(Kind::TemporalUnavailable).retry_after(2)
    })
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::warn!(error = format!("{error:?}"), "Temporal");
    Problem::new(Kind::TemporalUnavailable).retry_after(2)
}

impl From<PayRefusal> for Kind {
    fn from(refusal: PayRefusal) -> Self {
        match refusal {
            PayRefusal::StillReserving | PayRefusal::AlreadyUnderWay => Self::StillReserving,
            PayRefusal::HoldEnded => Self::HoldEnded,
            PayRefusal::TooManyAttempts => Self::TooManyAttempts,
        }
    }
}
