//! What a provider says that is not so.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use serde_json::{Value, json};
use system_tests::eventually;
use uuid::Uuid;

use crate::faults::{front::Front, temporal::SOON};

/// A kind of lie, always told with 200.
#[derive(Clone, Debug)]
pub enum Untruth {
    /// An error, where there was none.
    Error,
    /// Another sum.
    WrongAmount,
    /// A state that no payment has.
    UnknownState,
    /// What is true of another order's payment.
    OfAnother(Value),
}

impl Untruth {
    fn tell(&self, answer: &mut Value) {
        match self {
            Self::Error => *answer = json!({"error": {"type": "api_error", "message": "no"}}),
            Self::WrongAmount => answer["amount"] = json!(1),
            Self::UnknownState => answer["status"] = json!("requires_patience"),
            Self::OfAnother(other) => answer.clone_from(other),
        }
    }
}

/// A lie about the payment of one order, told again and again until it is ended.
pub struct Lie(Arc<Inner>);

struct Inner {
    about: String,
    /// Whether it is told at this address.
    at: fn(&str) -> bool,
    untruth: Untruth,
    told: AtomicU32,
    over: AtomicBool,
}

impl Lie {
    /// From now on whatever would be said of the payment of `order` at the addresses `at` is not so.
    pub fn tell(front: &Front, order: Uuid, at: fn(&str) -> bool, untruth: Untruth) -> Self {
        let lie = Arc::new(Inner {
            about: order.to_string(),
            at,
            untruth,
            told: AtomicU32::new(0),
            over: AtomicBool::new(false),
        });
        let told = Arc::clone(&lie);
        front.changes_answers(move |address, answer| told.change(address.path(), answer));
        Self(lie)
    }

    /// Waits until it was told twice more: whoever heard it asks again.
    pub async fn is_told_again(&self) {
        let told = || self.0.told.load(Ordering::Relaxed);
        let before = told();
        eventually(&format!("a lie about {} is told again", self.0.about), SOON, || async {
            (told() >= before + 2).then_some(())
        })
        .await;
    }

    /// From now on the truth is told.
    pub fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Inner {
    fn change(&self, path: &str, answer: &mut Value) {
        if self.over.load(Ordering::Relaxed) || !(self.at)(path) {
            return;
        }
        match answer.get_mut("data").and_then(Value::as_array_mut) {
            Some(listed) => listed.iter_mut().for_each(|one| self.change_one(one)),
            None => self.change_one(answer),
        }
    }

    fn change_one(&self, answer: &mut Value) {
        if answer["metadata"]["order_id"] == *self.about {
            self.untruth.tell(answer);
            self.told.fetch_add(1, Ordering::Relaxed);
        }
    }
}
