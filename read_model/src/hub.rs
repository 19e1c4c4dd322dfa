//! Who waits for which order to change.

use dashmap::DashMap;
use domain::OrderId;
use tokio::sync::watch;

/// Wakes those who wait for an order. Holds an entry only while somebody waits.
#[derive(Default)]
pub struct Hub {
    waiting: DashMap<OrderId, watch::Sender<u64>>,
}

/// Somebody who waits for an order. Subscribe first, then read, then wait: no change is missed.
pub struct Subscription<'a> {
    hub: &'a Hub,
    order: OrderId,
    changes: watch::Receiver<u64>,
}

impl Hub {
    /// Begins to wait for changes of `order`.
    #[must_use]
    pub fn subscribe(&self, order: OrderId) -> Subscription<'_> {
        let sender = self.waiting.entry(order).or_insert_with(|| watch::channel(0).0);
        Subscription { hub: self, order, changes: sender.subscribe() }
    }

    /// Says that `order` has changed.
    pub fn order_changed(&self, order: OrderId) {
        if let Some(sender) = self.waiting.get(&order) {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// How many orders are waited for.
    #[must_use]
    pub fn waited_for(&self) -> usize {
        self.waiting.len()
    }
}

impl Subscription<'_> {
    /// Waits until the order has changed since the last time this was asked.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The sender lives as long as we are subscribed.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        // Ours is still counted while this runs.
        self.hub.waiting.remove_if(&self.order, |_, sender| sender.receiver_count() <= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_between_subscribing_and_waiting_is_not_missed() {
        let hub = Hub::default();
        let order = OrderId(uuid::Uuid::from_u128(1));
        let mut subscription = hub.subscribe(order);
        hub.order_changed(order);
        subscription.changed().await;
        drop(subscription);
        assert_eq!(hub.waited_for(), 0);
    }

    #[test]
    fn an_order_is_forgotten_with_the_last_who_waits() {
        let hub = Hub::default();
        let order = OrderId(uuid::Uuid::from_u128(1));
        let first = hub.subscribe(order);
        let second = hub.subscribe(order);
        drop(first);
        assert_eq!(hub.waited_for(), 1);
        drop(second);
        assert_eq!(hub.waited_for(), 0);
    }
}
