//! Reconciliation: each side is only looked at here; what puts a finding right is a workflow that
//! the workflow `reconcile` begins.

mod books;
mod orders;
mod record;
mod stock;

use std::{sync::Arc, time::Duration};

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

use crate::{Database, Provider, payments::PaymentError};

/// The most repairs that one run brings of either side, and the most findings for a person: the
/// next run goes on.
const MOST_FINDINGS: usize = 200;

/// What one side has brought so far. What nothing can repair is there again in every run, and must
/// not keep a run from coming to what can be repaired.
#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    for_a_person: usize,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        if finding.repair.is_none() {
            if self.for_a_person == MOST_FINDINGS {
                let (kind, subject) = (finding.kind.as_str(), &finding.subject);
                tracing::warn!(
                    kind,
                    subject,
                    detail = finding.detail,
                    "a finding too many to list"
                );
                return;
            }
            self.for_a_person += 1;
        }
        self.list.push(finding);
    }

    /// Whether there is as much to repair as one run takes on.
    fn is_enough(&self) -> bool {
        self.list.len() - self.for_a_person >= MOST_FINDINGS
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
        with_heartbeat(&ctx, async {
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
        with_heartbeat(&ctx, books::check(self.database.pool(), &self.provider)).await
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

/// Does `work` while telling Temporal that it is being done.
async fn with_heartbeat(
    ctx: &ActivityContext,
    work: impl Future<Output = Result<Checked, CheckError>>,
) -> Result<Checked, ActivityError> {
    tokio::pin!(work);
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            checked = &mut work => return checked.map_err(surprise),
            () = ctx.cancelled() => return Err(ActivityError::cancelled()),
            _ = beat.tick() => ctx.record_heartbeat(()).await?,
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
