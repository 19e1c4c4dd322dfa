//! Events about money that goes back: each wakes the workflow that looks for itself, which is
//! started where there is none.

use activities::{
    Database,
    inbox::{DueEvent, Outcome},
    refunds,
};
use anyhow::Context;
use domain::{OrderId, RefundState};
use temporalio_client::{
    Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions,
};
use workflows::{
    Dispute, Refund, RefundEvent, RefundInput, SeenDispute, SeenRefund, TASK_QUEUE, search::about,
};

/// Wakes the workflow of a refund. One that was made at the provider gets an id that is made from
/// the provider's.
pub(super) async fn refund(
    database: &Database,
    client: &Client,
    event: &DueEvent,
    order: OrderId,
) -> anyhow::Result<Outcome> {
    let object = event.object.as_ref().context("the event names no refund")?;
    let (refund_id, state) =
        refunds::known_as(database.pool(), order, &object.id, object.says()).await?;
    // That it was made is no news of a refund that is over.
    if event.event_type == "refund.created" && state.is_some_and(is_over) {
        return Ok(Outcome::Known);
    }
    let provider_refund = Some(object.id.clone());
    let seen = SeenRefund { refund_id, order_id: order, provider_refund };
    let options = options(refund_id.workflow_id(), format!("A refund of order {order}"), order);
    let said = RefundEvent { event_id: event.event_id.clone() };
    client
        .signal_with_start_workflow(
            Refund::run,
            RefundInput::Seen(seen),
            Refund::refund_event,
            said,
            options,
        )
        .await
        .context("tell the refund's workflow")?;
    Ok(Outcome::Delivered)
}

/// Wakes the workflow of a dispute.
pub(super) async fn dispute(
    client: &Client,
    event: &DueEvent,
    order: OrderId,
) -> anyhow::Result<Outcome> {
    let object = event.object.as_ref().context("the event names no dispute")?;
    let seen = SeenDispute { dispute_id: object.id.clone(), order_id: order };
    let options = options(seen.workflow_id(), format!("A dispute of order {order}"), order);
    let said = RefundEvent { event_id: event.event_id.clone() };
    client
        .signal_with_start_workflow(Dispute::run, seen, Dispute::dispute_event, said, options)
        .await
        .context("tell the dispute's workflow")?;
    Ok(Outcome::Delivered)
}

const fn is_over(state: RefundState) -> bool {
    match state {
        RefundState::Pending => false,
        RefundState::Succeeded | RefundState::Failed | RefundState::Refused => true,
    }
}

fn options(workflow_id: String, summary: String, order: OrderId) -> WorkflowStartOptions {
    WorkflowStartOptions::new(TASK_QUEUE, workflow_id)
        .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .static_summary(summary)
        .search_attributes(about(order))
        .build()
}
