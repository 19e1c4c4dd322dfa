//! Which way leads an order to a point, and what the order ends with.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use system_tests::{Operator, Shop, Shopper, eventually};
use temporalio_client::WorkflowExecutionStatus::Completed;

use crate::faults::{
    buying,
    temporal::{self, SOON, Temporal},
};

/// A hold that ends by itself, and gives a slow machine the time to come to the bank's page.
const SHORT: Duration = Duration::from_secs(8);
/// How long an order may take to its end once all are back.
const ENDS_WITHIN: Duration = Duration::from_mins(2);
/// Units that an operator counts in.
pub const COUNTED_IN: i64 = 3;

/// What an order goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journey {
    /// Held, paid.
    Paid,
    /// The shopper approves the payment with their bank.
    Approved,
    /// Called off while the bank waits for the shopper.
    CalledOff,
    /// Nobody pays.
    Expired,
    /// The hold ends while the bank waits for the shopper.
    ExpiredUnapproved,
    /// The authorization is gone when the money is to be moved.
    CaptureRefused,
    /// Paid; an operator gives all of it back and restocks the unit.
    Refunded,
    /// Paid; somebody gives all of it back at the provider.
    RefundedAtProvider,
    /// Paid; the cardholder disputes it.
    Disputed,
    /// No order at all: an operator counts units in.
    Counted,
}

/// The ways that lead to a point, the shortest first.
pub fn journeys_to(point: &str) -> &'static [Journey] {
    let mut words = point.split('.');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("activity", "reserve" | "authorize" | "commit" | "capture")
        | ("transaction", "reserve" | "commit")
        | ("provider" | "sandbox", "create" | "confirm" | "capture")
        | ("sandbox", "webhook")
        | ("api", "start" | "pay" | "webhook") => &[Journey::Paid],
        ("activity", "inspect_payment") | ("provider", "look") | ("inbox", "deliver") => {
            &[Journey::Approved]
        }
        ("activity", "close_payment") | ("provider" | "sandbox", "cancel") => {
            &[Journey::CalledOff, Journey::ExpiredUnapproved]
        }
        ("activity", "release") => &[Journey::CalledOff, Journey::Expired],
        ("transaction", "release") | ("api", "cancel") => &[Journey::CalledOff],
        ("activity", "return_units" | "payment_intent_of" | "settle_intent") => {
            &[Journey::CaptureRefused]
        }
        ("activity", "begin_refund" | "send_refund" | "finish_refund")
        | ("provider" | "sandbox" | "api", "refund") => &[Journey::Refunded],
        ("activity", "look_at_refund") => &[Journey::RefundedAtProvider],
        ("activity", "look_at_dispute") => &[Journey::Disputed],
        ("activity", "apply_change") | ("api", "change") => &[Journey::Counted],
        _ => &[],
    }
}

/// An order's way to a point.
#[derive(Clone, Debug)]
pub struct Errand {
    pub point: String,
    pub journey: Journey,
}

/// By what a point knows who is meant.
enum Known {
    /// Whoever comes.
    Nothing,
    Order,
    Payment,
}

impl Errand {
    /// Whether the order is on its way to being held when it comes to the point.
    fn is_early(&self) -> bool {
        ["activity.reserve.", "transaction.reserve.", "api.start."]
            .iter()
            .any(|early| self.point.starts_with(early))
    }

    fn known(&self) -> Known {
        let mut words = self.point.split('.');
        match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
            ("transaction", _) | (_, "webhook" | "look_at_refund" | "look_at_dispute") => {
                Known::Nothing
            }
            ("inbox", _) | ("provider" | "sandbox", "cancel") | (_, "look" | "settle_intent") => {
                Known::Payment
            }
            _ => Known::Order,
        }
    }
}

/// Somebody on an errand.
pub struct Traveller<'a> {
    pub shop: &'a Shop,
    pub operator: &'a Operator,
    pub temporal: &'a Temporal,
    pub errand: &'a Errand,
    pub shopper: &'a Shopper,
    pub sku: &'a str,
}

