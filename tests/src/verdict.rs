//! What has to be true when all is over: what shoppers were told, what operators see and what the
//! provider's books say agree.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::{
    Books,
    told::{OPEN, Told, may_follow},
};

/// What a unit of each product costs, in minor units.
pub const PRICE: i64 = 1_200;

/// Orders that are read at once.
const READ_AT_ONCE: usize = 8;

/// What came of orders, once all of them have ended.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What is not as it has to be, a sentence each.
    pub broken: Vec<String>,
    /// How many orders ended in which state; `nowhere` are those that the shop does not know.
    pub ended: BTreeMap<String, u64>,
    /// All that is known of the orders that something is wrong with.
    pub wrong: Vec<Value>,
}

/// Holds what shoppers were `told` against the books, and the stock against what it was at first,
/// when `stocked` units were there of each product.
///
/// # Errors
/// When the books can't be read.
pub async fn verdict_on(
    books: &Books,
    told: &[Told],
    stocked: &BTreeMap<String, i64>,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let found = books.orders("").await?;
    let ours: BTreeSet<String> = told.iter().map(|told| told.order_id.to_string()).collect();
    for stranger in found.keys().filter(|id| !ours.contains(*id)) {
        verdict.broken.push(format!("order {stranger} is nobody's"));
    }
    let mut payments: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for intent in books.ledger().await? {
        match intent["order_id"].as_str().filter(|id| ours.contains(*id)) {
            Some(id) => payments.entry(id.to_owned()).or_default().push(intent),
            None => verdict.broken.push(format!("payment of nobody's order: {intent}")),
        }
    }
    let read = |told: &Told| {
        let id = told.order_id.to_string();
        async move { books.order(&id).await }
    };
    let orders: Vec<Option<Value>> =
        stream::iter(told.iter().map(read)).buffered(READ_AT_ONCE).try_collect().await?;
    let mut sold: BTreeMap<&str, i64> = BTreeMap::new();
    for (told, order) in told.iter().zip(&orders) {
        let id = told.order_id.to_string();
        let payments = payments.get(&id).map_or(&[][..], Vec::as_slice);
        let state = order.as_ref().and_then(|order| order["state"].as_str());
        *verdict.ended.entry(state.unwrap_or("nowhere").to_owned()).or_default() += 1;
        if state == Some("paid") {
            for (sku, quantity) in &told.lines {
                *sold.entry(sku).or_default() += i64::from(*quantity);
            }
        }
        let broken = Case { told, order: order.as_ref(), payments }.broken();
        if !broken.is_empty() {
            let of_order = |what: String| format!("{} ({id}): {what}", told.label);
            verdict.broken.extend(broken.into_iter().map(of_order));
            let told = format!("{told:?}");
            verdict.wrong.push(json!({"told": told, "order": order, "payments": payments}));
        }
    }
    for (sku, units) in stocked {
        let bought = sold.get(sku.as_str()).copied().unwrap_or_default();
        verdict.broken.extend(broken_stock(&books.stock(sku).await?, sku, *units, bought));
    }
    Ok(verdict)
}

/// No unit was sold twice, and none is held.
fn broken_stock(stock: &Value, sku: &str, stocked: i64, bought: i64) -> Option<String> {
    let number = |name: &str| stock[name].as_i64().unwrap_or(i64::MIN);
    let is = (number("on_hand"), number("available"), number("held"), number("sold"));
    let has_to_be = (stocked, stocked - bought, 0, bought);
    (is != has_to_be || bought > stocked).then(|| {
        format!(
            "stock of {sku} (on hand, available, held, sold) is {is:?}, has to be {has_to_be:?}"
        )
    })
}

/// One order: what was told of it, what it is, and what was paid for it.
struct Case<'a> {
    told: &'a Told,
    order: Option<&'a Value>,
    payments: &'a [Value],
}

