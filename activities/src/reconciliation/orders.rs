//! Open orders and refunds, and whether anybody sees to them. Temporal is asked for each workflow by
//! its id: its lists lag behind.

use domain::{OrderId, RefundId, RefundState};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use sqlx::PgPool;
use temporalio_client::{
    Client, UntypedWorkflow, WorkflowDescribeOptions, WorkflowExecutionStatus,
    errors::WorkflowInteractionError,
};
use uuid::Uuid;
use workflows::{
    Finding, FindingKind, RefundInput, RefundRequest, Repair, SeenRefund, activities::Checked,
};

use super::{CheckError, Findings, finding};
use crate::{payments::PaymentError, refunds};

/// How many orders are read at once.
const A_PAGE: i64 = 500;
/// How many workflows are asked for at once.
const AT_ONCE: usize = 16;

/// Looks through everything that is open.
pub(super) async fn check(pool: &PgPool, client: &Client) -> Result<Checked, CheckError> {
    let (mut checked, mut findings) = (0, Findings::default());
    let mut after = Uuid::nil();
    while !findings.is_enough() {
        let page = open_orders(pool, after).await?;
        let Some(last) = page.last() else { break };
        after = last.order_id;
        checked += page.len() as u64;
        let ids: Vec<_> = page.iter().map(|open| open.order_id).collect();
        let alone = without_workflow(client, ids).await?;
        for found in still_open(pool, &alone).await? {
            findings.add(client, found).await?;
        }
        let overdue = page.iter().filter(|open| open.is_overdue && !alone.contains(&open.order_id));
        for open in overdue {
            let detail = format!("the order is {}, and its hold should be over", open.state);
            let found = finding(FindingKind::HoldOverdue, open.order_id, detail, None);
            findings.add(client, found).await?;
        }
    }
    check_refunds(pool, client, &mut findings).await?;
    Ok(Checked { checked, findings: findings.list })
}

struct Open {
    order_id: Uuid,
    state: String,
    is_overdue: bool,
}

/// Orders with an open hold, and those that are bought and not captured.
async fn open_orders(pool: &PgPool, after: Uuid) -> Result<Vec<Open>, sqlx::Error> {
    sqlx::query_as!(
        Open,
        // No setting of EXPIRY_GRACE is known here; ten minutes are longer than any sensible one.
        r#"select order_id as "order_id!", orders.state as "state!",
            holds.state = 'open' and holds.expires_at < clock_timestamp() - interval '10 minutes'
                as "is_overdue!"
         from holds join orders using (order_id)
         where order_id > $1
           and order_id in (
            select order_id from holds where state = 'open'
            union all
            select order_id from orders where state = 'confirmed')
         order by order_id
         limit $2"#,
        after,
        A_PAGE,
    )
    .fetch_all(pool)
    .await
}

/// Those of `orders` whose workflow does not run.
async fn without_workflow(client: &Client, orders: Vec<Uuid>) -> Result<Vec<Uuid>, CheckError> {
    let asked = orders.into_iter().map(|order| {
        let client = client.clone();
        async move {
            let runs = is_running(&client, OrderId(order).workflow_id()).await?;
            Ok::<_, CheckError>((order, runs))
        }
    });
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().filter(|(_, runs)| !runs).map(|(order, _)| order).collect())
}

/// Whether a workflow runs.
pub(super) async fn is_running(client: &Client, workflow: String) -> Result<bool, CheckError> {
    let handle = client.get_workflow_handle::<UntypedWorkflow>(&workflow);
    match handle.describe(WorkflowDescribeOptions::default()).await {
        Ok(description) => Ok(match description.status() {
            WorkflowExecutionStatus::Completed
            | WorkflowExecutionStatus::Failed
            | WorkflowExecutionStatus::Canceled
            | WorkflowExecutionStatus::Terminated
            | WorkflowExecutionStatus::TimedOut => false,
            // One that somebody has paused is seen to, and so is what Temporal has no word for yet.
            _ => true,
        }),
        Err(WorkflowInteractionError::NotFound(_)) => Ok(false),
        Err(error) => Err(CheckError::Temporal(workflow, error.to_string())),
    }
}

/// An order may have ended, workflow and all, since it was read.
async fn still_open(pool: &PgPool, alone: &[Uuid]) -> Result<Vec<Finding>, sqlx::Error> {
    let rows = sqlx::query!(
        "select order_id, orders.state from orders join holds using (order_id)
         where order_id = any($1) and (holds.state = 'open' or orders.state = 'confirmed')",
        alone,
    )
    .fetch_all(pool)
    .await?;
    let found = |order_id, state| {
        let detail = format!("the order is {state}, and its workflow does not run");
        let repair = Repair::Conclude { order_id: OrderId(order_id) };
        finding(FindingKind::OrderWithoutWorkflow, order_id, detail, Some(repair))
    };
    Ok(rows.into_iter().map(|row| found(row.order_id, row.state)).collect())
}

/// Refunds that are under way without a workflow.
async fn check_refunds(
    pool: &PgPool,
    client: &Client,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let mut after = Uuid::nil();
    while !findings.is_enough() {
        let page = pending_refunds(pool, after).await?;
        let Some(last) = page.last() else { break };
        after = last.refund_id;
        for row in page {
            let refund_id = RefundId(row.refund_id);
            // It may have ended, workflow and all, since it was read.
            if !is_running(client, refund_id.workflow_id()).await?
                && is_pending(pool, refund_id).await?
            {
                findings.add(client, left_alone(row)).await?;
            }
        }
    }
    Ok(())
}

struct PendingRefund {
    refund_id: Uuid,
    order_id: Uuid,
    request: Value,
    provider_refund: Option<String>,
}

async fn pending_refunds(pool: &PgPool, after: Uuid) -> Result<Vec<PendingRefund>, sqlx::Error> {
    sqlx::query_as!(
        PendingRefund,
        "select refund_id, order_id, request, provider_refund from refunds
         where state = 'pending' and refund_id > $1
         order by refund_id limit $2",
        after,
        A_PAGE,
    )
    .fetch_all(pool)
    .await
}

fn left_alone(row: PendingRefund) -> Finding {
    let (refund_id, order_id) = (RefundId(row.refund_id), OrderId(row.order_id));
    let refund = go_on(refund_id, order_id, row.request, row.provider_refund);
    let detail = format!("a refund of order {order_id} is pending, and its workflow is gone");
    let repair = Some(Repair::Refund { refund });
    finding(FindingKind::RefundWithoutWorkflow, refund_id, detail, repair)
}

async fn is_pending(pool: &PgPool, refund: RefundId) -> Result<bool, CheckError> {
    let row = refunds::find(pool, refund).await.map_err(PaymentError::from)?;
    Ok(row.is_some_and(|row| row.state == RefundState::Pending))
}

/// As it was begun: what was asked for is sent, what was seen is looked at.
fn go_on(
    refund_id: RefundId,
    order_id: OrderId,
    request: Value,
    provider_refund: Option<String>,
) -> RefundInput {
    match serde_json::from_value::<RefundRequest>(request) {
        Ok(request) => RefundInput::AskedFor(request),
        Err(_) => RefundInput::Seen(SeenRefund { refund_id, order_id, provider_refund }),
    }
}
