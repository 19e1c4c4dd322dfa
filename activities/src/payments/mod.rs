//! What an order does at the payment provider, and how it survives an answer that is lost: paying
//! here, the way out in [`closing`].

mod closing;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use domain::{IntentStatus, Money, OrderId, OrderState};
use workflows::activities::{Authorize, Capture, InspectPayment, Payment};

use crate::{
    ChangeSink, Changes, Database, Provider,
    attempts::{self, Begun},
    database::DatabaseError,
    metrics, orders,
    provider::{Answer, Intent, ProviderError},
};

/// How many further keys one run of an activity tries when the provider fails under each.
const KEYS_A_RUN: u32 = 5;

/// Payments of orders: our rows and the provider's intents, kept in step.
#[derive(Clone)]
pub struct Payments {
    pub database: Database,
    pub provider: Provider,
    pub changes: ChangeSink,
}

/// Why a payment is not decided yet. All of it is worth another try.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// Our own database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The provider, or the way to it.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider has not decided.
    #[error("not decided yet: {0}")]
    NotDecided(String),
}

impl PaymentError {
    /// How long the provider asks to be left alone, if it does.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Provider(ProviderError::Busy { retry_after, .. }) => *retry_after,
            Self::Provider(ProviderError::LeftAlone { retry_after }) => Some(*retry_after),
            Self::NotDecided(_) => Some(Duration::from_secs(2)),
            Self::Provider(_) | Self::Database(_) => None,
        }
    }
}

/// Counts the keys under which the provider has failed. Kept in the activity's heartbeat, so that
/// a later run does not begin with keys that fail for ever.
#[derive(Debug, Default)]
pub struct Tries {
    failed: AtomicU32,
    at_start: u32,
}

impl Tries {
    /// Goes on after `failed` keys.
    #[must_use]
    pub const fn after(failed: u32) -> Self {
        Self { failed: AtomicU32::new(failed), at_start: failed }
    }

    /// The number of the try to make.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Goes on to the next key, unless this run has tried enough.
    pub(crate) fn next(&self, failure: ProviderError) -> Result<(), PaymentError> {
        let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        if failed - self.at_start >= KEYS_A_RUN { Err(failure.into()) } else { Ok(()) }
    }
}

/// What came of creating an intent.
enum Created {
    /// It is the order's, by this id.
    Kept(String),
    /// The provider will not have it, for this reason.
    Refused(String),
    /// Nothing is to be charged: this is what became of the attempt.
    Decided(Payment),
}

impl Payments {
    /// Has the money set aside. Safe to repeat: every request carries a key made from order and
    /// attempt, and an order has one intent, on which at most one confirmation succeeds.
    ///
    /// # Errors
    /// When it is not known whether it was.
    pub async fn authorize(&self, ask: &Authorize, tries: &Tries) -> Result<Payment, PaymentError> {
        let pool = self.database.pool();
        let (begun, changed) = attempts::begin_attempt(
            pool,
            ask.order_id,
            ask.attempt_id,
            ask.number,
            &ask.payment_method,
        )
        .await?;
        if changed {
            metrics::count_begun_attempt(ask.number);
        }
        self.tell(ask.order_id, changed);
        let (total, known_intent, create_key_is_over) = match begun {
            Begun::Go { payment_intent, total, only_ask: true, .. } => {
                let number = i32::try_from(ask.number).unwrap_or(i32::MAX);
                return self.too_late(ask.order_id, number, payment_intent, total).await;
            }
            Begun::Go { payment_intent, total, only_ask: false, create_key_is_over } => {
                (total, payment_intent, create_key_is_over)
            }
            Begun::AlreadyDecided(payment) => return Ok(payment),
            Begun::OrderHasMovedOn => return Ok(Payment::OrderHasMovedOn),
        };
        let intent = match known_intent {
            Some(intent) => intent,
            None => match self.create(ask, total, create_key_is_over, tries).await? {
                Created::Kept(intent) => intent,
                Created::Decided(payment) => return Ok(payment),
                Created::Refused(code) => {
                    let number = i32::try_from(ask.number).unwrap_or(i32::MAX);
                    return self.declined(ask.order_id, number, code).await;
                }
            },
        };
        self.confirm(ask, &intent, total, tries).await
    }

