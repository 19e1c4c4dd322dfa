//! What tests ask of Temporal itself.

use std::time::Duration;

use futures::TryStreamExt;
use system_tests::{Shop, eventually};
use temporalio_client::{
    Client, UntypedWorkflow, UntypedWorkflowHandle, WorkflowCancelOptions, WorkflowDescribeOptions,
    WorkflowExecution, WorkflowExecutionDescription, WorkflowExecutionStatus,
    WorkflowFetchHistoryOptions, WorkflowHistory, WorkflowListOptions, WorkflowStartOptions,
    WorkflowTerminateOptions, errors::WorkflowInteractionError, schedules::PauseScheduleOptions,
    tonic::IntoRequest,
};
use temporalio_common::protos::temporal::api::{
    common::v1,
    history::v1::{HistoryEvent, history_event::Attributes},
    workflowservice::v1::DeleteWorkflowExecutionRequest,
};
use uuid::Uuid;
use workflows::{Checkout, CheckoutInput, TASK_QUEUE};

use super::{replayer::assert_replays, worker::temporal_of};

/// How long Temporal may take to do what it was told.
pub const SOON: Duration = Duration::from_mins(1);
/// How long it may take to forget a workflow that has just ended. It deletes none before it has
/// noted that everything about its end was done, and it makes such notes twice a minute.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(90);

/// The shop's namespace.
#[derive(Clone)]
pub struct Temporal(pub Client);

/// The id of an order's workflow.
pub fn checkout(order: Uuid) -> String {
    domain::OrderId(order).workflow_id()
}

impl Temporal {
    /// Connects to the shop's namespace.
    pub async fn of(shop: &Shop) -> Self {
        Self(temporal_of(shop).await)
    }

    /// Has no reconciliation begin by itself, which would be ahead of the test.
    pub async fn pause_reconciliations(&self) {
        let schedule = self.0.get_schedule_handle("reconcile");
        schedule.pause(Some("a test"), PauseScheduleOptions::default()).await.unwrap();
    }

    fn workflow(&self, id: &str) -> UntypedWorkflowHandle<Client> {
        self.0.get_workflow_handle::<UntypedWorkflow>(id)
    }

    /// Everything that has happened to a workflow, to be read or kept.
    pub fn history(&self, id: &str) -> WorkflowHistory {
        self.workflow(id).fetch_history(WorkflowFetchHistoryOptions::default())
    }

    /// Everything that has happened to a workflow.
    pub async fn events(&self, id: &str) -> Vec<HistoryEvent> {
        let events = self.history(id).into_events().await;
        events.unwrap_or_else(|error| panic!("the history of {id}: {error}"))
    }

    /// The workflow as it is now, if Temporal knows it.
    pub async fn describe(&self, id: &str) -> Option<WorkflowExecutionDescription> {
        match self.workflow(id).describe(WorkflowDescribeOptions::default()).await {
            Ok(description) => Some(description),
            Err(WorkflowInteractionError::NotFound(_)) => None,
            Err(error) => panic!("describe {id}: {error}"),
        }
    }

    /// Waits until a workflow has ended, and says how.
    pub async fn ended(&self, id: &str) -> WorkflowExecutionStatus {
        eventually(&format!("{id} has ended"), SOON, || async {
            let status = self.describe(id).await?.status();
            (status != WorkflowExecutionStatus::Running).then_some(status)
        })
        .await
    }

    /// Waits until a search finds workflows; answers them.
    pub async fn found(&self, query: &str) -> Vec<WorkflowExecution> {
        eventually(&format!("Temporal finds {query}"), SOON, || async {
            let found = self.0.list_workflows(query, WorkflowListOptions::default());
            let found: Vec<_> = found.try_collect().await.expect(query);
            (!found.is_empty()).then_some(found)
        })
        .await
    }

    /// Asks a workflow to cancel, as the button in Temporal's UI does.
    pub async fn request_cancel(&self, id: &str) {
        let options = WorkflowCancelOptions::builder().reason("a test").build();
        self.workflow(id).cancel(options).await.unwrap();
    }

    /// Ends a workflow where it stands.
    pub async fn terminate(&self, id: &str) {
        let options = WorkflowTerminateOptions::builder().reason("a test").build();
        self.workflow(id).terminate(options).await.unwrap();
    }

    /// Has Temporal forget a workflow, as it does when the retention of a closed one is over.
    pub async fn forget(&self, id: &str) {
        let request = DeleteWorkflowExecutionRequest {
            namespace: self.0.options().namespace.clone(),
            workflow_execution: Some(v1::WorkflowExecution {
                workflow_id: id.to_owned(),
                run_id: String::new(),
            }),
        };
        let mut service = self.0.connection().workflow_service();
        service.delete_workflow_execution(request.into_request()).await.unwrap();
        eventually(&format!("{id} is forgotten"), FORGOTTEN_WITHIN, || async {
            self.describe(id).await.is_none().then_some(())
        })
        .await;
    }

    /// What a checkout was started with.
    pub async fn input_of(&self, id: &str) -> CheckoutInput {
        let events = self.events(id).await;
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            &events[0].attributes
        else {
            panic!("{id} begins with {:?}", events[0].event_type());
        };
        serde_json::from_slice(&started.input.as_ref().unwrap().payloads[0].data).unwrap()
    }

    /// What an activity of a workflow was last asked, once it was.
    pub async fn asked_of(&self, id: &str, activity: &str) -> serde_json::Value {
        eventually(&format!("{id} asks {activity}"), SOON, || async {
            let events = self.events(id).await;
            let asked = events.into_iter().rev().find_map(|event| match event.attributes {
                Some(Attributes::ActivityTaskScheduledEventAttributes(asked))
                    if asked.activity_type.as_ref().is_some_and(|kind| kind.name == activity) =>
                {
                    asked.input
                }
                _ => None,
            })?;
            Some(serde_json::from_slice(&asked.payloads[0].data).unwrap())
        })
        .await
    }

    /// Starts a checkout past the API.
    pub async fn start(&self, input: CheckoutInput) {
        let options = WorkflowStartOptions::new(TASK_QUEUE, input.order_id.workflow_id()).build();
        self.0.start_workflow(Checkout::run, input, options).await.unwrap();
    }

    /// What has happened to these workflows fits the code that it has happened to.
    pub async fn assert_replays(&self, ids: &[String]) {
        let one = |id: &String| (id.clone(), self.history(id));
        assert_replays(ids.iter().map(one).collect()).await;
    }
}
