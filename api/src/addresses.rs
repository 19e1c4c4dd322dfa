//! How many orders one address holds: those that are written, and on this node those that are about
//! to be.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::OrderId;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// ClientAddresses by a keyed hash: the same on every node, and no address to be read in histories.
#[derive(Clone)]
pub struct ClientAddresses {
    key: Arc<[u8]>,
    starting: Arc<Mutex<BTreeMap<String, Vec<OrderId>>>>,
}

/// An order of an address that may hold units and is not written yet; ends when it is dropped.
pub struct Starting {
    addresses: ClientAddresses,
    client_key: String,
    order: OrderId,
    others: Vec<OrderId>,
}

impl ClientAddresses {
    /// ClientAddresses are hashed with `key`.
    pub fn new(key: Vec<u8>) -> Self {
        Self { key: key.into(), starting: Arc::default() }
    }

    /// Counts `order` among those of `client`, from before it is known whether it may be.
    pub fn start(&self, client: IpAddr, order: OrderId) -> Starting {
        let client_key = self.client_key(client);
        let mut starting = self.starting();
        let orders = starting.entry(client_key.clone()).or_default();
        let mut others: Vec<_> = orders.iter().copied().filter(|other| *other != order).collect();
        others.sort_unstable();
        others.dedup();
        orders.push(order);
        drop(starting);
        Starting { addresses: self.clone(), client_key, order, others }
    }

    /// What `client` is counted under.
    pub fn client_key(&self, client: IpAddr) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).map(|mut mac| {
            mac.update(b"client address ");
            mac.update(client.to_string().as_bytes());
            hex::encode(mac.finalize().into_bytes())
        });
        mac.unwrap_or_default()
    }

    fn starting(&self) -> MutexGuard<'_, BTreeMap<String, Vec<OrderId>>> {
        // Nothing in here can panic half-way.
        self.starting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Starting {
    /// What its address is counted under.
    pub fn client_key(&self) -> &str {
        &self.client_key
    }

    /// Those of its address that were about to be written when it came.
    pub fn others(&self) -> &[OrderId] {
        &self.others
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let mut starting = self.addresses.starting();
        let Some(orders) = starting.get_mut(&self.client_key) else { return };
        if let Some(at) = orders.iter().position(|order| *order == self.order) {
            orders.swap_remove(at);
        }
        if orders.is_empty() {
            starting.remove(&self.client_key);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn addresses() -> ClientAddresses {
        ClientAddresses::new(vec![7; 32])
    }

    fn order() -> OrderId {
        OrderId(Uuid::new_v4())
    }

    #[test]
    fn orders_under_way_count_once_each_until_they_are_over() {
        let (addresses, client) = (addresses(), IpAddr::from([192, 0, 2, 1]));
        let (first, again) = (order(), order());
        let under_way = addresses.start(client, first);
        assert!(under_way.others().is_empty());
        let second = addresses.start(client, again);
        assert_eq!(second.others(), [first]);
        let retried = addresses.start(client, again);
        assert_eq!(retried.others(), [first], "a retry is the same order");
        assert!(addresses.start([192, 0, 2, 2].into(), order()).others().is_empty());
        drop((under_way, second));
        assert_eq!(addresses.start(client, order()).others(), [again], "its retry is under way");
        drop(retried);
        assert!(addresses.start(client, order()).others().is_empty());
        assert!(addresses.starting().is_empty());
    }

    #[test]
    fn an_address_has_one_hash_and_another_another() {
        let hash = |last| addresses().client_key([192, 0, 2, last].into());
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
        assert_eq!(hash(1).len(), 64);
    }
}