impl Case<'_> {
    fn broken(&self) -> Vec<String> {
        let mut broken = self.told.contradictions.clone();
        match self.order {
            Some(order) => self.told_the_truth(order, &mut broken),
            None if self.told.acknowledged => broken.push("acknowledged, and lost".to_owned()),
            None => {}
        }
        self.paid_for(&mut broken);
        broken
    }

    fn told_the_truth(&self, order: &Value, broken: &mut Vec<String>) {
        let Told { settled, refusal, unanswered, tried_to_pay, called_off, .. } = self.told;
        let state = order["state"].as_str().unwrap_or_default();
        if OPEN.contains(&state) {
            broken.push(format!("still {state}"));
        }
        if let Some(settled) = settled.as_deref().filter(|settled| !may_follow(settled, state)) {
            broken.push(format!("told {settled}, and it is {state}"));
        }
        // A PUT that nobody heard the answer of may have come after the one that was refused.
        if refusal.is_some() && !unanswered && state != "refused" {
            broken.push(format!("told out of stock, and it is {state}"));
        }
        if matches!(state, "confirmed" | "paid") && !tried_to_pay {
            broken.push("bought by somebody who did not pay".to_owned());
        }
        if state == "cancelled" && !called_off {
            broken.push("cancelled by nobody".to_owned());
        }
        if state == "payment_failed" {
            broken.push("its authorization can't have run out".to_owned());
        }
        let asked: BTreeMap<_, _> =
            self.told.lines.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect();
        let has = |line: &Value| {
            let quantity = line["quantity"].as_u64().and_then(|it| u32::try_from(it).ok());
            line["sku"].as_str().is_some_and(|sku| asked.get(sku).copied() == quantity)
        };
        let lines = order["lines"].as_array().map_or(&[][..], Vec::as_slice);
        if state != "refused" && (lines.len() != asked.len() || !lines.iter().all(has)) {
            broken.push(format!("asked for {asked:?}, and has {}", order["lines"]));
        }
    }

    /// A paid order has one payment that was captured, once and in full; every other has no money.
    fn paid_for(&self, broken: &mut Vec<String>) {
        let state = self.order.and_then(|order| order["state"].as_str());
        let number = |intent: &Value, name: &str| intent[name].as_i64().unwrap_or(i64::MIN);
        let captured: Vec<_> =
            self.payments.iter().filter(|it| number(it, "captured") != 0).collect();
        let kept: i64 =
            self.payments.iter().map(|it| number(it, "captured") - number(it, "refunded")).sum();
        let owed: i64 =
            self.told.lines.iter().map(|(_, quantity)| i64::from(*quantity) * PRICE).sum();
        if state == Some("paid") {
            if captured.len() != 1 || kept != owed || number(captured[0], "captured") != owed {
                broken.push(format!("paid, {owed} owed, and the provider has {:?}", self.payments));
            }
        } else if kept != 0 {
            broken.push(format!("not paid, and the provider has {:?}", self.payments));
        }
        if self.payments.len() > 1 {
            broken.push(format!("more than one payment: {:?}", self.payments));
        }
        for intent in self.payments {
            if number(intent, "amount_capturable") != 0 {
                broken.push(format!("an authorization is left: {intent}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Two units, paid for.
    fn told() -> Told {
        let mut told = Told::new("a test".to_owned(), Uuid::nil(), vec![("mug".to_owned(), 2)]);
        told.acknowledged = true;
        told.tried_to_pay = true;
        told
    }

    fn order(state: &str, quantity: u32) -> Value {
        json!({"state": state, "lines": [{"sku": "mug", "quantity": quantity}]})
    }

    fn payment(captured: i64, refunded: i64, capturable: i64) -> Value {
        json!({"captured": captured, "refunded": refunded, "amount_capturable": capturable})
    }

    fn broken(told: &Told, order: Option<Value>, payments: &[Value]) -> usize {
        Case { told, order: order.as_ref(), payments }.broken().len()
    }

    #[test]
    fn what_is_as_it_has_to_be_is_no_violation() {
        let paid = [payment(2 * PRICE, 0, 0)];
        assert_eq!(broken(&told(), Some(order("paid", 2)), &paid), 0);
        let given_back = [payment(2 * PRICE, 2 * PRICE, 0)];
        assert_eq!(broken(&told(), Some(order("expired", 2)), &given_back), 0);
        let unheard = Told { acknowledged: false, ..told() };
        assert_eq!(broken(&unheard, None, &[]), 0);
    }

    #[test]
    fn money_that_is_not_as_the_order_says_is_found() {
        let cases = [
            ("paid", vec![]),
            ("paid", vec![payment(PRICE, 0, 0)]),
            ("paid", vec![payment(2 * PRICE, PRICE, 0)]),
            ("paid", vec![payment(2 * PRICE, 0, 0), payment(0, 0, 0)]),
            ("expired", vec![payment(2 * PRICE, 0, 0)]),
            ("expired", vec![payment(0, 0, 2 * PRICE)]),
        ];
        for (state, payments) in cases {
            assert_eq!(
                broken(&told(), Some(order(state, 2)), &payments),
                1,
                "{state} {payments:?}"
            );
        }
        let twice = [payment(2 * PRICE, 0, 0), payment(2 * PRICE, 0, 0)];
        assert!(broken(&told(), Some(order("paid", 2)), &twice) > 0);
    }

    #[test]
    fn what_was_told_and_did_not_stay_true_is_found() {
        assert_eq!(broken(&told(), None, &[]), 1, "acknowledged, and lost");
        assert_eq!(broken(&told(), Some(order("paying", 2)), &[]), 1, "not ended");
        assert_eq!(broken(&told(), Some(order("expired", 1)), &[]), 1, "another quantity");
        assert_eq!(broken(&told(), Some(order("cancelled", 2)), &[]), 1, "by nobody");
        let settled = |state: &str| Told { settled: Some(state.to_owned()), ..told() };
        assert_eq!(broken(&settled("confirmed"), Some(order("expired", 2)), &[]), 1);
        assert_eq!(broken(&settled("expired"), Some(order("expired", 2)), &[]), 0);
        let refused = Told { refusal: Some("out-of-stock".to_owned()), ..told() };
        assert_eq!(broken(&refused, Some(order("expired", 2)), &[]), 1);
        let not_paid_for = Told { tried_to_pay: false, ..told() };
        let paid = [payment(2 * PRICE, 0, 0)];
        assert_eq!(broken(&not_paid_for, Some(order("paid", 2)), &paid), 1);
    }

    #[test]
    fn a_unit_that_was_sold_twice_or_is_held_is_found() {
        let stock = |available: i64, held: i64, sold: i64| {
            let stock = json!({"on_hand": 5, "available": available, "held": held, "sold": sold});
            broken_stock(&stock, "mug", 5, 5)
        };
        assert_eq!(stock(0, 0, 5), None);
        assert!(stock(0, 1, 4).is_some(), "held by nobody");
        assert!(stock(-1, 0, 6).is_some(), "oversold");
        let more_than_there_was = json!({"on_hand": 5, "available": -1, "held": 0, "sold": 6});
        assert!(broken_stock(&more_than_there_was, "mug", 5, 6).is_some());
    }
}