    /// The hold has ended, and the workflow is about to hear of it, or the attempt's key has: from
    /// here on nothing is charged. What was charged before still counts. A decline does not: it may
    /// be that of the attempt before, on an intent that this one has not reached.
    async fn too_late(
        &self,
        order: OrderId,
        number: i32,
        known_intent: Option<String>,
        total: Money,
    ) -> Result<Payment, PaymentError> {
        if let Some(intent) = known_intent {
            let now = self.look(&intent, order, total).await?;
            if !has_not_moved(now.status) {
                return self.observed(order, number, &now).await;
            }
        }
        Ok(Payment::Processing)
    }

    /// Creates the order's intent and keeps its id, before anything is charged on it. When an earlier
    /// attempt may have created one whose key is over, it is looked for first.
    async fn create(
        &self,
        ask: &Authorize,
        total: Money,
        key_is_over: bool,
        tries: &Tries,
    ) -> Result<Created, PaymentError> {
        let (pool, order) = (self.database.pool(), ask.order_id);
        let intent = loop {
            if key_is_over && let Some(found) = self.provider.find(order, total).await? {
                break found;
            }
            match self.provider.create(order, total, tries.number()).await {
                Ok(Answer::Intent(intent)) => break ours(intent, order, total)?,
                Ok(Answer::Refused { code, message }) => {
                    tracing::warn!(%order, code, message, "the provider takes no such payment");
                    return Ok(Created::Refused(code));
                }
                Ok(other @ Answer::Declined(_)) => return Err(nonsense(&other)),
                Err(failure @ ProviderError::Failed(_)) => tries.next(failure)?,
                Err(unknown) => return Err(unknown.into()),
            }
        };
        if orders::keep_intent(pool, order, &intent.id).await? {
            return Ok(Created::Kept(intent.id));
        }
        // It is not cancelled here: under this key another run of this activity has, or will have,
        // the same intent, and the order may be bought with it. Whoever closes the order cancels.
        match attempts::resume_attempt(pool, order, ask.attempt_id).await? {
            Begun::AlreadyDecided(payment) => Ok(Created::Decided(payment)),
            Begun::OrderHasMovedOn => Ok(Created::Decided(Payment::OrderHasMovedOn)),
            // Another run has kept one that it created under a further key.
            Begun::Go { .. } => {
                Err(PaymentError::NotDecided(format!("{order} has another payment by now")))
            }
        }
    }

    async fn confirm(
        &self,
        ask: &Authorize,
        intent: &str,
        total: Money,
        tries: &Tries,
    ) -> Result<Payment, PaymentError> {
        let order = ask.order_id;
        loop {
            let number = i32::try_from(ask.number).unwrap_or(i32::MAX);
            let confirmed = self
                .provider
                .confirm(intent, order, ask.attempt_id, &ask.payment_method, tries.number())
                .await;
            match confirmed {
                Ok(Answer::Intent(intent)) => {
                    return self.observed(order, number, &ours(intent, order, total)?).await;
                }
                Ok(Answer::Declined(code)) => return self.declined(order, number, code).await,
                Ok(Answer::Refused { code, message }) => {
                    let now = self.look(intent, order, total).await?;
                    if !has_not_moved(now.status) {
                        return self.observed(order, number, &now).await;
                    }
                    tracing::info!(%order, code, message, "the attempt can't be made");
                    return self.declined(order, number, code).await;
                }
                Err(failure @ ProviderError::Failed(_)) => {
                    let now = self.look(intent, order, total).await?;
                    if !has_not_moved(now.status) {
                        return self.observed(order, number, &now).await;
                    }
                    tries.next(failure)?;
                }
                Err(unknown) => return Err(unknown.into()),
            }
        }
    }

    /// Asks the provider where the order's payment stands, and records it for the attempt that is
    /// asked about: an intent still shows the decline of one attempt when the next has begun and has
    /// not reached its card.
    ///
    /// # Errors
    /// When the provider does not say.
    pub async fn inspect(&self, ask: &InspectPayment) -> Result<Payment, PaymentError> {
        let order = ask.order_id;
        let row = orders::payment_of(self.database.pool(), order).await?;
        let asked_about = ask.number.map(|number| i32::try_from(number).unwrap_or(i32::MAX));
        let number = asked_about.unwrap_or(row.attempts);
        if row.hold_is_over {
            return self.too_late(order, number, row.payment_intent, row.total).await;
        }
        let Some(intent) = row.payment_intent else {
            return self.record(order, number, Payment::None, None).await;
        };
        let intent = self.look(&intent, order, row.total).await?;
        self.observed(order, number, &intent).await
    }

