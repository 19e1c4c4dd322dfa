//! Telling readers that something has changed, after it has.

use std::sync::Arc;

use domain::OrderId;
use workflows::StockLevel;

/// What a transaction changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// These orders have a new version.
    pub orders: Vec<OrderId>,
    /// There is this much of these products now.
    pub stock: Vec<StockLevel>,
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
