//! The activities themselves: each reads its input, calls, answers.

use std::{future::Future, sync::Arc, time::Duration};

use domain::{DisputeStanding, OrderId, RefundId, RefundState};
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError},
};
use workflows::{
    ChangeOutcome, ChangeRequest, RefundRequest, SeenDispute, SeenRefund,
    activities::{
        Authorize, BegunRefund, Capture, ClosePayment, ClosedPayment, Commit, FinishRefund,
        InspectPayment, Payment, RefundStanding, Release, Reservation, Reserve, ReturnUnits,
        declared,
    },
};

use crate::{
    ChangeSink, Changes, Database, Provider,
    batches::Batches,
    database::DatabaseError,
    inventory, metrics, operator_changes, orders, pause,
    payments::{PaymentError, Payments, Tries},
    refunds,
};

/// How many batches of each kind are on their way at once. Few: orders of one product queue for
/// its row anyway, and a batch that waits gathers more.
const SHARDS: usize = 4;

/// What the activities work with.
pub struct Saga {
    database: Database,
    payments: Payments,
    changes: ChangeSink,
    reserving: Batches<(Reserve, String), Reservation>,
    committing: Batches<OrderId, Commit>,
    releasing: Batches<Release, ()>,
}

impl Saga {
    /// Activities on `database` and `provider` that tell `changes` of what they changed.
    #[must_use]
    pub fn new(database: Database, provider: Provider, changes: ChangeSink) -> Self {
        let payments = Payments { database: database.clone(), provider, changes: changes.clone() };
        let reserving =
            Batches::start("reserve", SHARDS, &database, &changes, |connection, asked| {
                Box::pin(inventory::reserve(connection, asked))
            });
        let committing =
            Batches::start("commit", SHARDS, &database, &changes, |connection, orders| {
                Box::pin(inventory::commit(connection, orders))
            });
        let releasing =
            Batches::start("release", SHARDS, &database, &changes, |connection, releases| {
                Box::pin(async move {
                    let changes = inventory::release(connection, releases).await?;
                    Ok((vec![(); releases.len()], changes))
                })
            });
        Self { database, payments, changes, reserving, committing, releasing }
    }
}

#[activities]
impl Saga {
    #[activity(definition = declared::Reserve)]
    pub async fn reserve(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Reserve,
    ) -> Result<Reservation, ActivityError> {
        let run_id = ctx.info().workflow_run_id.clone().unwrap_or_default();
        // Those who want the same product, or its lowest SKU, queue for the same row.
        let first_sku = input.lines.as_slice().iter().map(|line| line.sku.clone()).min();
        self.reserving.call(first_sku, (input, run_id)).await.map_err(surprise)
    }

    #[activity(definition = declared::Authorize)]
    pub async fn authorize(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Authorize,
    ) -> Result<Payment, ActivityError> {
        let tries = tries(&ctx);
        with_heartbeat(&ctx, &tries, self.payments.authorize(&input, &tries)).await
    }

    #[activity(definition = declared::InspectPayment)]
    pub async fn inspect_payment(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: InspectPayment,
    ) -> Result<Payment, ActivityError> {
        with_heartbeat(&ctx, &Tries::default(), self.payments.inspect(&input)).await
    }

    #[activity(definition = declared::Commit)]
    pub async fn commit(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order: OrderId,
    ) -> Result<Commit, ActivityError> {
        self.committing.call(order, order).await.map_err(surprise)
    }

    #[activity(definition = declared::Capture)]
    pub async fn capture(
        self: Arc<Self>,
        ctx: ActivityContext,
        order: OrderId,
    ) -> Result<Capture, ActivityError> {
        let tries = tries(&ctx);
        with_heartbeat(&ctx, &tries, self.payments.capture(order, &tries)).await
    }

    #[activity(definition = declared::ClosePayment)]
    pub async fn close_payment(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: ClosePayment,
    ) -> Result<ClosedPayment, ActivityError> {
        let tries = tries(&ctx);
        with_heartbeat(&ctx, &tries, self.payments.close(&input, &tries)).await
    }

    #[activity(definition = declared::Release)]
    pub async fn release(
        self: Arc<Self>,
        _ctx: ActivityContext,
        input: Release,
    ) -> Result<(), ActivityError> {
        self.releasing.call(input.order_id, input).await.map_err(surprise)
    }

    #[activity(definition = declared::ReturnUnits)]
    pub async fn return_units(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order: OrderId,
    ) -> Result<ReturnUnits, ActivityError> {
        let (mut returned, changes) = self
            .database
            .transact(move |connection| {
                Box::pin(async move { inventory::return_units(connection, &[order]).await })
            })
            .await
            .map_err(surprise)?;
        self.changes.tell(changes);
        Ok(returned.remove(0))
    }

    #[activity(definition = declared::PaymentIntentOf)]
    pub async fn payment_intent_of(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order: OrderId,
    ) -> Result<Option<String>, ActivityError> {
        let row = orders::payment_of(self.database.pool(), order).await.map_err(surprise)?;
        Ok(row.payment_intent)
    }

    #[activity(definition = declared::SettleIntent)]
    pub async fn settle_intent(
        self: Arc<Self>,
        ctx: ActivityContext,
        payment_intent: String,
    ) -> Result<(), ActivityError> {
        let tries = tries(&ctx);
        with_heartbeat(&ctx, &tries, self.payments.settle(&payment_intent, &tries)).await
    }

