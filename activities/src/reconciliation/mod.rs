//! Reconciliation: each side is only looked at here; what puts a finding right is a workflow that
//! the workflow `reconcile` begins.

mod books;
mod orders;
mod progress;
mod record;
mod stock;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use temporalio_client::Client;
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError},
};
use uuid::Uuid;
use workflows::{
    Finding, FindingKind, ReconcileInput, Repair,
    activities::{Checked, RecordFinding, declared},
};

use self::{books::Books, progress::Kept};
use crate::{Database, Provider, payments::PaymentError};

/// The most repairs that one run begins of either side, the most findings for a person, and the most
/// whose repair is under way: the next run goes on.
const MOST_FINDINGS: usize = 200;

/// What one side has brought so far. What nothing can repair, or what somebody is at already, is
/// there again in every run, and must not keep a run from coming to what can be repaired.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Findings {
    list: Vec<Finding>,
    for_a_person: usize,
    under_way: usize,
}

impl Findings {
    /// Adds a finding, after asking whether its repair runs already.
    async fn add(&mut self, client: &Client, finding: Finding) -> Result<(), CheckError> {
        let is_under_way = match &finding.repair {
            Some(repair) => orders::is_running(client, repair.workflow_id()).await?,
            None => false,
        };
        self.put(finding, is_under_way);
        Ok(())
    }

    fn put(&mut self, finding: Finding, is_under_way: bool) {
        let limited = match finding.repair {
            None => Some(&mut self.for_a_person),
            Some(_) => is_under_way.then_some(&mut self.under_way),
        };
        if let Some(listed) = limited {
            if *listed == MOST_FINDINGS {
                let (kind, subject) = (finding.kind.as_str(), &finding.subject);
                tracing::warn!(kind, subject, finding.detail, "a finding too many to list");
                return;
            }
            *listed += 1;
        }
        self.list.push(finding);
    }

    /// Whether there is as much to begin as one run takes on.
    fn is_enough(&self) -> bool {
        self.list.len() - self.for_a_person - self.under_way >= MOST_FINDINGS
    }
}

/// What the activities of reconciliation work with.
pub struct Reconciler {
    database: Database,
    provider: Provider,
    client: Client,
}

impl Reconciler {
    /// Activities that hold `database`, `provider` and the workflows of `client` against each
    /// other.
    #[must_use]
    pub const fn new(database: Database, provider: Provider, client: Client) -> Self {
        Self { database, provider, client }
    }
}

#[activities]
impl Reconciler {
    #[activity(definition = declared::BeginReconciliation)]
    pub async fn begin_reconciliation(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: ReconcileInput,
    ) -> Result<(), ActivityError> {
        let run = run_id(&ctx)?;
        record::begin(self.database.pool(), run, &input).await.map_err(surprise)
    }

    #[activity(definition = declared::CheckOrders)]
    pub async fn check_orders(
        self: Arc<Self>,
        ctx: ActivityContext,
        _input: ReconcileInput,
    ) -> Result<Checked, ActivityError> {
        with_heartbeat(&ctx, || (), async {
            let mut checked = orders::check(self.database.pool(), &self.client).await?;
            checked.findings.extend(stock::check(self.database.pool()).await);
            Ok(checked)
        })
        .await
    }

    #[activity(definition = declared::CheckPayments)]
    pub async fn check_payments(
        self: Arc<Self>,
        ctx: ActivityContext,
        _input: ReconcileInput,
    ) -> Result<Checked, ActivityError> {
        let kept = Kept::after(ctx.heartbeat_details().deserialize().ok().flatten());
        let books =
            Books { pool: self.database.pool(), provider: &self.provider, client: &self.client };
        with_heartbeat(&ctx, || kept.progress(), books.check(&kept)).await
    }

    #[activity(definition = declared::RecordFinding)]
    pub async fn record_finding(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: RecordFinding,
    ) -> Result<(), ActivityError> {
        let run = run_id(&ctx)?;
        record::finding(self.database.pool(), run, &input).await.map_err(surprise)
    }

    #[activity(definition = declared::FinishReconciliation)]
    pub async fn finish_reconciliation(
        self: Arc<Self>,
        ctx: ActivityContext,
        (orders, payments): (u64, u64),
    ) -> Result<(), ActivityError> {
        let run = run_id(&ctx)?;
        record::finish(self.database.pool(), run, orders, payments).await.map_err(surprise)
    }
}

/// A run of the workflow is a run of the reconciliation.
fn run_id(ctx: &ActivityContext) -> Result<Uuid, ActivityError> {
    let id = ctx.info().workflow_run_id.as_deref().and_then(|id| id.parse().ok());
    id.ok_or_else(|| surprise(anyhow::anyhow!("Temporal names its runs in another way now")))
}

/// Does `work` while telling Temporal that it is being done, and how far it has come.
async fn with_heartbeat<T: Serialize + Send + Sync + 'static>(
    ctx: &ActivityContext,
    progress: impl Fn() -> T,
    work: impl Future<Output = Result<Checked, CheckError>>,
) -> Result<Checked, ActivityError> {
    tokio::pin!(work);
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            checked = &mut work => {
                if checked.is_err() {
                    ctx.record_heartbeat(progress()).await?;
                }
                return checked.map_err(surprise);
            }
            () = ctx.cancelled() => return Err(ActivityError::cancelled()),
            _ = beat.tick() => ctx.record_heartbeat(progress()).await?,
        }
    }
}

/// Why one side could not be looked through.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    /// Our own database, or the provider.
    #[error(transparent)]
    Payment(#[from] PaymentError),
    /// Temporal.
    #[error("Temporal does not say whether {0} runs: {1}")]
    Temporal(String, String),
}

impl From<sqlx::Error> for CheckError {
    fn from(error: sqlx::Error) -> Self {
        Self::Payment(PaymentError::Database(error.into()))
    }
}

/// Temporal tries again.
fn surprise(error: impl Into<anyhow::Error>) -> ActivityError {
    let error = error.into();
    tracing::warn!(error = format!("{error:#}"), "to be tried again");
    let failure = ApplicationFailure::builder(error).type_name("reconciliation".to_owned()).build();
    ActivityError::application(failure)
}

fn finding(
    kind: FindingKind,
    subject: impl ToString,
    detail: impl Into<String>,
    repair: Option<Repair>,
) -> Finding {
    Finding { kind, subject: subject.to_string(), detail: detail.into(), repair }
}

#[cfg(test)]
mod tests {
    use domain::OrderId;

    use super::*;

    fn found(repair: Option<Repair>) -> Finding {
        finding(FindingKind::OrderWithoutWorkflow, "an order", "", repair)
    }

    #[test]
    fn what_a_run_can_not_move_on_is_listed_and_does_not_fill_it() {
        let repair = || Some(Repair::Conclude { order_id: OrderId(Uuid::nil()) });
        let mut findings = Findings::default();
        for _ in 0..2 * MOST_FINDINGS {
            findings.put(found(None), false);
            findings.put(found(repair()), true);
        }
        assert!(!findings.is_enough());
        assert_eq!(findings.list.len(), 2 * MOST_FINDINGS, "as many of each as are listed");
        for _ in 0..MOST_FINDINGS {
            assert!(!findings.is_enough());
            findings.put(found(repair()), false);
        }
        assert!(findings.is_enough());
        assert_eq!(findings.list.len(), 3 * MOST_FINDINGS);
    }
}
