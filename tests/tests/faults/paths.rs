//! What an order can go through, from the hold to its end, and what it ends with.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use system_tests::{Running, Shop, ShopOptions, Shopper};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    buying,
    mishaps::{Mishaps, Moment},
    temporal::{self, Temporal},
    worker::BroughtWorker,
};

/// Units that there are of each order's product.
const UNITS: i64 = 5;
/// What is ordered of it.
const ORDERED: u32 = 2;
/// A hold that ends by itself, and yet gives a slow machine the time to try to pay.
pub const SHORT: Duration = Duration::from_secs(15);
/// How long an order may take to its end.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

/// Orders that may be under way at the same time, in all tests together. All of them at once would
/// have a busy machine answer them later than a short hold lasts.
pub static UNDER_WAY: Semaphore = Semaphore::const_new(12);

/// What an order goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Held, paid.
    Paid,
    /// Declined, tried again, paid.
    PaidAfterDecline,
    /// The shopper approves the payment with their bank.
    Approved,
    /// The card is charged before the hold ends; the shop hears of it later.
    PaidInTime,
    /// Nobody pays.
    Expired,
    /// The hold ends while the bank waits for the shopper.
    ExpiredUnapproved,
    /// Called off before anybody tried to pay.
    CalledOff,
    /// Called off while the bank waits for the shopper.
    CalledOffUnapproved,
    /// The authorization is gone when the money is to be moved.
    CaptureRefused,
    /// The money is not moved for as long as the authorization lasts.
    CaptureGivenUp,
    /// The money moves, and the workflow is the last to hear of it.
    CaptureUnheard,
    /// The provider can't be asked until the grace is over; nothing was charged.
    SettledByCancel,
    /// The provider can't be asked until the grace is over; by then the money has moved.
    SettledByRefund,
    /// The price is not the one that the shopper saw.
    Refused,
    /// An operator counts units in.
    OperatorsChange,
    /// Paid; an operator gives all of it back and restocks the units.
    Refunded,
}

/// A shop whose worker a test brings, so that things befall its activities.
pub struct Stage {
    _worker: BroughtWorker,
    pub mishaps: Mishaps,
    pub temporal: Temporal,
    pub shop: Arc<Shop>,
}

impl Stage {
    pub async fn set() -> Arc<Self> {
        let options = ShopOptions { running: Running::ApiAlone, ..ShopOptions::default() };
        let shop = Arc::new(Shop::open(options).await);
        let mishaps = Mishaps::default();
        Arc::new(Self {
            _worker: BroughtWorker::start(&shop, mishaps.clone()),
            mishaps,
            temporal: Temporal::of(&shop).await,
            shop,
        })
    }
}

/// An order of a product of its own.
pub struct Order {
    stage: Arc<Stage>,
    pub shopper: Shopper,
    pub sku: String,
    _turn: SemaphorePermit<'static>,
}

impl Order {
    pub async fn on(stage: &Arc<Stage>) -> Self {
        let turn = UNDER_WAY.acquire().await.unwrap();
        let sku = buying::product(&stage.shop, UNITS).await;
        Self { stage: Arc::clone(stage), shopper: stage.shop.shopper(), sku, _turn: turn }
    }

    /// The workflow that a path takes.
    pub fn workflow_id(&self, path: Path) -> String {
        match path {
            Path::OperatorsChange => format!("operator/{}", self.shopper.order_id),
            Path::Refunded => format!("refund/{}", self.shopper.order_id),
            _ => temporal::checkout(self.shopper.order_id),
        }
    }

    /// Goes the path to its end, and looks at what the order ends with. `settles` is told the
    /// workflow that settles the payment before that begins; answered, it has ended.
    pub async fn go(&self, path: Path, settles: impl FnOnce(&str)) -> Option<String> {
        match path {
            Path::Paid => {
                self.hold_and_pay("pm_card_visa").await;
                self.is_paid().await;
            }
            Path::PaidAfterDecline => {
                self.hold_and_pay("pm_card_visa_chargeDeclined").await;
                buying::declined(&self.shopper).await;
                buying::pay(&self.shopper, "pm_card_visa").await;
                self.is_paid().await;
            }
            Path::Approved => {
                self.hold_and_pay("pm_card_authenticationRequired").await;
                buying::approve(&buying::bank_page(&self.shopper).await).await;
                self.is_paid().await;
            }
            Path::PaidInTime => self.paid_in_time().await,
            Path::Expired => {
                self.start(Duration::from_secs(2)).await;
                self.is_over("expired").await;
            }
            Path::ExpiredUnapproved => {
                self.start(SHORT).await;
                self.hold_and_pay("pm_card_authenticationRequired").await;
                buying::bank_page(&self.shopper).await;
                self.is_over("expired").await;
            }
            Path::CalledOff => {
                self.hold().await;
                self.shopper.cancel().await;
                self.is_over("cancelled").await;
            }
            Path::CalledOffUnapproved => {
                self.hold_and_pay("pm_card_authenticationRequired").await;
                buying::bank_page(&self.shopper).await;
                self.shopper.cancel().await;
                self.is_over("cancelled").await;
            }
            Path::CaptureRefused => return Some(self.capture_refused().await),
            Path::CaptureGivenUp => return Some(self.capture_given_up().await),
            Path::CaptureUnheard => {
                let id = self.workflow_id(path);
                self.stage.mishaps.fails_for_good(&id, "capture", Moment::AfterEffect);
                self.hold_and_pay("pm_card_visa").await;
                self.is_paid().await;
            }
            Path::SettledByCancel => return Some(self.settled(false, settles).await),
            Path::SettledByRefund => return Some(self.settled(true, settles).await),
            Path::Refused => self.refused().await,
            Path::OperatorsChange => self.operators_change().await,
            Path::Refunded => self.refunded().await,
        }
        None
    }

