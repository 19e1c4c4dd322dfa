//! The naive steps: plain SQL, and the product's calls at the provider.

use std::sync::Arc;

use activities::{
    Provider,
    provider::{Answer, Intent, ProviderError},
};
use anyhow::{Context, bail};
use domain::{AttemptId, Money, OrderId};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use uuid::Uuid;

use super::{Order, Step, Waiting};

/// What to charge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Charge {
    /// For which order.
    pub order_id: Uuid,
    /// How much.
    pub total_minor: i64,
    /// On what.
    pub payment_method: String,
}

/// What the steps work with.
pub struct Steps {
    pub(super) pool: PgPool,
    pub(super) provider: Provider,
    pub(super) waiting: Arc<Waiting>,
}

#[activities]
impl Steps {
    /// Takes the units off the shelf; answers what they cost.
    #[activity(name = "naive_reserve")]
    pub async fn reserve(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order: Order,
    ) -> Result<i64, ActivityError> {
        let total_minor = self.take_units(&order).await?;
        self.waiting.done(order.order_id, Step::Reserved);
        Ok(total_minor)
    }

    /// Puts them back.
    #[activity(name = "naive_release")]
    pub async fn release(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order: Order,
    ) -> Result<(), ActivityError> {
        self.put_units_back(&order).await?;
        Ok(())
    }

    /// Has the provider set the money aside; answers the intent's id.
    #[activity(name = "naive_authorize")]
    pub async fn authorize(
        self: Arc<Self>,
        _ctx: ActivityContext,
        charge: Charge,
    ) -> Result<String, ActivityError> {
        Ok(self.set_money_aside(&charge).await?)
    }

    /// Has the provider move it.
    #[activity(name = "naive_capture")]
    pub async fn capture(
        self: Arc<Self>,
        _ctx: ActivityContext,
        (order_id, intent): (Uuid, String),
    ) -> Result<(), ActivityError> {
        granted(self.provider.capture(&intent, OrderId(order_id), 0).await)?;
        Ok(())
    }

    /// Writes that the order is paid.
    #[activity(name = "naive_mark_paid")]
    pub async fn mark_paid(
        self: Arc<Self>,
        _ctx: ActivityContext,
        order: Order,
    ) -> Result<(), ActivityError> {
        self.sell_units(&order).await?;
        self.waiting.done(order.order_id, Step::Paid);
        Ok(())
    }
}

impl Steps {
    async fn take_units(&self, order: &Order) -> anyhow::Result<i64> {
        let mut transaction = self.pool.begin().await?;
        let price_minor: Option<i64> = sqlx::query_scalar(
            "update stock set available = available - $2
             where sku = $1 and available >= $2
             returning price_minor",
        )
        .bind(&order.sku)
        .bind(order.quantity)
        .fetch_optional(&mut *transaction)
        .await?;
        let total_minor = price_minor.context("out of stock")? * i64::from(order.quantity);
        sqlx::query(
            "insert into orders (order_id, sku, quantity, total_minor, status)
             values ($1, $2, $3, $4, 'reserved')",
        )
        .bind(order.order_id)
        .bind(&order.sku)
        .bind(order.quantity)
        .bind(total_minor)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(total_minor)
    }

    async fn put_units_back(&self, order: &Order) -> anyhow::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("update stock set available = available + $2 where sku = $1")
            .bind(&order.sku)
            .bind(order.quantity)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("update orders set status = 'expired' where order_id = $1")
            .bind(order.order_id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn sell_units(&self, order: &Order) -> anyhow::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("update stock set sold = sold + $2 where sku = $1")
            .bind(&order.sku)
            .bind(order.quantity)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("update orders set status = 'paid' where order_id = $1")
            .bind(order.order_id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn set_money_aside(&self, charge: &Charge) -> anyhow::Result<String> {
        let order = OrderId(charge.order_id);
        let total = Money::new(charge.total_minor, "EUR".parse()?);
        let intent = granted(self.provider.create(order, total, 0).await)?;
        sqlx::query("update orders set payment_intent = $2 where order_id = $1")
            .bind(charge.order_id)
            .bind(&intent.id)
            .execute(&self.pool)
            .await?;
        // One attempt an order: its id will do for the attempt's.
        let attempt = AttemptId(charge.order_id);
        let method = &charge.payment_method;
        granted(self.provider.confirm(&intent.id, order, attempt, method, 0).await)?;
        Ok(intent.id)
    }
}

fn granted(answer: Result<Answer, ProviderError>) -> anyhow::Result<Intent> {
    match answer? {
        Answer::Intent(intent) => Ok(intent),
        refused => bail!("the provider refused: {refused:?}"),
    }
}
