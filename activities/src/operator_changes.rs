//! Operators' changes: each with its audit row, in one transaction, once.

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
    };
    let kind = match request.change {
        Change::PutProduct { .. } => "put_product",
        Change::AdjustStock { .. } => "adjust_stock",
        Change::ReplayWebhook { .. } => "replay_webhook",
    };
    sqlx::query!(
        "insert into operator_changes (change_id, kind, actor, reason, request, outcome)
         values ($1, $2, $3, $4, $5, $6)",
        request.change_id,
        kind,
        request.actor,
        request.reason,
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
