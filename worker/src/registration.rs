//! What Temporal has to know before it takes a workflow of ours: the namespace, the search
//! attributes in it, and the schedule that begins reconciliations.

use std::{collections::HashMap, time::Duration};

use anyhow::Context;
use temporalio_client::{
    Client,
    schedules::{
        CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleOverlapPolicy, ScheduleSpec,
    },
    tonic::{Code, IntoRequest},
};
use temporalio_common::protos::temporal::api::{
    enums::v1::IndexedValueType,
    operatorservice::v1::{AddSearchAttributesRequest, ListSearchAttributesRequest},
    workflowservice::v1::{DescribeNamespaceRequest, RegisterNamespaceRequest},
};
use workflows::{
    Reconcile, ReconcileInput, TASK_QUEUE, reconcile,
    search::{CHECKOUT_STATE, HOLD_EXPIRES_AT, ORDER_ID, ORDER_TOTAL},
};

/// How long Temporal keeps workflows that have ended. Nothing of ours depends on it: Postgres
/// remembers every order for good.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Makes the namespace, if Temporal has none of this name.
///
/// # Errors
/// When Temporal refuses.
pub async fn make_namespace(client: &Client) -> anyhow::Result<()> {
    let namespace = client.options().namespace.clone();
    let describe = DescribeNamespaceRequest { namespace: namespace.clone(), ..Default::default() };
    let mut service = client.connection().workflow_service();
    match service.describe_namespace(describe.into_request()).await {
        Ok(_) => return Ok(()),
        Err(error) if error.code() == Code::NotFound => {}
        Err(error) => return Err(error).context("ask Temporal for the namespace"),
    }
    let request = RegisterNamespaceRequest {
        namespace: namespace.clone(),
        description: "Holdfast: durable checkout".to_owned(),
        workflow_execution_retention_period: Some(RETENTION.try_into()?),
        ..Default::default()
    };
    match service.register_namespace(request.into_request()).await {
        Err(error) if error.code() != Code::AlreadyExists => {
            Err(error).with_context(|| format!("make the Temporal namespace '{namespace}'"))
        }
        _ => Ok(()),
    }
}

/// Registers ours, if they are not registered, and waits until Temporal knows them.
///
/// # Errors
/// When Temporal refuses.
pub async fn register_search_attributes(client: &Client) -> anyhow::Result<()> {
    let wanted = HashMap::from([
        (CHECKOUT_STATE.name().to_owned(), IndexedValueType::Keyword as i32),
        (ORDER_TOTAL.name().to_owned(), IndexedValueType::Int as i32),
        (HOLD_EXPIRES_AT.name().to_owned(), IndexedValueType::Datetime as i32),
        (ORDER_ID.name().to_owned(), IndexedValueType::Keyword as i32),
    ]);
    for _ in 0..120 {
        let Some(known) = known(client).await? else {
            // A namespace that was just made is not known to every part of Temporal at once.
            tokio::time::sleep(Duration::from_millis(250)).await;
            continue;
        };
        let missing: HashMap<_, _> =
            wanted.iter().filter(|(name, _)| !known.contains_key(*name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let request = AddSearchAttributesRequest {
            namespace: client.options().namespace.clone(),
            search_attributes: missing
                .into_iter()
                .map(|(name, &kind)| (name.clone(), kind))
                .collect(),
        };
        // Somebody else may be registering them too: what counts is that they are known.
        let added = client
            .connection()
            .operator_service()
            .add_search_attributes(request.into_request())
            .await;
        if let Err(error) = added {
            tracing::debug!(%error, "registering search attributes");
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    anyhow::bail!(
        "Temporal does not take the search attributes of namespace '{}'",
        client.options().namespace
    )
}

/// Makes the schedule of reconciliations, if there is none. One that an operator has paused or
/// changed in the Temporal UI stays as it is.
///
/// # Errors
/// When Temporal refuses.
pub async fn make_schedule(client: &Client) -> anyhow::Result<()> {
    let action = ScheduleAction::start_workflow(
        Reconcile::run,
        ReconcileInput::default(),
        TASK_QUEUE,
        reconcile::SCHEDULE_ID,
    );
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(ScheduleSpec::from_interval(reconcile::EVERY))
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .note("Holds orders, workflows and the provider's books against each other.")
        .build();
    match client.create_schedule(reconcile::SCHEDULE_ID, options).await {
        Err(ScheduleError::Rpc(error)) if error.code() == Code::AlreadyExists => Ok(()),
        made => made.map(drop).context("make the schedule of reconciliations"),
    }
}

/// The search attributes that the namespace has; none while Temporal does not know of it.
async fn known(client: &Client) -> anyhow::Result<Option<HashMap<String, i32>>> {
    let request = ListSearchAttributesRequest { namespace: client.options().namespace.clone() };
    let mut operator = client.connection().operator_service();
    match operator.list_search_attributes(request.into_request()).await {
        Ok(listed) => Ok(Some(listed.into_inner().custom_attributes)),
        Err(error) if error.code() == Code::NotFound => Ok(None),
        Err(error) => Err(error).context("ask Temporal for its search attributes"),
    }
}