    /// Has the money moved.
    ///
    /// # Errors
    /// When it is not known whether it has.
    pub async fn capture(&self, order: OrderId, tries: &Tries) -> Result<Capture, PaymentError> {
        let row = orders::payment_of(self.database.pool(), order).await?;
        if row.state != OrderState::Confirmed {
            let captured = row.state.is_bought();
            return Ok(if captured { Capture::Captured } else { Capture::RefusedForGood });
        }
        let Some(intent) = row.payment_intent else {
            return Err(DatabaseError::Stored(format!("{order} is confirmed unpaid")).into());
        };
        let now = loop {
            match self.provider.capture(&intent, order, tries.number()).await {
                Ok(Answer::Intent(intent)) => break ours(intent, order, row.total)?,
                Ok(Answer::Declined(_) | Answer::Refused { .. }) => {
                    break self.look(&intent, order, row.total).await?;
                }
                Err(failure @ ProviderError::Failed(_)) => {
                    let now = self.look(&intent, order, row.total).await?;
                    if now.status != IntentStatus::RequiresCapture {
                        break now;
                    }
                    tries.next(failure)?;
                }
                Err(unknown) => return Err(unknown.into()),
            }
        };
        match now.status {
            IntentStatus::Succeeded => {
                let changed = orders::record_captured(self.database.pool(), order).await?;
                if changed {
                    metrics::count_paid();
                }
                self.tell(order, changed);
                Ok(Capture::Captured)
            }
            IntentStatus::Canceled | IntentStatus::RequiresPaymentMethod => {
                Ok(Capture::RefusedForGood)
            }
            IntentStatus::RequiresCapture
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction
            | IntentStatus::Processing => {
                Err(PaymentError::NotDecided(format!("capture left it {:?}", now.status)))
            }
        }
    }

    /// Asks for an intent that is known to be the order's.
    async fn look(
        &self,
        intent: &str,
        order: OrderId,
        total: Money,
    ) -> Result<Intent, PaymentError> {
        match self.provider.retrieve(intent).await? {
            Answer::Intent(intent) => ours(intent, order, total),
            other => Err(nonsense(&other)),
        }
    }

    /// Records where the provider says that a payment stands.
    async fn observed(
        &self,
        order: OrderId,
        number: i32,
        intent: &Intent,
    ) -> Result<Payment, PaymentError> {
        let payment = match intent.status {
            IntentStatus::RequiresCapture | IntentStatus::Succeeded => Payment::Authorized,
            IntentStatus::RequiresAction => Payment::RequiresAction,
            IntentStatus::Processing => Payment::Processing,
            IntentStatus::Canceled => Payment::Canceled,
            IntentStatus::RequiresConfirmation => Payment::None,
            IntentStatus::RequiresPaymentMethod => match intent.decline_code() {
                Some(code) => Payment::Declined { code },
                None => Payment::None,
            },
        };
        self.record(order, number, payment, intent.next_action_url()).await
    }

    async fn declined(
        &self,
        order: OrderId,
        number: i32,
        code: String,
    ) -> Result<Payment, PaymentError> {
        self.record(order, number, Payment::Declined { code }, None).await
    }

    /// Records where attempt `number` stands, and tells of it.
    async fn record(
        &self,
        order: OrderId,
        number: i32,
        payment: Payment,
        next_action_url: Option<&str>,
    ) -> Result<Payment, PaymentError> {
        let pool = self.database.pool();
        let changed =
            attempts::record_payment(pool, order, number, &payment, next_action_url).await?;
        if changed {
            metrics::count_attempt(&payment);
        }
        self.tell(order, changed);
        Ok(payment)
    }

    pub(crate) fn tell(&self, order: OrderId, changed: bool) {
        if changed {
            self.changes.tell(Changes { orders: vec![order], ..Changes::default() });
        }
    }
}

/// Whether a confirmation has left no trace on the intent.
const fn has_not_moved(status: IntentStatus) -> bool {
    matches!(status, IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation)
}

/// The intent, if it is the one of this order and this sum: an answer about another payment is
/// not believed.
fn ours(intent: Intent, order: OrderId, total: Money) -> Result<Intent, PaymentError> {
    if intent.is_of(order, total) {
        Ok(intent)
    } else {
        let id = intent.id;
        Err(ProviderError::Nonsense(format!("{id} is not the payment of {order}")).into())
    }
}

fn nonsense(answer: &Answer) -> PaymentError {
    ProviderError::Nonsense(format!("{answer:?}")).into()
}
