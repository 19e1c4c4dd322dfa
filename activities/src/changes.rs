//! Telling readers that something has changed, after it has.

use std::sync::Arc;

use domain::{Fingerprint, Money, OrderId, PricedLine, SecretHash};
use time::OffsetDateTime;
use workflows::StockLevel;

/// What a transaction changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// These orders have a new version.
    pub orders: Vec<OrderId>,
    /// These of them were written for the first time, and their units are held.
    pub held: Vec<HeldOrder>,
    /// There is this much of these products now.
    pub stock: Vec<StockLevel>,
}

/// An order as `reserve` wrote it, for readers in the same process: it saves them the way to
/// Postgres and back.
#[derive(Clone, Debug)]
pub struct HeldOrder {
    /// Which.
    pub order_id: OrderId,
    /// Who its client is.
    pub secret_hash: SecretHash,
    /// What its client asked for.
    pub fingerprint: Fingerprint,
    /// What is held, at which price.
    pub lines: Vec<PricedLine>,
    /// The sum of the lines.
    pub total: Money,
    /// When the hold ends.
    pub expires_at: OffsetDateTime,
    /// When its row was made.
    pub created_at: OffsetDateTime,
    /// When the row was last changed.
    pub updated_at: OffsetDateTime,
}

/// Takes word of changes. A hint: whoever misses one finds out from the tables soon after.
#[derive(Clone)]
pub struct ChangeSink(Arc<dyn Fn(Changes) + Send + Sync>);

impl ChangeSink {
    /// A sink that hands each change to `take`, which must not block.
    pub fn new(take: impl Fn(Changes) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Tells of `changes`.
    pub fn tell(&self, changes: Changes) {
        (self.0)(changes);
    }
}
