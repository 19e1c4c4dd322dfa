//! A provider that says with 200 what is not so: nothing is sold, charged or given back by it, and
//! every order goes on when the truth is told.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Shop, ShopOptions, Shopper, assert_invariants, eventually};
use temporalio_client::WorkflowExecutionStatus;
use uuid::Uuid;

use super::lies::{Lie, Untruth};
use crate::faults::{
    buying,
    front::Front,
    reconciling::in_ledger,
    temporal::{self, SOON, Temporal},
};

async fn shop_with_front(options: ShopOptions) -> (Shop, Front) {
    let front = Front::open().await;
    let environment = vec![("STRIPE_API_BASE", front.url())];
    let shop = Shop::open(ShopOptions { environment, ..options }).await;
    front.stands_before(shop.sandbox_url());
    (shop, front)
}

/// What an order asks of the provider when it is lied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AsksTo {
    Create,
    Confirm,
    Capture,
    Cancel,
}

impl AsksTo {
    const ALL: [Self; 4] = [Self::Create, Self::Confirm, Self::Capture, Self::Cancel];

    /// Where it asks.
    fn at(self) -> fn(&str) -> bool {
        match self {
            Self::Create => |path| path.ends_with("/payment_intents"),
            Self::Confirm => |path| path.ends_with("/confirm"),
            Self::Capture => |path| path.ends_with("/capture"),
            // It looks before it asks, and after.
            Self::Cancel => |path| path.contains("/pi_"),
        }
    }

    /// How the order stands until the truth is told.
    const fn state(self) -> &'static str {
        match self {
            Self::Create | Self::Confirm => "paying",
            Self::Capture => "confirmed",
            Self::Cancel => "closing",
        }
    }
}

/// An order that is lied to.
struct Deceived {
    asks_to: AsksTo,
    untruth: Untruth,
    shopper: Shopper,
    lie: Lie,
}

impl Deceived {
    async fn begin(
        shop: &Shop,
        front: &Front,
        sku: &str,
        asks_to: AsksTo,
        untruth: Untruth,
    ) -> Self {
        let shopper = shop.shopper();
        buying::hold(&shopper, sku, 1).await;
        if asks_to == AsksTo::Cancel {
            buying::pay(&shopper, "pm_card_authenticationRequired").await;
            buying::bank_page(&shopper).await;
        }
        let lie = Lie::tell(front, shopper.order_id, asks_to.at(), untruth.clone());
        if asks_to == AsksTo::Cancel {
            shopper.cancel().await;
        } else {
            buying::pay(&shopper, "pm_card_visa").await;
        }
        lie.is_told_again().await;
        Self { asks_to, untruth, shopper, lie }
    }

    /// The order stands where it stood, and Temporal's UI says why.
    async fn believes_nothing(&self, temporal: &Temporal) {
        let state = self.shopper.get().await.body["state"].clone();
        assert_eq!(state, self.asks_to.state(), "{:?}, told {:?}", self.asks_to, self.untruth);
        let id = temporal::checkout(self.shopper.order_id);
        eventually(&format!("{id} says what it was told"), SOON, || async {
            let pending = temporal.describe(&id).await?.raw_description.pending_activities;
            let failures = pending.into_iter().filter_map(|activity| activity.last_failure);
            failures.map(|failure| failure.message).find(|why| why.contains("can't be used"))
        })
        .await;
    }

    async fn goes_on(&self, shop: &Shop) {
        self.lie.end();
        if self.asks_to == AsksTo::Cancel {
            self.shopper.reaches("cancelled").await;
            buying::intent_in(shop, self.shopper.order_id, "canceled").await;
        } else {
            buying::is_paid_once(shop, &self.shopper).await;
        }
    }
}

