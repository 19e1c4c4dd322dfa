//! Local activities that tests stop before they begin, and after they are done: see [`failpoints`].
//! Those of the provider tell Temporal meanwhile that they are being done, and stop themselves.

use temporalio_sdk::interceptors::{
    ActivityInboundInterceptor, ExecuteActivityInput, ExecuteActivityOutput, Next,
};

/// Runs each local activity between two points where a test may have it wait.
pub struct Stoppable;

impl ActivityInboundInterceptor for Stoppable {
    fn execute_activity<'a>(
        &'a self,
        input: ExecuteActivityInput,
        next: Next<'a, ExecuteActivityInput, ExecuteActivityOutput<'a>>,
    ) -> ExecuteActivityOutput<'a> {
        let info = input.activity_info();
        let listed = failpoints::ACTIVITIES.into_iter();
        let mut stoppable = listed.filter(|name| info.is_local && *name == info.activity_type);
        let Some(activity) = stoppable.next() else { return next.run(input) };
        let workflow = info.workflow_id.clone().unwrap_or_default();
        Box::pin(async move {
            failpoints::reached(["activity", activity, "before"], &[&workflow]).await;
            let done = next.run(input).await;
            failpoints::reached(["activity", activity, "after"], &[&workflow]).await;
            done
        })
    }
}
