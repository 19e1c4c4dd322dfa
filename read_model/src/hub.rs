//! Who waits for which order to change.

use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use domain::OrderId;
use tokio::sync::watch;

use crate::StoredOrder;

/// Wakes those who wait for an order. Holds an entry only while somebody waits.
#[derive(Default)]
pub struct Hub {
    waiting: DashMap<OrderId, watch::Sender<News>>,
    shown: OnceLock<Box<dyn Fn(OrderId) + Send + Sync>>,
}

/// What is known of an order without asking Postgres.
#[derive(Default)]
struct News {
    changes: u64,
    /// The order as it was first written, if this process wrote it.
    written: Option<Arc<StoredOrder>>,
}

/// Somebody who waits for an order. Subscribe first, then read, then wait: no change is missed.
pub struct Subscription<'a> {
    hub: &'a Hub,
    order: OrderId,
    news: watch::Receiver<News>,
}

impl Hub {
    /// Begins to wait for changes of `order`.
    #[must_use]
    pub fn subscribe(&self, order: OrderId) -> Subscription<'_> {
        let sender = self.waiting.entry(order).or_insert_with(|| watch::channel(News::default()).0);
        Subscription { hub: self, order, news: sender.subscribe() }
    }

    /// Says that `order` has changed.
    pub fn order_changed(&self, order: OrderId) {
        if let Some(sender) = self.waiting.get(&order) {
            sender.send_modify(|news| news.changes += 1);
        }
    }

    /// Says that any order may have changed: word of it may be lost.
    pub fn all_may_have_changed(&self) {
        for sender in &self.waiting {
            sender.send_modify(|news| news.changes += 1);
        }
    }

    /// Says that an order was written, by this process and for the first time: whoever waits for
    /// it need not read it.
    pub fn order_written(&self, order: StoredOrder) {
        if let Some(sender) = self.waiting.get(&order.checkout.order_id) {
            sender.send_modify(|news| {
                news.changes += 1;
                news.written = Some(Arc::new(order));
            });
        }
    }

    /// Has `tell` be told of every order whose change the catalogue has; the first one that asks is.
    pub fn tell_of_shown(&self, tell: impl Fn(OrderId) + Send + Sync + 'static) {
        drop(self.shown.set(Box::new(tell)));
    }

    /// Says that the catalogue has the stock as `order` has left it.
    pub fn order_shown(&self, order: OrderId) {
        if let Some(tell) = self.shown.get() {
            tell(order);
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
        if self.news.changed().await.is_err() {
            // The sender lives as long as we are subscribed.
            std::future::pending::<()>().await;
        }
    }

    /// The order as it was first written, if this process wrote it while somebody waited for it.
    #[must_use]
    pub fn written(&self) -> Option<Arc<StoredOrder>> {
        self.news.borrow().written.clone()
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        // Ours goes first, so that of two that are dropped at once the last one finds nobody.
        drop(std::mem::replace(&mut self.news, watch::channel(News::default()).1));
        self.hub.waiting.remove_if(&self.order, |_, sender| sender.receiver_count() == 0);
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

    #[tokio::test]
    async fn whoever_waits_looks_again_when_word_may_be_lost() {
        let hub = Hub::default();
        let mut both = [1, 2].map(|id| hub.subscribe(OrderId(uuid::Uuid::from_u128(id))));
        hub.all_may_have_changed();
        for subscription in &mut both {
            subscription.changed().await;
        }
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
