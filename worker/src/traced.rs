//! Activities in logs and traces: each is a span, of its order's trace where it works for one.

use startup::traces::belongs_to_order;
use temporalio_sdk::interceptors::{
    ActivityInboundInterceptor, ExecuteActivityInput, ExecuteActivityOutput, Next,
};
use tracing::Instrument;
use uuid::Uuid;

/// Runs each activity in a span.
pub struct Traced;

impl ActivityInboundInterceptor for Traced {
    fn execute_activity<'a>(
        &'a self,
        input: ExecuteActivityInput,
        next: Next<'a, ExecuteActivityInput, ExecuteActivityOutput<'a>>,
    ) -> ExecuteActivityOutput<'a> {
        let info = input.activity_info();
        let workflow = info.workflow_id.as_deref().unwrap_or_default();
        let span = tracing::info_span!(
            "activity",
            otel.name = info.activity_type,
            workflow_id = workflow,
            attempt = info.attempt,
        );
        if let Some(order) = order_of(workflow) {
            belongs_to_order(&span, order);
        }
        Box::pin(next.run(input).instrument(span))
    }
}

/// The order that a workflow of this id is for.
fn order_of(workflow: &str) -> Option<Uuid> {
    let (kind, id) = workflow.split_once('/')?;
    matches!(kind, "checkout" | "conclude").then(|| id.parse().ok()).flatten()
}
