//! Who may start a checkout when many want the same units: first come by arrival, and no more than
//! can win. The snapshot knows what is held; units that an order of this node is about to hold are
//! promised to it until its outcome shows, and nobody else starts a workflow for them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{CartLines, OrderId, Sku, StockLine};

/// The promises of this node.
#[derive(Clone, Default)]
pub struct Admission(Arc<Mutex<Promises>>);

#[derive(Default)]
struct Promises {
    units: BTreeMap<Sku, i64>,
    orders: BTreeMap<OrderId, Promised>,
}

struct Promised {
    lines: CartLines,
    /// How many requests of the order are under way.
    requests: usize,
    /// Whether the snapshot has what came of the order, so that its units are counted there.
    is_shown: bool,
}

/// A promise of an order's units; ends when it is dropped.
pub struct Admitted {
    admission: Admission,
    order: OrderId,
}

impl Admission {
    /// Promises `lines` to `order` if `decide` takes them from what `stock` has besides what was
    /// promised to others. However many requests an order makes, its units are promised once.
    ///
    /// # Errors
    /// What `decide` refuses.
    pub fn admit<Priced, Refusal>(
        &self,
        order: OrderId,
        lines: &CartLines,
        mut stock: BTreeMap<Sku, StockLine>,
        decide: impl FnOnce(&mut BTreeMap<Sku, StockLine>) -> Result<Priced, Refusal>,
    ) -> Result<(Priced, Admitted), Refusal> {
        let mut promises = self.promises();
        promises.take_from(&mut stock, order);
        let priced = decide(&mut stock)?;
        promises.make(order, lines);
        Ok((priced, Admitted { admission: self.clone(), order }))
    }

    /// The snapshot has what came of `order`: units that it holds are missing there, and would be
    /// counted twice for as long as its requests take to be answered. Whoever comes meanwhile would
    /// be told that the last unit is gone while it is not.
    pub fn shown(&self, order: OrderId) {
        self.promises().show(order);
    }

    fn promises(&self) -> MutexGuard<'_, Promises> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Promises {
    /// Leaves of `stock` what was not promised to orders other than `order`.
    fn take_from(&self, stock: &mut BTreeMap<Sku, StockLine>, order: OrderId) {
        for (sku, line) in &mut *stock {
            line.available -= self.units.get(sku).copied().unwrap_or_default();
        }
        let own = self.orders.get(&order).filter(|promised| !promised.is_shown);
        for line in own.iter().flat_map(|promised| promised.lines.as_slice()) {
            if let Some(own) = stock.get_mut(&line.sku) {
                own.available += i64::from(line.quantity.get());
            }
        }
    }

    fn make(&mut self, order: OrderId, lines: &CartLines) {
        match self.orders.entry(order) {
            Entry::Occupied(mut known) => known.get_mut().requests += 1,
            Entry::Vacant(new) => {
                new.insert(Promised { lines: lines.clone(), requests: 1, is_shown: false });
                for line in lines.as_slice() {
                    *self.units.entry(line.sku.clone()).or_default() +=
                        i64::from(line.quantity.get());
                }
            }
        }
    }

    fn end(&mut self, order: OrderId) {
        let Entry::Occupied(mut known) = self.orders.entry(order) else { return };
        known.get_mut().requests -= 1;
        if known.get().requests > 0 {
            return;
        }
        let promised = known.remove();
        if !promised.is_shown {
            self.take_back(&promised.lines);
        }
    }

    fn show(&mut self, order: OrderId) {
        let Some(promised) = self.orders.get_mut(&order).filter(|it| !it.is_shown) else { return };
        promised.is_shown = true;
        let lines = promised.lines.clone();
        self.take_back(&lines);
    }

    fn take_back(&mut self, lines: &CartLines) {
        for line in lines.as_slice() {
            if let Entry::Occupied(mut promised) = self.units.entry(line.sku.clone()) {
                *promised.get_mut() -= i64::from(line.quantity.get());
                if *promised.get() <= 0 {
                    promised.remove();
                }
            }
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.promises().end(self.order);
    }
}

#[cfg(test)]
mod tests {
    use domain::{Money, Refusal, allocate};
    use uuid::Uuid;