impl Traveller<'_> {
    /// Goes as far as one can go without coming to the point.
    pub async fn prepare(&self) {
        match self.errand.journey {
            Journey::Expired | Journey::ExpiredUnapproved | Journey::Counted => {}
            Journey::Paid if self.errand.is_early() => {}
            Journey::Paid | Journey::CaptureRefused => self.hold().await,
            Journey::Approved | Journey::CalledOff => {
                self.hold().await;
                self.come_to_the_bank().await;
            }
            Journey::Refunded | Journey::RefundedAtProvider | Journey::Disputed => {
                self.hold().await;
                buying::pay(self.shopper, "pm_card_visa").await;
                self.shopper.reaches("paid").await;
            }
        }
    }

    /// Goes on, over the point. `stop` has who is known by this wait there.
    pub async fn come(&self, stop: impl Fn(&str)) {
        let order = self.shopper.order_id;
        match self.errand.journey {
            Journey::Paid => {
                self.stop(&stop).await;
                if self.errand.is_early() {
                    self.hold().await;
                }
                buying::pay(self.shopper, "pm_card_visa").await;
            }
            Journey::Approved => {
                let page = buying::bank_page(self.shopper).await;
                self.stop(&stop).await;
                buying::approve(&page).await;
            }
            Journey::CalledOff => {
                self.stop(&stop).await;
                let cancel = || self.shopper.request(Method::DELETE, "");
                buying::until_taken(&format!("{order} is called off"), cancel).await;
            }
            Journey::Expired => {
                self.stop(&stop).await;
                self.start_short_hold().await;
            }
            Journey::ExpiredUnapproved => {
                self.start_short_hold().await;
                self.hold().await;
                self.come_to_the_bank().await;
                self.stop(&stop).await;
            }
            Journey::CaptureRefused => {
                let capture = self.shop.stop_at("provider.capture.before", &order.to_string());
                buying::pay(self.shopper, "pm_card_visa").await;
                eventually(&format!("{order} is to be captured"), SOON, || async {
                    capture.is_reached().then_some(())
                })
                .await;
                let intent = buying::intent_in(self.shop, order, "requires_capture").await;
                buying::at_provider(self.shop, &intent, "cancel").await;
                self.stop(&stop).await;
                capture.let_go();
            }
            Journey::Refunded => {
                self.stop(&stop).await;
                let refund = json!({"refund_id": order, "restock": true, "reason": "a test"});
                self.ask_operator(Method::POST, &format!("/v1/orders/{order}/refunds"), &refund)
                    .await;
            }
            Journey::RefundedAtProvider => {
                self.stop(&stop).await;
                buying::refund_at_provider(self.shop, order).await;
            }
            Journey::Disputed => {
                self.stop(&stop).await;
                buying::dispute(self.shop, order).await;
            }
            Journey::Counted => {
                self.stop(&stop).await;
                let ask = json!({
                    "adjustment_id": order, "on_hand_delta": COUNTED_IN, "reason": "a test",
                });
                self.ask_operator(Method::PATCH, &format!("/v1/stock/{}", self.sku), &ask).await;
            }
        }
    }

    /// The order ends as if nothing had happened, and so does its workflow.
    pub async fn arrives(&self) {
        let temporal = self.temporal;
        let order = self.shopper.order_id;
        let mut workflow = temporal::checkout(order);
        match self.errand.journey {
            Journey::Paid | Journey::Approved => {
                buying::is_paid_once(self.shop, self.shopper).await;
            }
            Journey::CalledOff => self.ends_unpaid("cancelled").await,
            Journey::Expired => {
                self.reaches("expired").await;
                assert!(self.shop.payments_of(order).await.is_empty(), "payments of {order}");
            }
            Journey::ExpiredUnapproved => self.ends_unpaid("expired").await,
            Journey::CaptureRefused => {
                self.ends_unpaid("payment_failed").await;
                let intent = buying::intent_in(self.shop, order, "canceled").await;
                assert_eq!(temporal.ended(&format!("settle/{intent}")).await, Completed);
            }
            Journey::Refunded => {
                self.is_given_back_once().await;
                workflow = format!("refund/{order}");
            }
            Journey::RefundedAtProvider => self.is_given_back_once().await,
            Journey::Disputed => self.reaches("disputed").await,
            Journey::Counted => {
                let query = "select count(*) from operator_changes where change_id = $1";
                let query = sqlx::query_scalar(query).bind(order);
                let audited: i64 = query.fetch_one(&self.shop.database().await).await.unwrap();
                assert_eq!(audited, 1, "rows of the audit");
                workflow = format!("operator/{order}");
            }
        }
        assert_eq!(temporal.ended(&workflow).await, Completed, "{workflow}");
    }

    /// Units that are sold, and units that were counted in, once it has ended.
    pub const fn units(journey: Journey) -> (i64, i64) {
        match journey {
            Journey::Paid | Journey::Approved | Journey::RefundedAtProvider | Journey::Disputed => {
                (1, 0)
            }
            Journey::Counted => (0, COUNTED_IN),
            Journey::CalledOff
            | Journey::Expired
            | Journey::ExpiredUnapproved
            | Journey::CaptureRefused
            | Journey::Refunded => (0, 0),
        }
    }

    async fn stop(&self, stop: &impl Fn(&str)) {
        let order = self.shopper.order_id;
        match self.errand.known() {
            Known::Nothing => stop(""),
            Known::Order => stop(&order.to_string()),
            Known::Payment => {
                let payments = self.shop.payments_of(order).await;
                stop(payments[0]["payment_intent"].as_str().unwrap());
            }
        }
    }

    async fn hold(&self) {
        buying::hold(self.shopper, self.sku, 1).await;
    }

    async fn come_to_the_bank(&self) {
        buying::pay(self.shopper, "pm_card_authenticationRequired").await;
        buying::bank_page(self.shopper).await;
    }

    async fn start_short_hold(&self) {
        let input = buying::input(self.shopper, self.sku, 1, SHORT);
        self.temporal.start(input).await;
    }

    /// Asks until it is known that it was taken.
    async fn ask_operator(&self, method: Method, path: &str, ask: &serde_json::Value) {
        let request = || self.operator.request(method.clone(), path).json(ask);
        buying::until_taken(path, request).await;
    }

    async fn reaches(&self, state: &str) {
        self.shopper.reaches_within(state, ENDS_WITHIN).await;
    }

    async fn ends_unpaid(&self, state: &str) {
        self.reaches(state).await;
        buying::intent_in(self.shop, self.shopper.order_id, "canceled").await;
    }

    async fn is_given_back_once(&self) {
        self.reaches("refunded").await;
        let order = self.shopper.order_id;
        let intent = buying::intent_in(self.shop, order, "succeeded").await;
        let payment = &self.shop.payments_of(order).await[0];
        assert_eq!((&payment["captured"], &payment["refunded"]), (&json!(1200), &json!(1200)));
        let path = format!("refunds?payment_intent={intent}");
        let refunds = buying::provider(self.shop, Method::GET, &path, &[]).await;
        assert_eq!(refunds["data"].as_array().map(Vec::len), Some(1), "{refunds}");
    }
}