/// The payment of an order that was paid, as the provider has it.
async fn somebody_elses(shop: &Shop, sku: &str) -> (Shopper, Value) {
    let shopper = shop.shopper();
    buying::hold(&shopper, sku, 1).await;
    buying::pay(&shopper, "pm_card_visa").await;
    buying::is_paid_once(shop, &shopper).await;
    let intent = buying::intent_in(shop, shopper.order_id, "succeeded").await;
    (shopper, in_ledger(shop, &intent).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lying_provider_says_is_not_believed_and_asked_again_until_it_is_so() {
    let (shop, front) = shop_with_front(ShopOptions::default()).await;
    let sku = buying::product(&shop, 50).await;
    let (_, of_another) = somebody_elses(&shop, &sku).await;
    let untruths = [
        Untruth::Error,
        Untruth::WrongAmount,
        Untruth::UnknownState,
        Untruth::OfAnother(of_another),
    ];
    let pairs =
        AsksTo::ALL.iter().flat_map(|asks_to| untruths.iter().map(move |lie| (*asks_to, lie)));
    let deceived =
        join_all(pairs.map(|(asks_to, untruth)| {
            Deceived::begin(&shop, &front, &sku, asks_to, untruth.clone())
        }))
        .await;

    let temporal = Temporal::of(&shop).await;
    for order in &deceived {
        order.believes_nothing(&temporal).await;
    }
    // The one that was paid, and the four whose money was set aside before the lie began.
    assert_eq!(shop.operator().stock(&sku).await, (50 - 17, 12, 5), "while lies are told");

    join_all(deceived.iter().map(|order| order.goes_on(&shop))).await;
    assert_eq!(shop.operator().stock(&sku).await, (50 - 13, 0, 13));
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_of_which_the_provider_lies_is_pending_until_it_is_so_and_made_once() {
    let (shop, front) = shop_with_front(ShopOptions::default()).await;
    let sku = buying::product(&shop, 9).await;
    let (other, _) = somebody_elses(&shop, &sku).await;
    let of_another = buying::refund_at_provider(&shop, other.order_id).await;
    let path = format!("refunds/{of_another}");
    let of_another = buying::provider(&shop, Method::GET, &path, &[]).await;
    other.reaches("refunded").await;
    let untruths = [Untruth::Error, Untruth::WrongAmount, Untruth::OfAnother(of_another)];
    let told = join_all(untruths.map(async |untruth| {
        let (shopper, _) = somebody_elses(&shop, &sku).await;
        let at = |path: &str| path.contains("/refunds");
        let lie = Lie::tell(&front, shopper.order_id, at, untruth);
        let refund = json!({"refund_id": Uuid::new_v4()});
        let path = format!("/v1/orders/{}/refunds", shopper.order_id);
        let operator = shop.operator();
        let ask = || operator.request(Method::POST, &path).json(&refund);
        buying::until_taken("a refund", ask).await;
        (shopper, lie)
    }))
    .await;
    for (shopper, lie) in &told {
        lie.is_told_again().await;
        let checkout = shopper.get().await.body;
        assert_eq!(
            (&checkout["state"], &checkout["refunded"]["amount"]),
            (&json!("paid"), &json!(0))
        );
        assert_eq!(checkout["refund_pending"], checkout["total"]);
        lie.end();
    }
    for (shopper, _) in &told {
        shopper.reaches("refunded").await;
        assert_eq!(shop.payments_of(shopper.order_id).await[0]["refunded"], buying::PRICE);
    }
    assert_invariants(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_ends_while_the_provider_lies_leaves_no_money_behind() {
    let options = ShopOptions { hold_ttl: "15s", expiry_grace: "2s", ..ShopOptions::default() };
    let (shop, front) = shop_with_front(options).await;
    let temporal = Temporal::of(&shop).await;
    temporal.pause_reconciliations().await;
    let sku = buying::product(&shop, 9).await;
    // Called off, says the provider of a payment whose money it has set aside: of another one's.
    let other = shop.shopper();
    buying::hold(&other, &sku, 1).await;
    buying::pay(&other, "pm_card_authenticationRequired").await;
    buying::bank_page(&other).await;
    other.cancel().await;
    other.reaches("cancelled").await;
    let of_another = buying::intent_in(&shop, other.order_id, "canceled").await;
    let untruth = Untruth::OfAnother(in_ledger(&shop, &of_another).await);
    let shopper = shop.shopper();
    buying::hold(&shopper, &sku, 1).await;
    let lie = Lie::tell(&front, shopper.order_id, |path| path.contains("/pi_"), untruth);
    buying::pay(&shopper, "pm_card_visa").await;
    let intent = buying::intent_in(&shop, shopper.order_id, "requires_capture").await;

    shopper.reaches_within("expired", Duration::from_secs(90)).await;
    assert_eq!(shop.operator().stock(&sku).await, (9, 0, 0), "the units do not wait");
    lie.is_told_again().await;
    let settle = format!("settle/{intent}");
    let settling = temporal.describe(&settle).await.expect("what is left is being settled");
    assert_eq!(settling.status(), WorkflowExecutionStatus::Running, "it believes nothing");

    lie.end();
    assert_eq!(temporal.ended(&settle).await, WorkflowExecutionStatus::Completed);
    buying::intent_in(&shop, shopper.order_id, "canceled").await;
    assert_invariants(&shop).await;
}
