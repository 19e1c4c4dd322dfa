//! The demonstration shop's products, for a catalogue that is empty.

use anyhow::Context;
use serde::Deserialize;
use sqlx::PgConnection;

const DEMO: &str = include_str!("../demo/catalogue.json");

/// A product, as `demo/catalogue.json` has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoProduct {
    sku: domain::Sku,
    name: String,
    description: String,
    image_url: String,
    price_minor: i64,
    currency: domain::Currency,
    on_hand: i64,
}

/// Fills the catalogue, if there is no product in it. Two at once fill it once.
///
/// # Errors
/// When Postgres refuses.
pub async fn seed(connection: &mut PgConnection) -> anyhow::Result<()> {
    let products: Vec<DemoProduct> =
        serde_json::from_str(DEMO).context("read the demonstration catalogue")?;
    let any: bool = sqlx::query_scalar("select exists (select from products)")
        .fetch_one(&mut *connection)
        .await?;
    if any {
        return Ok(());
    }
    for product in &products {
        plant(connection, product).await.with_context(|| format!("seed {}", product.sku))?;
    }
    tracing::info!(products = products.len(), "seeded the demonstration catalogue");
    Ok(())
}

async fn plant(connection: &mut PgConnection, product: &DemoProduct) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with product as (
            insert into products (sku, name, description, image_url, price_minor, currency)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (sku) do nothing
            returning sku
        ), shelf as (
            insert into stock (sku, on_hand) select sku, $7 from product
        )
        insert into catalogue_changes (sku) select sku from product",
    )
    .bind(product.sku.as_str())
    .bind(&product.name)
    .bind(&product.description)
    .bind(&product.image_url)
    .bind(product.price_minor)
    .bind(product.currency.as_str())
    .bind(product.on_hand)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demonstration_catalogue_can_be_sold() {
        let products: Vec<DemoProduct> = serde_json::from_str(DEMO).unwrap();
        assert!(products.len() >= 12);
        for product in products {
            let price = domain::Money::new(product.price_minor, product.currency);
            assert!(price.is_chargeable() && product.on_hand >= 0, "{}", product.sku);
        }
    }
}
