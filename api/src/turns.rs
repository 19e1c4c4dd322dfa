//! One at a time, for requests about the same order: of twenty clicks on "pay", the first asks the
//! order's workflow and the others see what came of it.

use std::sync::{Arc, Weak};

use dashmap::DashMap;
use domain::OrderId;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Whose turn it is. Holds an entry only while somebody has or waits for a turn.
#[derive(Default)]
pub struct Turns {
    waiting: DashMap<OrderId, Weak<Mutex<()>>>,
}

/// A turn; the next one's begins when it is dropped.
pub struct Turn<'a> {
    turns: &'a Turns,
    order: OrderId,
    guard: Option<OwnedMutexGuard<()>>,
    /// Whether somebody else had a turn just before.
    pub waited: bool,
}

impl Turns {
    /// Waits for a turn with `order`.
    pub async fn wait(&self, order: OrderId) -> Turn<'_> {
        let mutex = {
            let mut entry = self.waiting.entry(order).or_default();
            entry.upgrade().unwrap_or_else(|| {
                let mutex = Arc::new(Mutex::new(()));
                *entry = Arc::downgrade(&mutex);
                mutex
            })
        };
        let (guard, waited) = match Arc::clone(&mutex).try_lock_owned() {
            Ok(guard) => (guard, false),
            Err(_) => (mutex.lock_owned().await, true),
        };
        Turn { turns: self, order, guard: Some(guard), waited }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        self.turns.waiting.remove_if(&self.order, |_, mutex| mutex.strong_count() == 0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn two_of_one_order_never_have_their_turn_at_once_and_are_forgotten_after() {
        let (turns, inside) = (Turns::default(), AtomicU32::new(0));
        let order = OrderId(uuid::Uuid::from_u128(1));
        let visit = || async {
            let _turn = turns.wait(order).await;
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        futures::future::join_all((0..20).map(|_| visit())).await;
        assert!(turns.waiting.is_empty());
    }

    #[tokio::test]
    async fn another_order_does_not_wait() {
        let turns = Turns::default();
        let _one = turns.wait(OrderId(uuid::Uuid::from_u128(1))).await;
        let _other = turns.wait(OrderId(uuid::Uuid::from_u128(2))).await;
    }
}
