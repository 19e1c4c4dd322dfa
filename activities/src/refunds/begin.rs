//! Deciding on a refund that an operator asks for.

use domain::{
    RefundRefusal, RefundState,
    refund::{Decided, admit, decide},
};
use sqlx::{PgConnection, types::Json};
use workflows::{RefundRequest, activities::BegunRefund};

use super::{columns, lock_order, refundable};
use crate::{Changes, database::DatabaseError};

/// Decides what `request` comes to and writes it down, with its audit row; unless it was asked for
/// before: then answers what came of it.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn begin(
    connection: &mut PgConnection,
    request: &RefundRequest,
) -> Result<(BegunRefund, Changes), DatabaseError> {
    let Some(locked) = lock_order(connection, request.order_id).await? else {
        return Ok((BegunRefund::UnknownOrder, Changes::default()));
    };
    if let Some(before) = asked_before(connection, request).await? {
        return Ok((before, Changes::default()));
    }
    let decided = match admit(locked.state) {
        Ok(()) => decide(&request.ask, &refundable(connection, request.order_id, &locked).await?),
        Err(refusal) => Err(refusal),
    };
    match decided {
        Ok(decided) => {
            write_pending(connection, request, &decided).await?;
            let changes = Changes { orders: vec![request.order_id], ..Changes::default() };
            Ok((BegunRefund::Pending, changes))
        }
        Err(refusal) => {
            write_refused(connection, request, &refusal).await?;
            Ok((BegunRefund::Refused { refusal }, Changes::default()))
        }
    }
}

async fn asked_before(
    connection: &mut PgConnection,
    request: &RefundRequest,
) -> Result<Option<BegunRefund>, DatabaseError> {
    let row = sqlx::query!(
        r#"select state as "state?", refunds.request as "request?",
            refusal as "refusal: Json<RefundRefusal>"
         from (select $1::uuid as id) as asked
         left join refunds on refund_id = id
         left join operator_changes on change_id = id
         where refund_id is not null or change_id is not null"#,
        request.refund_id.0,
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let before: Option<RefundRequest> =
        row.request.and_then(|request| serde_json::from_value(request).ok());
    if before.is_none_or(|before| !before.is_the_same(request)) {
        return Ok(Some(BegunRefund::IdReused));
    }
    if let Some(refusal) = row.refusal {
        return Ok(Some(BegunRefund::Refused { refusal: refusal.0 }));
    }
    let state = row.state.unwrap_or_default();
    Ok(Some(match state.parse().map_err(|_| DatabaseError::Stored(state))? {
        RefundState::Pending => BegunRefund::Pending,
        state @ (RefundState::Succeeded | RefundState::Failed | RefundState::Refused) => {
            BegunRefund::Ended { state }
        }
    }))
}

async fn write_pending(
    connection: &mut PgConnection,
    request: &RefundRequest,
    decided: &Decided,
) -> Result<(), DatabaseError> {
    let (skus, quantities, restocks) = columns(&decided.lines);
    sqlx::query!(
        "with refund as (
            insert into refunds
                (refund_id, order_id, origin, state, amount_minor, actor, reason, request)
            values ($1, $2, 'operator', 'pending', $3, $4, $5, $6)
            returning refund_id
        ), lines as (
            insert into refund_lines (refund_id, sku, quantity, restock)
            select refund_id, line.*
            from refund, unnest($7::text[], $8::integer[], $9::boolean[]) as line
        ), audit as (
            insert into operator_changes (change_id, kind, actor, reason, subject, request, outcome)
            select refund_id, 'refund', $4, coalesce($5, ''), $2::uuid::text, $6, $10 from refund
        ), changed as (
            update orders
            set refund_pending_minor = refund_pending_minor + $3,
                version = version + 1, updated_at = clock_timestamp()
            where order_id = $2
            returning *
        )
        insert into order_events (order_id, version, kind, snapshot, at)
        select order_id, version, 'refund_begun', order_snapshot(row(changed.*)::orders), updated_at
        from changed",
        request.refund_id.0,
        request.order_id.0,
        decided.amount.amount,
        request.actor,
        request.reason.as_deref(),
        Json(request) as _,
        &skus,
        &quantities,
        &restocks,
        Json(decided) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_refused(
    connection: &mut PgConnection,
    request: &RefundRequest,
    refusal: &RefundRefusal,
) -> Result<(), DatabaseError> {
    sqlx::query!(
        "with refund as (
            insert into refunds
                (refund_id, order_id, origin, state, actor, reason, request, refusal)
            values ($1, $2, 'operator', 'refused', $3, $4, $5, $6)
            returning refund_id
        )
        insert into operator_changes (change_id, kind, actor, reason, subject, request, outcome)
        select refund_id, 'refund', $3, coalesce($4, ''), $2::uuid::text, $5, $6 from refund",
        request.refund_id.0,
        request.order_id.0,
        request.actor,
        request.reason.as_deref(),
        Json(request) as _,
        Json(refusal) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
