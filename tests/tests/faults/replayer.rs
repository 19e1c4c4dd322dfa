//! Replays what has happened against the workflows as they are now.

use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{
    WorkflowReplayer, WorkflowReplayerOptions, WorkflowReplayerOptionsBuilder as Builder,
};
use workflows::{Checkout, Conclude, Dispute, Operator, Reconcile, Refund, Settle};

/// Replays each history; panics naming those that the workflows' code does not fit any more.
pub async fn assert_replays(histories: Vec<(String, WorkflowHistory)>) {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<Checkout>()
        .and_then(Builder::register_workflow::<Settle>)
        .and_then(Builder::register_workflow::<Operator>)
        .and_then(Builder::register_workflow::<Refund>)
        .and_then(Builder::register_workflow::<Dispute>)
        .and_then(Builder::register_workflow::<Conclude>)
        .and_then(Builder::register_workflow::<Reconcile>)
        .expect("each workflow is registered once")
        .build();
    let replayer = WorkflowReplayer::new(options).expect("there are workflows to replay");
    let (names, histories): (Vec<_>, Vec<_>) = histories.into_iter().unzip();
    let results = replayer.replay_workflows(histories).await.expect("the replayer runs");
    assert_eq!(results.len(), names.len(), "each history was replayed");
    let failed: Vec<_> = names
        .iter()
        .zip(&results)
        .filter_map(|(name, result)| Some(format!("{name}: {}", result.replay_failure.as_ref()?)))
        .collect();
    assert!(failed.is_empty(), "do not replay any more:\n{}", failed.join("\n"));
}
