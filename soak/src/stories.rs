//! What shoppers do: who pays, who does not, who is in a hurry, and whose clock is wrong.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Chance, Shopper, Told};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    buyer::{Buyer, WalkedAway},
    report::Report,
};

const CARD: &str = "pm_card_visa";
const DECLINED: &str = "pm_card_visa_chargeDeclined";
const ASKS_THE_SHOPPER: &str = "pm_card_authenticationRequired";
/// How far a clock that is wrong is off, in milliseconds, each way.
const CLOCK_OFF_MS: u64 = 2_000;

/// What somebody is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    Pays,
    IsDeclinedAndTakesAnotherCard,
    ApprovesAtTheBank,
    RefusesAtTheBank,
    LeavesTheBank,
    Abandons,
    Cancels,
    CancelsWhilePaying,
    HammersTheButton,
    HangsUp,
    HasAWrongClock,
    PutsManyTimesAtOnce,
}

impl Story {
    const ALL: [Self; 12] = [
        Self::Pays,
        Self::IsDeclinedAndTakesAnotherCard,
        Self::ApprovesAtTheBank,
        Self::RefusesAtTheBank,
        Self::LeavesTheBank,
        Self::Abandons,
        Self::Cancels,
        Self::CancelsWhilePaying,
        Self::HammersTheButton,
        Self::HangsUp,
        Self::HasAWrongClock,
        Self::PutsManyTimesAtOnce,
    ];

    fn by(chance: &mut Chance) -> Self {
        // Most people just pay.
        let which = chance.below(Self::ALL.len() as u64 + 4);
        usize::try_from(which)
            .ok()
            .and_then(|which| Self::ALL.get(which))
            .map_or(Self::Pays, |it| *it)
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pays => "pays",
            Self::IsDeclinedAndTakesAnotherCard => "is declined and takes another card",
            Self::ApprovesAtTheBank => "approves at the bank",
            Self::RefusesAtTheBank => "refuses at the bank",
            Self::LeavesTheBank => "leaves the bank",
            Self::Abandons => "abandons",
            Self::Cancels => "cancels",
            Self::CancelsWhilePaying => "cancels while paying",
            Self::HammersTheButton => "hammers the button",
            Self::HangsUp => "hangs up",
            Self::HasAWrongClock => "has a wrong clock",
            Self::PutsManyTimesAtOnce => "puts many times at once",
        })
    }
}

/// Somebody who goes on shopping.
pub struct Regular {
    pub number: u32,
    pub shop_url: String,
    pub products: Vec<String>,
    pub chance: Chance,
    pub report: Arc<Report>,
}

impl Regular {
    /// Places one order after the other until `over`; answers what they were told.
    pub async fn shops_until(mut self, over: Instant) -> Vec<Told> {
        let mut all = Vec::new();
        for turn in 1.. {
            if Instant::now() >= over {
                break;
            }
            all.push(self.order(turn).await);
            sleep(Duration::from_millis(self.chance.below(400))).await;
        }
        all
    }

    async fn order(&mut self, turn: u64) -> Told {
        let story = Story::by(&mut self.chance);
        let label = format!("shopper {}, order {turn}: {story}", self.number);
        let shopper = Shopper::new(self.shop_url.clone());
        let told = Told::new(label, shopper.order_id, self.basket());
        let chance = self.chance.branch(turn);
        let mut buyer = Buyer::new(shopper, told, chance, Arc::clone(&self.report));
        if buyer.plays(story).await.is_err() {
            self.report.count("shoppers who walked away", 1);
        }
        self.report.count(&format!("orders of somebody who {story}"), 1);
        buyer.told
    }

    /// One product, or two.
    fn basket(&mut self) -> Vec<(String, u32)> {
        let mut products = self.products.clone();
        let mut basket = Vec::new();
        for _ in 0..=self.chance.below(2) {
            let which = usize::try_from(self.chance.below(products.len() as u64));
            let sku = products.swap_remove(which.unwrap_or_default());
            let quantity = u32::try_from(1 + self.chance.below(3)).unwrap_or(1);
            basket.push((sku, quantity));
        }
        basket
    }
}

impl Buyer {
    async fn plays(&mut self, story: Story) -> Result<(), WalkedAway> {
        match story {
            Story::HangsUp => {
                let put = self.put_request();
                self.told.unanswered = true;
                self.hangs_up_on(put).await;
            }
            Story::PutsManyTimesAtOnce => {
                let puts = (0..4).map(|_| self.put_request()).collect();
                self.told.unanswered = true;
                for reply in self.at_once(puts).await {
                    self.hear_put(&reply);
                }
            }
            _ => {}
        }
        if !self.put().await? {
            return Ok(());
        }
        self.goes_on(story).await
    }

