//! Operators' changes: each with its audit row, in one transaction, once.

use domain::{OrderId, OrderState};
use sqlx::{PgConnection, types::Json};
use workflows::{Change, ChangeOutcome, ChangeRequest, StockLevel};

use crate::{database::DatabaseError, inbox};

/// Makes `request`'s change, unless it was made before: then answers what came of it.
///
/// # Errors
/// When Postgres can't be asked; then nothing has changed.
pub async fn apply(
    connection: &mut PgConnection,
    request: &ChangeRequest,
) -> Result<ChangeOutcome, DatabaseError> {
    if let Some(outcome) = made_before(connection, request).await? {
        return Ok(outcome);
    }
    let outcome = match &request.change {
        Change::PutProduct { .. } => put_product(connection, &request.change).await?,
        Change::AdjustStock { sku, on_hand_delta } => {
            adjust_stock(connection, sku.as_str(), *on_hand_delta).await?
        }
        Change::ReplayWebhook { event_id } => {
            if inbox::replay(connection, event_id).await? {
                ChangeOutcome::WebhookDue
            } else {
                ChangeOutcome::UnknownWebhook
            }
        }
        Change::CancelOrder { order_id } => {
            tell_order(connection, *order_id, |state| !state.is_bought()).await?
        }
        Change::RetryOrder { order_id } => tell_order(connection, *order_id, |_| true).await?,
    };
    let (kind, subject) = match &request.change {
        Change::PutProduct { sku, .. } => ("put_product", sku.to_string()),
        Change::AdjustStock { sku, .. } => ("adjust_stock", sku.to_string()),
        Change::ReplayWebhook { event_id } => ("replay_webhook", event_id.clone()),
        Change::CancelOrder { order_id } => ("cancel_order", order_id.to_string()),
        Change::RetryOrder { order_id } => ("retry_order", order_id.to_string()),
    };
    sqlx::query!(
        "insert into operator_changes (change_id, kind, actor, reason, subject, request, outcome)
         values ($1, $2, $3, $4, $5, $6, $7)",
        request.change_id,
        kind,
        request.actor,
        request.reason,
        subject,
        Json(&request) as _,
        Json(&outcome) as _,
    )
    .execute(connection)
    .await?;
    Ok(outcome)
}

async fn made_before(
    connection: &mut PgConnection,
    request: &ChangeRequest,
) -> Result<Option<ChangeOutcome>, DatabaseError> {
    let made = sqlx::query!(
        "select request, outcome from operator_changes where change_id = $1",
        request.change_id,
    )
    .fetch_optional(connection)
    .await?;
    let Some(made) = made else { return Ok(None) };
    // What can't be read was another kind of change, such as a refund.
    let made_by: Option<ChangeRequest> = serde_json::from_value(made.request).ok();
    if made_by.is_none_or(|made_by| made_by.change != request.change) {
        return Ok(Some(ChangeOutcome::IdReused));
    }
    let outcome = serde_json::from_value(made.outcome);
    outcome.map(Some).map_err(|error| DatabaseError::Stored(error.to_string()))
}

/// Whether there is anything to be told to the workflow of an order: not when the order has ended,
/// and not when it is past the point that `while_it_is` stands for.
async fn tell_order(
    connection: &mut PgConnection,
    order: OrderId,
    while_it_is: impl Fn(OrderState) -> bool,
) -> Result<ChangeOutcome, DatabaseError> {
    let state = sqlx::query_scalar!("select state from orders where order_id = $1", order.0)
        .fetch_optional(connection)
        .await?;
    let Some(state) = state else { return Ok(ChangeOutcome::UnknownOrder) };
    let state: OrderState = state.parse().map_err(|_| DatabaseError::Stored(state))?;
    if state.has_ended() || !while_it_is(state) {
        return Ok(ChangeOutcome::OrderIsPastIt { state });
    }
    Ok(ChangeOutcome::OrderToBeTold { state })
}

async fn put_product(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<ChangeOutcome, DatabaseError> {
    let Change::PutProduct { sku, name, description, image_url, price } = change else {
        return Ok(ChangeOutcome::UnknownSku);
    };
    let created = sqlx::query_scalar!(
        r#"
        with product as (
            insert into products (sku, name, description, image_url, price_minor, currency)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (sku) do update
            set name = excluded.name, description = excluded.description,
                image_url = coalesce(excluded.image_url, products.image_url),
                price_minor = excluded.price_minor, currency = excluded.currency,
                version = products.version + 1, updated_at = now()
            returning sku, version
        ), shelf as (
            insert into stock (sku) select sku from product on conflict (sku) do nothing
        ), change as (
            insert into catalogue_changes (sku) select sku from product
        )
        select version = 1 as "created!" from product"#,
        sku.as_str(),
        name,
        description,
        image_url.as_deref(),
        price.amount,
        price.currency.as_str(),
    )
    .fetch_one(connection)
    .await?;
    Ok(ChangeOutcome::ProductPut { created })
}

async fn adjust_stock(
    connection: &mut PgConnection,
    sku: &str,
    on_hand_delta: i64,
) -> Result<ChangeOutcome, DatabaseError> {
    let level = sqlx::query!(
        r#"select sku, on_hand, held, sold, version from stock where sku = $1 for update"#,
        sku,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = level else {
        return Ok(ChangeOutcome::UnknownSku);
    };
    let sku = row.sku.parse().map_err(|_| DatabaseError::Stored(row.sku))?;
    let mut level = StockLevel {
        sku,
        on_hand: row.on_hand,
        held: row.held,
        sold: row.sold,
        version: row.version,
    };
    let on_hand = level.on_hand.checked_add(on_hand_delta);
    let Some(on_hand) = on_hand.filter(|&on_hand| on_hand >= level.held + level.sold) else {
        return Ok(ChangeOutcome::BelowHeldAndSold { level });
    };
    sqlx::query!(
        "with adjusted as (
            update stock set on_hand = $2, version = version + 1 where sku = $1 returning sku
        )
        insert into catalogue_changes (sku) select sku from adjusted",
        level.sku.as_str(),
        on_hand,
    )
    .execute(connection)
    .await?;
    level.on_hand = on_hand;
    level.version += 1;
    Ok(ChangeOutcome::StockAdjusted { level })
}
