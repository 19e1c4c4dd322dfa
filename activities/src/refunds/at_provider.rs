//! What a refund does at the payment provider, and how it survives an answer that is lost.

use domain::{DisputeStanding, OrderId, RefundId, RefundState, refund::ProviderWord};
use workflows::{SeenDispute, SeenRefund, activities::RefundStanding};

use super::{RefundRow, find, keep_provider_id, seen};
use crate::{
    database::DatabaseError,
    disputes, orders,
    payments::{PaymentError, Payments, Tries},
    provider::{Answer, ProviderError, refunds::ProviderRefund},
};

impl Payments {
    /// Has the provider give the money of a refund back. Safe to repeat: every request carries a
    /// key made from the refund; and before each try the provider is asked whether an earlier one
    /// had its effect, for keys are forgotten after a day.
    ///
    /// # Errors
    /// When it is not known whether it was given back.
    pub async fn send_refund(
        &self,
        refund: RefundId,
        tries: &Tries,
    ) -> Result<RefundStanding, PaymentError> {
        let row = self.refund_row(refund).await?;
        match (row.state, &row.provider_refund) {
            (RefundState::Succeeded, _) => return Ok(RefundStanding::Succeeded),
            (RefundState::Failed | RefundState::Refused, _) => return Ok(failed(&row)),
            (RefundState::Pending, Some(id)) => {
                let id = id.clone();
                return self.ask_refund(&id).await.map(|now| standing(&now));
            }
            (RefundState::Pending, None) => {}
        }
        let Some(amount) = row.amount else {
            return Err(DatabaseError::Stored(format!("{refund} is pending, of nothing")).into());
        };
        if let Some(found) = self.find_sent(refund, &row).await? {
            return self.sent(refund, &row, found).await;
        }
        loop {
            let asked = self
                .provider
                .refund(refund, row.order_id, &row.payment_intent, amount, tries.number())
                .await;
            match asked {
                Ok(Ok(made)) => return self.sent(refund, &row, made).await,
                Ok(Err(refused)) => {
                    return match self.find_sent(refund, &row).await? {
                        Some(found) => self.sent(refund, &row, found).await,
                        None => Ok(RefundStanding::Failed { why: code(refused) }),
                    };
                }
                Err(failure @ ProviderError::Failed(_)) => {
                    if let Some(found) = self.find_sent(refund, &row).await? {
                        return self.sent(refund, &row, found).await;
                    }
                    tries.next(failure)?;
                }
                Err(unknown) => return Err(unknown.into()),
            }
        }
    }

    /// Asks the provider where a refund stands. One that was made there, and gives back money that
    /// was taken, is written down.
    ///
    /// # Errors
    /// When the provider does not say, or the order is not paid yet.
    pub async fn look_at_refund(&self, seen: &SeenRefund) -> Result<RefundStanding, PaymentError> {
        let row = find(self.database.pool(), seen.refund_id).await?;
        let known = row.as_ref().and_then(|row| row.provider_refund.clone());
        let Some(id) = seen.provider_refund.clone().or(known) else {
            return Err(PaymentError::NotDecided(format!("{} was not sent", seen.refund_id)));
        };
        let now = self.ask_refund(&id).await?;
        if let Some(row) = row {
            return match &row.provider_refund {
                None => self.sent(seen.refund_id, &row, now).await,
                Some(known) if *known == now.id => Ok(standing(&now)),
                Some(_) => Err(nonsense(&now.id, row.order_id)),
            };
        }
        if now.is_release() || now.word() == ProviderWord::Undone {
            return Ok(RefundStanding::NotCounted);
        }
        self.write_seen(seen.clone(), now).await
    }