    /// The units are held.
    async fn goes_on(&mut self, story: Story) -> Result<(), WalkedAway> {
        match story {
            Story::Pays | Story::PutsManyTimesAtOnce => drop(self.pay(CARD).await?),
            Story::IsDeclinedAndTakesAnotherCard => {
                self.pay(DECLINED).await?;
                self.until(|checkout| checkout["payment"]["state"] == "declined").await?;
                self.pay(CARD).await?;
            }
            Story::ApprovesAtTheBank => {
                let Some(page) = self.bank_page().await? else { return self.ends().await };
                self.at_the_bank(&page, "approve").await?;
            }
            Story::RefusesAtTheBank => {
                let Some(page) = self.bank_page().await? else { return self.ends().await };
                self.at_the_bank(&page, "refuse").await?;
                self.until(|checkout| checkout["payment"]["state"] == "declined").await?;
                if self.chance.below(2) == 0 {
                    self.pay(CARD).await?;
                }
            }
            Story::LeavesTheBank => return self.bank_page().await.map(drop),
            Story::Abandons => return Ok(()),
            Story::Cancels => {
                self.waits(0, 1_000).await?;
                self.cancel().await?;
            }
            Story::CancelsWhilePaying => {
                self.pay(CARD).await?;
                self.waits(0, 600).await?;
                self.cancel().await?;
            }
            Story::HammersTheButton => self.hammers().await?,
            Story::HangsUp => {
                let payment = self.payment(Uuid::new_v4(), CARD);
                let again = payment.try_clone();
                self.hangs_up_on(payment).await;
                if let Some(again) = again {
                    self.waits(0, 500).await?;
                    for reply in self.at_once(vec![again]).await {
                        self.hear_payment(&reply);
                    }
                }
            }
            Story::HasAWrongClock => self.pays_by_a_wrong_clock().await?,
        }
        self.ends().await
    }

    /// Follows the order to its end, this way or that.
    async fn ends(&mut self) -> Result<(), WalkedAway> {
        if self.chance.below(2) == 0 {
            self.listens().await
        } else {
            self.until(|_| false).await.map(drop)
        }
    }

    /// Pays with a card whose bank asks; the address where it does, unless the order ends first.
    async fn bank_page(&mut self) -> Result<Option<String>, WalkedAway> {
        fn page(checkout: &Value) -> Option<&str> {
            checkout["payment"]["next_action"]["redirect_url"].as_str()
        }
        self.pay(ASKS_THE_SHOPPER).await?;
        let checkout = self.until(|checkout| page(checkout).is_some()).await?;
        Ok(page(&checkout).map(str::to_owned))
    }

    /// One attempt many times, and others beside it, all at once; and once more.
    async fn hammers(&mut self) -> Result<(), WalkedAway> {
        let attempt = Uuid::new_v4();
        let mut requests: Vec<_> = (0..5).map(|_| self.payment(attempt, CARD)).collect();
        requests.extend((0..3).map(|_| self.payment(Uuid::new_v4(), CARD)));
        for reply in self.at_once(requests).await {
            self.hear_payment(&reply);
        }
        self.pay(CARD).await.map(drop)
    }

    /// Pays when the hold ends by their clock, which is a moment before it does, or after.
    async fn pays_by_a_wrong_clock(&mut self) -> Result<(), WalkedAway> {
        self.reports_from_another_time().await;
        let checkout = self.until(|_| true).await?;
        let left_ms = checkout["hold"]["remaining_seconds"].as_u64().unwrap_or_default() * 1_000;
        let off_ms = self.chance.below(2 * CLOCK_OFF_MS);
        sleep(Duration::from_millis((left_ms + off_ms).saturating_sub(CLOCK_OFF_MS))).await;
        self.pay(CARD).await.map(drop)
    }

    /// What their browser says of when they looked at something is off by years.
    async fn reports_from_another_time(&mut self) {
        let year = 1970 + self.chance.below(130);
        let viewed = json!({
            "kind": "checkout_opened", "at": format!("{year}-01-01T00:00:00Z"),
        });
        let report = json!({"session_id": Uuid::new_v4().to_string(), "events": [viewed]});
        let request = self.shopper.anonymous(Method::POST, "/v1/analytics").json(&report);
        self.at_once(vec![request]).await;
    }
}
