//! What has to be true when all is over, of everything that a soak has shaken.

use serde_json::Value;
use system_tests::{Told, broken_invariants, verdict_on};

use crate::{quiet::Reader, report::Report};

/// Looks at everything; answers what is known of the orders that something is wrong with.
pub async fn reach(
    reader: &Reader<'_>,
    told: &[Told],
    report: &Report,
) -> anyhow::Result<Vec<Value>> {
    let verdict = verdict_on(&reader.books, told, reader.stocked).await?;
    for (state, many) in &verdict.ended {
        report.count(&format!("orders that ended {state}"), *many);
    }
    for broken in &verdict.broken {
        report.broken(broken);
    }
    workflows(reader, report).await?;
    let shop = reader.shop;
    if let Some(said) = broken_invariants(shop.database_url(), shop.sandbox_url()).await {
        report.broken(&format!("the database: {said}"));
    }
    for found in reader.books.reconcile().await? {
        report.broken(&found);
    }
    Ok(verdict.wrong)
}

/// No workflow ended in another way than by coming to its end.
async fn workflows(reader: &Reader<'_>, report: &Report) -> anyhow::Result<()> {
    let query = "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')";
    for workflow in reader.workflows(query).await? {
        report.broken(&format!("workflow {workflow} did not end well"));
    }
    Ok(())
}
