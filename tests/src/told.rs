//! What a shopper was told of an order, to be held against what became of it.

use serde_json::Value;
use uuid::Uuid;

use crate::Reply;

/// An order, as its shopper knows it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Whose it is, the how-manieth of theirs, and what they were up to.
    pub label: String,
    pub order_id: Uuid,
    /// Each product, and how many of it.
    pub lines: Vec<(String, u32)>,
    /// Whether the PUT was ever answered with success.
    pub acknowledged: bool,
    /// Whether a PUT was sent whose answer did not come: it may arrive at any time.
    pub unanswered: bool,
    /// Whether the shopper ever sent an attempt to pay.
    pub tried_to_pay: bool,
    /// Whether the shopper ever called it off.
    pub called_off: bool,
    /// The slug of the problem that the PUT was refused with.
    pub refusal: Option<String>,
    /// The total, in minor units.
    pub total: Option<i64>,
    /// The state that no later one may contradict: `confirmed`, or an end.
    pub settled: Option<String>,
    /// What can't have been true together.
    pub contradictions: Vec<String>,
}

/// The states in which nothing is decided yet.
pub const OPEN: [&str; 5] = ["reserving", "awaiting_payment", "paying", "confirmed", "closing"];

/// Whether a shopper who was told `earlier` may find `later`.
#[must_use]
pub fn may_follow(earlier: &str, later: &str) -> bool {
    match earlier {
        // Nobody waits until an authorization runs out: what is confirmed is captured.
        "confirmed" => matches!(later, "confirmed" | "paid"),
        end => later == end,
    }
}

impl Told {
    /// An order of which nothing was told yet.
    #[must_use]
    pub const fn new(label: String, order_id: Uuid, lines: Vec<(String, u32)>) -> Self {
        Self {
            label,
            order_id,
            lines,
            acknowledged: false,
            unanswered: false,
            tried_to_pay: false,
            called_off: false,
            refusal: None,
            total: None,
            settled: None,
            contradictions: Vec::new(),
        }
    }

    /// Takes in an answer about the order.
    pub fn hear(&mut self, reply: &Reply) {
        if reply.status.is_success() {
            self.acknowledged = true;
            self.see(&reply.body);
        }
    }

    /// Takes in a checkout.
    pub fn see(&mut self, checkout: &Value) {
        let Some(state) = checkout["state"].as_str() else {
            return self.contradictions.push(format!("told success without a state: {checkout}"));
        };
        if checkout["order_id"] != self.order_id.to_string() {
            self.contradictions.push(format!("told of another order: {checkout}"));
        }
        self.acknowledged = true;
        if let Some(total) = checkout["total"]["amount"].as_i64()
            && let Some(before) = self.total.replace(total).filter(|before| *before != total)
        {
            self.contradictions.push(format!("told a total of {before}, and then of {total}"));
        }
        if let Some(earlier) = self.settled.clone().filter(|earlier| !may_follow(earlier, state)) {
            self.contradictions.push(format!("told {earlier}, and then {state}"));
        }
        if state == "confirmed" || !OPEN.contains(&state) {
            self.settled = Some(state.to_owned());
        }
    }

    /// Takes in that it can't be called off any more.
    pub fn is_bought(&mut self) {
        self.settled.get_or_insert_with(|| "confirmed".to_owned());
    }

    /// Whether the shopper knows how it ended.
    #[must_use]
    pub fn knows_the_end(&self) -> bool {
        self.settled.as_deref().is_some_and(|state| state != "confirmed")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(states: &[&str]) -> Told {
        let mut told = Told::new("a test".to_owned(), Uuid::nil(), Vec::new());
        for state in states {
            told.see(&json!({"order_id": Uuid::nil(), "state": state, "total": {"amount": 5}}));
        }
        told
    }

    #[test]
    fn an_end_that_was_told_stays_the_end() {
        for fine in
            [["awaiting_payment", "paying", "confirmed", "paid"].as_slice(), &["expired"; 2]]
        {
            assert!(told(fine).contradictions.is_empty(), "{fine:?}");
            assert!(told(fine).knows_the_end());
        }
        for wrong in [["paid", "expired"], ["confirmed", "cancelled"], ["cancelled", "paying"]] {
            assert_eq!(told(&wrong).contradictions.len(), 1, "{wrong:?}");
        }
        assert!(!told(&["paying", "confirmed"]).knows_the_end());
    }

    #[test]
    fn a_total_that_changes_is_noticed() {
        let mut one = told(&["paying"]);
        let state = json!({"order_id": Uuid::nil(), "state": "paying", "total": {"amount": 6}});
        one.see(&state);
        assert_eq!(one.contradictions.len(), 1);
    }
}
