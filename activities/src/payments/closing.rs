//! The way out of an order's payment: nothing is charged any more, and what was is let go or given
//! back.

use domain::{Closing, IntentStatus, Money, OrderId, payment};
use workflows::activities::{ClosePayment, ClosedPayment};

use super::{KEYS_A_RUN, PaymentError, Payments, Tries, ours};
use crate::{
    orders::{self, PaymentRow},
    provider::{Answer, ProviderError},
};

impl Payments {
    /// Lets no attempt begin any more, and brings the order's payment to rest.
    ///
    /// # Errors
    /// When it is not known whether it is at rest.
    pub async fn close(
        &self,
        ask: &ClosePayment,
        tries: &Tries,
    ) -> Result<ClosedPayment, PaymentError> {
        let order = ask.order_id;
        let changed = orders::begin_closing(self.database.pool(), order).await?;
        self.tell(order, changed);
        let row = orders::payment_of(self.database.pool(), order).await?;
        if row.state.is_bought() {
            return Ok(ClosedPayment::PaidInTime);
        }
        let intent = match row.payment_intent {
            Some(intent) => intent,
            None if row.attempts == 0 => return Ok(ClosedPayment::AtRest),
            None => match self.intent_to_close(order, &row, tries).await? {
                Some(intent) => intent,
                None => return Ok(ClosedPayment::AtRest),
            },
        };
        let decide = |observed| payment::close(ask.reason, observed);
        let closed = self.bring_to_rest(&intent, order, Some(row.total), tries, decide).await?;
        if closed == ClosedPayment::AtRest {
            let changed = orders::record_payment_cancelled(self.database.pool(), order).await?;
            self.tell(order, changed);
        }
        Ok(closed)
    }

    /// Cancels or refunds an intent whose order has ended without it.
    ///
    /// # Errors
    /// When it is not known whether it is at rest.
    pub async fn settle(&self, intent: &str, tries: &Tries) -> Result<(), PaymentError> {
        let Answer::Intent(now) = self.provider.retrieve(intent).await? else {
            return Err(PaymentError::NotDecided(format!("the provider does not know {intent}")));
        };
        let Some(order) = now.order() else {
            return Err(PaymentError::NotDecided(format!("{intent} names no order")));
        };
        // Its sum may be any: money that nobody is owed goes back whatever it comes to.
        self.bring_to_rest(intent, order, None, tries, payment::settle).await?;
        let row = orders::find_payment(self.database.pool(), order).await?;
        if row.is_some_and(|row| row.payment_intent.as_deref() == Some(intent)) {
            let changed = orders::record_payment_cancelled(self.database.pool(), order).await?;
            self.tell(order, changed);
        }
        Ok(())
    }

    /// Does at the provider what `decide` says of each thing observed there, until nothing is left.
    async fn bring_to_rest(
        &self,
        intent: &str,
        order: OrderId,
        total: Option<Money>,
        tries: &Tries,
        decide: impl Fn(IntentStatus) -> Closing,
    ) -> Result<ClosedPayment, PaymentError> {
        // Each turn acts on what was just observed; a cancel that is refused is looked at again.
        for _ in 0..KEYS_A_RUN {
            let Answer::Intent(now) = self.provider.retrieve(intent).await? else {
                return Err(PaymentError::NotDecided(format!("the provider hides {intent}")));
            };
            let now = match total {
                Some(total) => ours(now, order, total)?,
                None => now,
            };
            match decide(now.status) {
                Closing::Release => {
                    self.begin_calling_off(intent, order).await?;
                    return Ok(ClosedPayment::AtRest);
                }
                Closing::PaidInTime => return Ok(ClosedPayment::PaidInTime),
                Closing::CancelIntent => {
                    let begun = self.begin_calling_off(intent, order).await?;
                    if let Answer::Intent(intent) = self.provider.cancel(intent).await?
                        && intent.status == IntentStatus::Canceled
                    {
                        return Ok(ClosedPayment::AtRest);
                    }
                    // After an answer that was lost it stays: that call may yet be granted.
                    if begun {
                        orders::calling_off_refused(self.database.pool(), order).await?;
                    }
                }
                Closing::Refund => {
                    self.begin_calling_off(intent, order).await?;
                    match self.provider.refund_all(intent, tries.number()).await {
                        Ok(()) => return Ok(ClosedPayment::AtRest),
                        Err(failure @ ProviderError::Failed(_)) => tries.next(failure)?,
                        Err(unknown) => return Err(unknown.into()),
                    }
                }
                Closing::AskAgain => break,
            }
        }
        Err(PaymentError::NotDecided(format!("{intent} is not at rest")))
    }

    /// Decides in the order's row before anybody is told, since what was seen at the provider may be
    /// old by now: an order that has been confirmed keeps its payment, and one that has not will not
    /// be by a payment that is called off. Answers whether there is a hold to which that matters.
    async fn begin_calling_off(&self, intent: &str, order: OrderId) -> Result<bool, PaymentError> {
        let begun = orders::begin_calling_off(self.database.pool(), order, intent).await?;
        self.still_unpaid(intent, order).await?;
        Ok(begun)
    }

    async fn still_unpaid(&self, intent: &str, order: OrderId) -> Result<(), PaymentError> {
        match orders::find_payment(self.database.pool(), order).await? {
            Some(row) if row.state.is_bought() && row.payment_intent.as_deref() == Some(intent) => {
                Err(PaymentError::NotDecided(format!("{order} is {} by now", row.state)))
            }
            _ => Ok(()),
        }
    }

    /// An attempt was begun and its intent's id never came. None when there is no intent.
    async fn intent_to_close(
        &self,
        order: OrderId,
        row: &PaymentRow,
        tries: &Tries,
    ) -> Result<Option<String>, PaymentError> {
        if !row.create_key_is_over {
            return self.create_to_close(order, row.total, tries).await;
        }
        // Created again it would be another one: it is asked for by the order that it names.
        let found = self.provider.find(order, row.total).await?;
        if let Some(intent) = &found {
            orders::keep_intent_of_closing(self.database.pool(), order, &intent.id).await?;
        }
        Ok(found.map(|intent| intent.id))
    }

    /// Asked for again under the same key, the provider names the intent, or makes one that is
    /// called off at once. None when it takes no such payment.
    async fn create_to_close(
        &self,
        order: OrderId,
        total: Money,
        tries: &Tries,
    ) -> Result<Option<String>, PaymentError> {
        loop {
            match self.provider.create(order, total, tries.number()).await {
                Ok(Answer::Intent(intent)) => {
                    let intent = ours(intent, order, total)?;
                    orders::keep_intent_of_closing(self.database.pool(), order, &intent.id).await?;
                    return Ok(Some(intent.id));
                }
                Ok(Answer::Refused { .. } | Answer::Declined(_)) => return Ok(None),
                Err(failure @ ProviderError::Failed(_)) => tries.next(failure)?,
                Err(unknown) => return Err(unknown.into()),
            }
        }
    }
}
