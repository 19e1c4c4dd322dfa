//! The numbers of a part of the time, or of a product, and what follows from them.

use std::collections::BTreeMap;

use domain::{Currency, Money};
use read_model::funnel::Count;
use serde_json::{Value, json};

/// The steps from a product to a paid order: first sessions of browsers, then orders.
pub const STAGES: [&str; 6] = [
    "product_viewed",
    "added_to_cart",
    "checkout_opened",
    "stock_held",
    "payment_submitted",
    "paid",
];
/// How a held order ends that is not paid.
pub const REASONS: [&str; 3] = ["expired", "cancelled", "payment_failed"];
/// What a shopper does last in an order that is abandoned, from first to last.
pub const LAST_STEPS: [&str; 6] = [
    "held",
    "payment_submitted",
    "payment_processing",
    "payment_requires_action",
    "payment_declined",
    "payment_authorized",
];

/// Numbers by measure and detail.
#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<(String, String), i64>);

impl Counts {
    /// Adds a number.
    pub fn add(&mut self, count: &Count) {
        *self.0.entry((count.measure.clone(), count.detail.clone())).or_default() += count.count;
    }

    fn of(&self, measure: &str, detail: &str) -> i64 {
        self.0.get(&(measure.to_owned(), detail.to_owned())).copied().unwrap_or_default()
    }

    fn all(&self, measure: &str) -> i64 {
        self.details(measure).map(|(_, count)| count).sum()
    }

    fn details<'a>(&'a self, measure: &'a str) -> impl Iterator<Item = (&'a str, i64)> {
        self.0
            .iter()
            .filter(move |((own, _), _)| own == measure)
            .map(|((_, detail), count)| (detail.as_str(), *count))
    }

    /// How many got to a stage.
    pub fn stage(&self, stage: &str) -> i64 {
        self.of(stage, "")
    }

    /// By what products are listed.
    pub fn standing(&self) -> (i64, i64, i64) {
        (self.stage("stock_held"), self.stage("added_to_cart"), self.stage("product_viewed"))
    }

    /// How many of those at the stage before came to this one.
    pub fn conversion(&self, index: usize) -> Option<f64> {
        let before = STAGES.get(index.checked_sub(1)?)?;
        share(self.stage(STAGES.get(index)?), self.stage(before))
    }

    /// Held orders that ended unpaid.
    pub fn abandoned(&self) -> i64 {
        REASONS.iter().map(|reason| self.all(reason)).sum()
    }

    /// Those of them that ended for this reason after this step.
    pub fn abandoned_after(&self, reason: &str, step: &str) -> i64 {
        self.of(reason, step)
    }

    /// Held orders that have not ended.
    pub fn open(&self) -> i64 {
        self.stage("stock_held") - self.stage("paid") - self.abandoned()
    }

    /// Of the held orders that have ended, how many were not paid.
    pub fn checkout_abandonment(&self) -> Option<f64> {
        share(self.abandoned(), self.abandoned() + self.stage("paid"))
    }

    /// Carts without a checkout, for good.
    pub fn carts_abandoned(&self) -> i64 {
        self.stage("added_to_cart") - self.stage("cart_checked_out") - self.stage("cart_open")
    }

    /// Of the carts of which it is known, how many led to no checkout.
    pub fn cart_abandonment(&self) -> Option<f64> {
        let abandoned = self.carts_abandoned();
        share(abandoned, abandoned + self.stage("cart_checked_out"))
    }

    /// As the API answers them.
    pub fn json(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("stages", members(STAGES.map(|stage| (stage, json!(self.stage(stage)))))),
            ("conversion", self.conversions()),
            (
                "cart_abandonment",
                json!({
                    "carts": self.stage("added_to_cart"),
                    "checked_out": self.stage("cart_checked_out"),
                    "open": self.stage("cart_open"),
                    "abandoned": self.carts_abandoned(),
                    "rate": self.cart_abandonment(),
                }),
            ),
            (
                "checkout_abandonment",
                json!({
                    "held": self.stage("stock_held"),
                    "paid": self.stage("paid"),
                    "open": self.open(),
                    "abandoned": self.abandoned(),
                    "rate": self.checkout_abandonment(),
                    "by_reason": members(REASONS.map(|reason| (reason, json!(self.all(reason))))),
                    "by_last_step": members(LAST_STEPS.map(|step| (step, self.by_reason(step)))),
                }),
            ),
            ("refusals", self.refusals()),
            ("revenue", self.revenue().into_iter().map(|money| json!(money)).collect()),
        ]
    }

    fn conversions(&self) -> Value {
        let mut all: Vec<_> =
            (1..STAGES.len()).map(|index| (STAGES[index], json!(self.conversion(index)))).collect();
        all.push(("overall", json!(share(self.stage("paid"), self.stage("product_viewed")))));
        members(all)
    }

    fn by_reason(&self, step: &str) -> Value {
        members(REASONS.map(|reason| (reason, json!(self.abandoned_after(reason, step)))))
    }

    fn refusals(&self) -> Value {
        let (out_of_stock, price_changed) =
            (self.of("refused", "out_of_stock"), self.of("refused", "price_changed"));
        let other = self.all("refused") - out_of_stock - price_changed;
        json!({"out_of_stock": out_of_stock, "price_changed": price_changed, "other": other})
    }

    /// What was captured, in each currency.
    pub fn revenue(&self) -> Vec<Money> {
        let money = |(code, amount): (&str, i64)| {
            code.parse().ok().map(|currency: Currency| Money::new(amount, currency))
        };
        self.details("revenue").filter_map(money).collect()
    }
}

/// A share, to four digits; none of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 1e4).round() / 1e4)
}

fn members(all: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(all: &[(&str, &str, i64)]) -> Counts {
        let mut counts = Counts::default();
        for (measure, detail, count) in all {
            let (measure, detail) = ((*measure).to_owned(), (*detail).to_owned());
            counts.add(&Count { part: 1, sku: String::new(), measure, detail, count: *count });
        }
        counts
    }

    #[test]
    fn a_held_order_is_paid_abandoned_or_open() {
        let some = counts(&[
            ("stock_held", "", 5),
            ("paid", "", 2),
            ("expired", "held", 1),
            ("cancelled", "payment_declined", 1),
        ]);
        assert_eq!((some.abandoned(), some.open()), (2, 1));
        assert_eq!(some.checkout_abandonment(), Some(0.5));
        assert_eq!(some.abandoned_after("cancelled", "payment_declined"), 1);
    }

    #[test]
    fn a_cart_that_may_still_be_checked_out_is_not_abandoned() {
        let some =
            counts(&[("added_to_cart", "", 4), ("cart_checked_out", "", 1), ("cart_open", "", 2)]);
        assert_eq!((some.carts_abandoned(), some.cart_abandonment()), (1, Some(0.5)));
    }

    #[test]
    fn of_nothing_there_is_no_share() {
        let none = Counts::default();
        assert_eq!((none.conversion(1), none.checkout_abandonment()), (None, None));
    }
}