    #[activity(definition = declared::BeginRefund)]
    pub async fn begin_refund(
        self: Arc<Self>,
        _ctx: ActivityContext,
        request: RefundRequest,
    ) -> Result<BegunRefund, ActivityError> {
        let (begun, changes) = self
            .database
            .transact(|connection| {
                Box::pin(async move { refunds::begin(connection, &request).await })
            })
            .await
            .map_err(surprise)?;
        self.changes.tell(changes);
        Ok(begun)
    }

    #[activity(definition = declared::SendRefund)]
    pub async fn send_refund(
        self: Arc<Self>,
        ctx: ActivityContext,
        refund: RefundId,
    ) -> Result<RefundStanding, ActivityError> {
        let tries = tries(&ctx);
        with_heartbeat(&ctx, &tries, self.payments.send_refund(refund, &tries)).await
    }

    #[activity(definition = declared::LookAtRefund)]
    pub async fn look_at_refund(
        self: Arc<Self>,
        ctx: ActivityContext,
        seen: SeenRefund,
    ) -> Result<RefundStanding, ActivityError> {
        with_heartbeat(&ctx, &Tries::default(), self.payments.look_at_refund(&seen)).await
    }

    #[activity(definition = declared::FinishRefund)]
    pub async fn finish_refund(
        self: Arc<Self>,
        _ctx: ActivityContext,
        input: FinishRefund,
    ) -> Result<RefundState, ActivityError> {
        let (state, changes) = self
            .database
            .transact(move |connection| {
                Box::pin(async move {
                    refunds::finish(connection, input.refund_id, &input.standing).await
                })
            })
            .await
            .map_err(surprise)?;
        if !changes.orders.is_empty() {
            metrics::count_refund(state);
        }
        self.changes.tell(changes);
        Ok(state)
    }

    #[activity(definition = declared::LookAtDispute)]
    pub async fn look_at_dispute(
        self: Arc<Self>,
        ctx: ActivityContext,
        seen: SeenDispute,
    ) -> Result<DisputeStanding, ActivityError> {
        with_heartbeat(&ctx, &Tries::default(), self.payments.look_at_dispute(seen)).await
    }

    #[activity(definition = declared::ApplyChange)]
    pub async fn apply_change(
        self: Arc<Self>,
        _ctx: ActivityContext,
        request: ChangeRequest,
    ) -> Result<ChangeOutcome, ActivityError> {
        let outcome = self
            .database
            .transact(|connection| {
                Box::pin(async move { operator_changes::apply(connection, &request).await })
            })
            .await
            .map_err(surprise)?;
        let stock = match &outcome {
            ChangeOutcome::StockAdjusted { level } => vec![level.clone()],
            _ => Vec::new(),
        };
        self.changes.tell(Changes { stock, ..Changes::default() });
        Ok(outcome)
    }
}

/// Where an earlier run of this activity left off.
fn tries(ctx: &ActivityContext) -> Tries {
    let failed: Option<u32> = ctx.heartbeat_details().deserialize().ok().flatten();
    Tries::after(failed.unwrap_or(0))
}

/// Does `work` while telling Temporal that it is being done, so that a dead worker is noticed
/// within seconds and a cancelled call learns of it.
async fn with_heartbeat<T>(
    ctx: &ActivityContext,
    tries: &Tries,
    work: impl Future<Output = Result<T, PaymentError>>,
) -> Result<T, ActivityError> {
    let work = stoppable(ctx, work);
    tokio::pin!(work);
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    beat.tick().await;
    loop {
        tokio::select! {
            answer = &mut work => {
                if answer.is_err() {
                    ctx.record_heartbeat(tries.number()).await?;
                }
                return answer.map_err(|error| retry(ctx, error));
            }
            () = ctx.cancelled() => return Err(ActivityError::cancelled()),
            _ = beat.tick() => ctx.record_heartbeat(tries.number()).await?,
        }
    }
}

/// Does `work` between two points where a test may have it wait.
async fn stoppable<T>(ctx: &ActivityContext, work: impl Future<Output = T>) -> T {
    let (activity, of) = (&*ctx.info().activity_type, &ctx.info().workflow_id);
    let workflow = of.as_deref().unwrap_or_default();
    failpoints::reached(["activity", activity, "before"], &[&workflow]).await;
    let done = work.await;
    failpoints::reached(["activity", activity, "after"], &[&workflow]).await;
    done
}

/// A payment that is not decided: try again, when the provider says, or with jitter so that
/// orders that failed together do not come back together.
fn retry(ctx: &ActivityContext, error: PaymentError) -> ActivityError {
    let info = ctx.info();
    let salt = info
        .task_token
        .iter()
        .fold(0u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let jitter = f64::from(salt % 1000) / 1000.0;
    let delay = pause::before_next_try(info.attempt, jitter, error.retry_after());
    tracing::info!(activity = info.activity_type, workflow = info.workflow_id, %error, ?delay, "to be tried again");
    let failure = ApplicationFailure::builder(anyhow::Error::from(error))
        .type_name("payment_not_decided".to_owned())
        .next_retry_delay(delay)
        .build();
    ActivityError::application(failure)
}

/// Our own database did not answer: Temporal tries again.
fn surprise(error: DatabaseError) -> ActivityError {
    tracing::warn!(%error, "to be tried again");
    let failure = ApplicationFailure::builder(anyhow::Error::from(error))
        .type_name("database".to_owned())
        .build();
    ActivityError::application(failure)
}