    async fn write_seen(
        &self,
        seen: SeenRefund,
        now: ProviderRefund,
    ) -> Result<RefundStanding, PaymentError> {
        let order = seen.order_id;
        let payment = orders::payment_of(self.database.pool(), order).await?;
        let intent = payment.payment_intent.unwrap_or_default();
        if !now.is_of(&intent, payment.total) {
            return Err(nonsense(&now.id, order));
        }
        let standing = standing(&now);
        let (written, changes) = self
            .database
            .transact(move |connection| {
                Box::pin(async move { seen::write(connection, &seen, &now.id, now.amount).await })
            })
            .await?;
        self.changes.tell(changes);
        match written {
            seen::Seen::Written => Ok(standing),
            seen::Seen::OrderEndedUnpaid => Ok(RefundStanding::NotCounted),
            seen::Seen::NotYet(why) => Err(PaymentError::NotDecided(why)),
        }
    }

    /// Asks the provider where a dispute stands, and brings its order in step with it.
    ///
    /// # Errors
    /// When the provider does not say, or the order is not paid yet.
    pub async fn look_at_dispute(
        &self,
        seen: SeenDispute,
    ) -> Result<DisputeStanding, PaymentError> {
        let order = seen.order_id;
        let now = match self.provider.retrieve_dispute(&seen.dispute_id).await? {
            Ok(now) => now,
            Err(other) => return Err(ProviderError::Nonsense(format!("{other:?}")).into()),
        };
        let payment = orders::payment_of(self.database.pool(), order).await?;
        if now.payment_intent.is_none() || now.payment_intent != payment.payment_intent {
            return Err(nonsense(&seen.dispute_id, order));
        }
        let standing = now.standing();
        let (recorded, changes) = self
            .database
            .transact(move |connection| {
                Box::pin(async move { disputes::record(connection, &seen, &now).await })
            })
            .await?;
        self.changes.tell(changes);
        if recorded {
            Ok(standing)
        } else {
            Err(PaymentError::NotDecided(format!("{order} is not paid yet")))
        }
    }

    async fn refund_row(&self, refund: RefundId) -> Result<RefundRow, PaymentError> {
        let row = find(self.database.pool(), refund).await?;
        row.ok_or_else(|| DatabaseError::Stored(format!("there is no refund {refund}")).into())
    }

    async fn ask_refund(&self, id: &str) -> Result<ProviderRefund, PaymentError> {
        match self.provider.retrieve_refund(id).await? {
            Ok(now) => Ok(now),
            Err(other) => Err(ProviderError::Nonsense(format!("{other:?}")).into()),
        }
    }

    async fn find_sent(
        &self,
        refund: RefundId,
        row: &RefundRow,
    ) -> Result<Option<ProviderRefund>, PaymentError> {
        Ok(self.provider.find_refund(&row.payment_intent, refund).await?)
    }

    /// Keeps the provider's id of a refund of ours; an answer about another one is not believed.
    async fn sent(
        &self,
        refund: RefundId,
        row: &RefundRow,
        made: ProviderRefund,
    ) -> Result<RefundStanding, PaymentError> {
        let is_ours = row.amount.is_some_and(|amount| {
            made.is(refund)
                && made.is_of(&row.payment_intent, amount)
                && made.amount == amount.amount
        });
        if !is_ours {
            return Err(nonsense(&made.id, row.order_id));
        }
        keep_provider_id(self.database.pool(), refund, &made.id).await?;
        Ok(standing(&made))
    }
}

fn standing(refund: &ProviderRefund) -> RefundStanding {
    match refund.word() {
        ProviderWord::UnderWay => RefundStanding::Pending,
        ProviderWord::Done => RefundStanding::Succeeded,
        ProviderWord::Undone => RefundStanding::Failed { why: refund.why() },
    }
}

fn failed(row: &RefundRow) -> RefundStanding {
    RefundStanding::Failed { why: row.failure.clone().unwrap_or_default() }
}

fn code(answer: Answer) -> String {
    match answer {
        Answer::Declined(code) => code,
        Answer::Refused { code, message } => {
            tracing::info!(code, message, "the provider does not refund");
            code
        }
        Answer::Intent(intent) => intent.id,
    }
}

fn nonsense(id: &str, order: OrderId) -> PaymentError {
    ProviderError::Nonsense(format!("{id} is not of the payment of {order}")).into()
}