    pub async fn hold(&self) {
        buying::hold(&self.shopper, &self.sku, ORDERED).await;
    }

    pub async fn hold_and_pay(&self, payment_method: &str) {
        self.hold().await;
        buying::pay(&self.shopper, payment_method).await;
    }

    /// Starts a hold of a length of its own, and not as long as the shop's shoppers get.
    pub async fn start(&self, hold_ttl: Duration) {
        let input = buying::input(&self.shopper, &self.sku, ORDERED, hold_ttl);
        self.stage.temporal.start(input).await;
    }

    async fn paid_in_time(&self) {
        let id = self.workflow_id(Path::PaidInTime);
        self.stage.mishaps.fails_always(&id, "authorize", Moment::AfterEffect);
        self.start(SHORT).await;
        self.hold_and_pay("pm_card_visa").await;
        self.is_paid().await;
    }

    async fn capture_refused(&self) -> String {
        let id = self.workflow_id(Path::CaptureRefused);
        let captures = self.stage.mishaps.waits(&id, "capture", Moment::BeforeEffect);
        self.hold_and_pay("pm_card_visa").await;
        captures.has_happened().await;
        let intent = self.intent_in("requires_capture").await;
        buying::at_provider(&self.stage.shop, &intent, "cancel").await;
        captures.end();
        self.is_over("payment_failed").await;
        self.settling_of(&intent).await
    }

    async fn capture_given_up(&self) -> String {
        let id = self.workflow_id(Path::CaptureGivenUp);
        self.stage.mishaps.fails_for_good(&id, "capture", Moment::BeforeEffect);
        self.hold_and_pay("pm_card_visa").await;
        self.is_over("payment_failed").await;
        let intent = self.intent_in("canceled").await;
        self.settling_of(&intent).await
    }

    /// Nobody can close the payment before the grace is over, so that the order ends without it.
    async fn settled(&self, charged: bool, settles: impl FnOnce(&str)) -> String {
        let id = self.workflow_id(Path::SettledByCancel);
        let mishaps = &self.stage.mishaps;
        let closes = mishaps.waits(&id, "close_payment", Moment::BeforeEffect);
        mishaps.fails_for_good(&id, "close_payment", Moment::BeforeEffect);
        let (method, status) = if charged {
            // The card is charged, and the answer never comes.
            mishaps.fails_always(&id, "authorize", Moment::AfterEffect);
            ("pm_card_visa", "requires_capture")
        } else {
            ("pm_card_authenticationRequired", "requires_action")
        };
        self.start(SHORT).await;
        self.hold_and_pay(method).await;
        let intent = self.intent_in(status).await;
        settles(&format!("settle/{intent}"));
        if charged {
            buying::at_provider(&self.stage.shop, &intent, "capture").await;
        }
        closes.end();
        self.is_over("expired").await;
        self.settling_of(&intent).await
    }

    async fn refused(&self) {
        let mut input = buying::input(&self.shopper, &self.sku, ORDERED, Duration::from_mins(1));
        let other = json!({"amount": 1, "currency": "EUR"});
        input.expected_total = serde_json::from_value(other).unwrap();
        self.stage.temporal.start(input).await;
        self.is_over("refused").await;
    }

    async fn operators_change(&self) {
        let shop = &self.stage.shop;
        let change = self.shopper.order_id;
        let operator = shop.operator();
        let ask = json!({"adjustment_id": change, "on_hand_delta": 3, "reason": "a test"});
        let path = format!("/v1/stock/{}", self.sku);
        buying::until_taken(&path, || operator.request(Method::PATCH, &path).json(&ask)).await;
        self.stock_is((UNITS + 3, 0, 0)).await;
        let query = "select count(*) from operator_changes where change_id = $1";
        let query = sqlx::query_scalar(query).bind(change);
        let audited: i64 = query.fetch_one(&shop.database().await).await.unwrap();
        assert_eq!(audited, 1, "rows of the audit");
    }

    async fn refunded(&self) {
        self.hold_and_pay("pm_card_visa").await;
        self.is_paid().await;
        let order = self.shopper.order_id;
        let refund = json!({"refund_id": order, "restock": true, "reason": "a test"});
        let operator = self.stage.shop.operator();
        let path = format!("/v1/orders/{order}/refunds");
        buying::until_taken(&path, || operator.request(Method::POST, &path).json(&refund)).await;
        self.is_over("refunded").await;
    }

    pub async fn is_paid(&self) {
        buying::is_paid_once(&self.stage.shop, &self.shopper).await;
        let ordered = i64::from(ORDERED);
        self.stock_is((UNITS - ordered, 0, ordered)).await;
    }

    /// The order has ended, and nobody has bought: the units are back, and the money is, or will be.
    pub async fn is_over(&self, state: &str) {
        self.shopper.reaches_within(state, ENDS_WITHIN).await;
        self.stock_is((UNITS, 0, 0)).await;
    }

    async fn stock_is(&self, expected: (i64, i64, i64)) {
        let stock = self.stage.shop.operator().stock(&self.sku).await;
        assert_eq!(stock, expected, "(available, held, sold) of {}", self.sku);
    }

    pub async fn intent_in(&self, status: &str) -> String {
        buying::intent_in(&self.stage.shop, self.shopper.order_id, status).await
    }

    /// Waits until a payment was settled; answers the workflow that did.
    async fn settling_of(&self, intent: &str) -> String {
        let settle = format!("settle/{intent}");
        self.stage.temporal.ended(&settle).await;
        settle
    }
}