    use super::*;

    fn order(number: u128) -> OrderId {
        OrderId(Uuid::from_u128(number))
    }

    fn cart(lines: &[(&str, u32)]) -> CartLines {
        let line = |&(sku, quantity): &(&str, u32)| domain::CartLine {
            sku: sku.parse().unwrap(),
            quantity: quantity.try_into().unwrap(),
        };
        lines.iter().map(line).collect::<Vec<_>>().try_into().unwrap()
    }

    /// Five mugs and one pot, none of them held.
    fn stock() -> BTreeMap<Sku, StockLine> {
        let line = |available| StockLine {
            name: String::new(),
            unit_price: Money::new(100, "EUR".parse().unwrap()),
            available,
        };
        [("mug".parse().unwrap(), line(5)), ("pot".parse().unwrap(), line(1))].into()
    }

    fn admit(
        admission: &Admission,
        order: OrderId,
        lines: &CartLines,
    ) -> Result<Admitted, Refusal> {
        admit_from(stock(), admission, order, lines)
    }

    fn admit_from(
        stock: BTreeMap<Sku, StockLine>,
        admission: &Admission,
        order: OrderId,
        lines: &CartLines,
    ) -> Result<Admitted, Refusal> {
        let decide = |stock: &mut _| allocate(lines, None, stock);
        admission.admit(order, lines, stock, decide).map(|(_, admitted)| admitted)
    }

    #[test]
    fn no_more_orders_are_admitted_than_can_win() {
        let admission = Admission::default();
        let admitted: Vec<_> = (0..50)
            .filter_map(|n| admit(&admission, order(n), &cart(&[("mug", 1)])).ok())
            .collect();
        assert_eq!(admitted.len(), 5);
        drop(admitted);
        assert!(admit(&admission, order(99), &cart(&[("mug", 5)])).is_ok());
    }

    #[test]
    fn an_order_that_asks_again_is_admitted_again_and_its_units_are_promised_once() {
        let admission = Admission::default();
        let all = cart(&[("mug", 5)]);
        let first = admit(&admission, order(1), &all).ok().unwrap();
        let again = admit(&admission, order(1), &all).ok().unwrap();
        assert!(admit(&admission, order(2), &cart(&[("mug", 1)])).is_err());
        drop(first);
        assert!(admit(&admission, order(2), &cart(&[("mug", 1)])).is_err());
        drop(again);
        assert!(admit(&admission, order(2), &cart(&[("mug", 1)])).is_ok());
        assert!(admission.promises().units.is_empty());
    }

    /// A request that is slow to be answered keeps nobody from the last unit.
    #[test]
    fn units_that_the_snapshot_lacks_already_are_not_promised_as_well() {
        let (admission, one) = (Admission::default(), cart(&[("mug", 1)]));
        let slow: Vec<_> =
            (0..4).map(|n| admit(&admission, order(n), &one).ok().unwrap()).collect();
        let mut held = stock();
        held.get_mut(&"mug".parse::<Sku>().unwrap()).unwrap().available = 1;
        assert!(admit_from(held.clone(), &admission, order(9), &one).is_err());
        (0..4).for_each(|n| admission.shown(order(n)));
        admission.shown(order(0));
        let last = admit_from(held.clone(), &admission, order(9), &one).ok().unwrap();
        assert!(admit_from(held.clone(), &admission, order(10), &one).is_err());
        drop(slow);
        assert!(admit_from(held, &admission, order(10), &one).is_err(), "taken back once");
        drop(last);
        assert!(admission.promises().units.is_empty() && admission.promises().orders.is_empty());
    }

    #[test]
    fn an_order_that_is_refused_promises_nothing_of_it() {
        let admission = Admission::default();
        let _pot = admit(&admission, order(1), &cart(&[("pot", 1)])).ok().unwrap();
        assert!(admit(&admission, order(2), &cart(&[("mug", 5), ("pot", 1)])).is_err());
        assert!(admit(&admission, order(3), &cart(&[("mug", 5)])).is_ok());
    }
}
