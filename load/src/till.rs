//! A visit to the till: the stock is held, the order is followed, and paid or left.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use system_tests::{
    Chance, Shopper, Told,
    kept_alive::{Head, Request},
};
use tokio::time::{Instant, sleep_until};
use uuid::{Builder, Uuid};

use crate::{
    mix::AtTheTill,
    recorder::{Kind, Outcome},
    world::{Judged, Listening, Said, World},
};

const CARD: &str = "pm_card_visa";
const DECLINED: &str = "pm_card_visa_chargeDeclined";
/// How often the page looks at an order that passes from one state to the next, and at one whose
/// stream it does not have.
const LOOKS_EVERY: Duration = Duration::from_secs(2);
/// The states that pass by themselves.
const PASSING: [&str; 4] = ["reserving", "paying", "confirmed", "closing"];
/// How long somebody who is told to come back does so.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long somebody who has paid waits for the word that the order is paid.
const WAITS_FOR_PAID: Duration = Duration::from_mins(2);

/// Somebody at the till, with one order.
pub struct Visit {
    world: Arc<World>,
    told: Told,
    secret: String,
    chance: Chance,
    /// As it was told last.
    checkout: Value,
    listening: Option<Listening>,
}

/// What came of asking for the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Held,
    Refused,
    /// Whoever asked has lost their patience before there was an answer.
    Undecided,
}

impl Visit {
    /// Somebody who wants these lines, under an id and with a secret that `chance` makes.
    pub fn new(
        world: Arc<World>,
        label: String,
        lines: Vec<(String, u32)>,
        mut chance: Chance,
    ) -> Self {
        let told = Told::new(label, uuid(&mut chance), lines);
        let secret = uuid(&mut chance).simple().to_string();
        Self { world, told, secret, chance, checkout: Value::Null, listening: None }
    }

    /// All of it, by plan; the stock was to be asked for at `due`.
    pub async fn goes_by(mut self, plan: AtTheTill, due: Instant) {
        if self.wants(due).await == Asked::Held {
            let held = Instant::now();
            match plan {
                AtTheTill::Pays { after, is_declined_first } => {
                    self.hears_until(held + after, |_| false).await;
                    if is_declined_first {
                        self.pays(DECLINED, |checkout| !is_under_way(checkout)).await;
                    }
                    self.pays_and_waits().await;
                }
                AtTheTill::Leaves { after } => {
                    self.hears_until(held + after, |_| false).await;
                }
            }
        }
        self.leaves();
    }

    /// Pays at once; answers the state that the order is in then.
    pub async fn buys(mut self) -> String {
        self.pays_and_waits().await;
        let state = self.state().to_owned();
        self.leaves();
        state
    }

    /// Goes, and tells what was heard.
    pub fn leaves(self) {
        self.world.tell(self.told);
    }

    /// Asks for the stock until that is decided.
    pub async fn wants(&mut self, due: Instant) -> Asked {
        let mut asked = self.puts(due).await;
        if self.state() == "reserving" {
            self.follows().await;
            self.hears_until(due + PATIENCE, |checkout| checkout["state"] != "reserving").await;
            asked = match self.state() {
                "reserving" => Asked::Undecided,
                "refused" => Asked::Refused,
                _ => Asked::Held,
            };
        }
        let recorder = &self.world.recorder;
        match asked {
            Asked::Held => recorder.ended(Kind::Held, Outcome::Answered, due.elapsed()),
            Asked::Refused => recorder.ended(Kind::Refused, Outcome::Answered, due.elapsed()),
            Asked::Undecided => recorder.ended(Kind::Held, Outcome::Lost, due.elapsed()),
        }
        if asked == Asked::Held && self.listening.is_none() {
            self.follows().await;
        }
        asked
    }

    async fn puts(&mut self, due: Instant) -> Asked {
        let lines: Vec<_> =
            self.told.lines.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect();
        let request = self.request("PUT", "", &Shopper::cart(&lines).to_string());
        let mut again = Again::from(due);
        loop {
            let said = self.world.ask(Kind::Put, again.at, &request, |head, body| {
                match (head.status, json_of(body)) {
                    (200..=202, Some(checkout)) => Judged::Right(Some(checkout)),
                    (409, Some(problem)) if problem["type"] == "/problems/out-of-stock" => {
                        Judged::Right(None)
                    }
                    _ => Judged::Wrong("no answer to a PUT"),
                }
            });
            let pause = match said.await {
                Said::This(Some(checkout)) => {
                    self.hears(checkout);
                    return Asked::Held;
                }
                Said::This(None) => {
                    self.told.refusal = Some("out-of-stock".to_owned());
                    return Asked::Refused;
                }
                Said::ComeBack(after) => after,
                Said::Nothing => Duration::ZERO,
            };
            // It may have had its effect all the same.
            self.told.unanswered = true;
            if !again.comes(pause, &mut self.chance).await {
                return Asked::Undecided;
            }
        }
    }

    /// Opens the order's event stream.
    async fn follows(&mut self) {
        let events = self.request("GET", "/events", "");
        self.listening = self.world.listen(Instant::now(), &events).await;
    }

    async fn pays_and_waits(&mut self) {
        let began = Instant::now();
        if self.pays(CARD, is_paid).await {
            let outcome = if self.state() == "paid" { Outcome::Answered } else { Outcome::Lost };
            self.world.recorder.ended(Kind::Paid, outcome, began.elapsed());
        }
    }

    /// Tries to pay, and waits until `done`, or until the order has ended; whether the attempt was
    /// taken.
    async fn pays(&mut self, method: &str, done: impl Fn(&Value) -> bool) -> bool {
        self.told.tried_to_pay = true;
        let attempt = json!({"attempt_id": uuid(&mut self.chance), "payment_method": method});
        let request = self.request("POST", "/payment", &attempt.to_string());
        let mut again = Again::from(Instant::now());
        loop {
            let said = self.world.ask(Kind::Payment, again.at, &request, judge_payment);
            let pause = match said.await {
                Said::This(Some(checkout)) => {
                    self.hears(checkout);
                    break;
                }
                Said::This(None) => return false,
                Said::ComeBack(after) => after,
                Said::Nothing => Duration::ZERO,
            };
            if !again.comes(pause, &mut self.chance).await {
                return false;
            }
        }
        self.hears_until(Instant::now() + WAITS_FOR_PAID, done).await;
        true
    }

    /// Hears of the order until `done`, until it has ended, or until `until`: by its stream, and by
    /// looking where the stream is silent or not there.
    async fn hears_until(&mut self, until: Instant, done: impl Fn(&Value) -> bool) {
        let mut look_at = Instant::now() + LOOKS_EVERY;
        while !done(&self.checkout) && !self.told.knows_the_end() && Instant::now() < until {
            tokio::select! {
                event = next_event(&mut self.listening) => match event {
                    Some(data) => match json_of(&data) {
                        Some(checkout) => self.hears(checkout),
                        None => self.told.contradictions.push("told no checkout".to_owned()),
                    },
                    None => self.listening = None,
                },
                () = sleep_until(look_at.min(until)) => {
                    if look_at <= until && (self.listening.is_none() || self.passes()) {
                        self.looks(look_at).await;
                    }
                    look_at += LOOKS_EVERY;
                }
            }
        }
    }

    async fn looks(&mut self, due: Instant) {
        let request = self.request("GET", "", "");
        let said = self.world.ask(Kind::Order, due, &request, |head, body| {
            match json_of(body).filter(|_| head.status == 200) {
                Some(checkout) => Judged::Right(checkout),
                None => Judged::Wrong("not this order"),
            }
        });
        if let Said::This(checkout) = said.await {
            self.hears(checkout);
        }
    }

    /// Takes in a checkout, unless a newer one was heard of.
    fn hears(&mut self, checkout: Value) {
        let version = |of: &Value| of["version"].as_i64().unwrap_or(-1);
        if version(&checkout) >= version(&self.checkout) {
            self.told.see(&checkout);
            self.checkout = checkout;
        }
    }

    fn state(&self) -> &str {
        self.checkout["state"].as_str().unwrap_or_default()
    }

    fn passes(&self) -> bool {
        PASSING.contains(&self.state())
    }

    fn request(&self, method: &str, below: &str, body: &str) -> Request {
        let path = format!("/v1/checkouts/{}{below}", self.told.order_id);
        let secret = format!("authorization: Bearer {}", self.secret);
        Request::new(method, &path, &[&secret, "content-type: application/json"], body)
    }
}

/// A request that is sent again, as the storefront does: after pauses that double from one second
/// to thirty, half of each by chance, and never before it is asked to.
struct Again {
    /// When the request is meant to be sent.
    at: Instant,
    gives_up: Instant,
    tries: u32,
}

impl Again {
    fn from(due: Instant) -> Self {
        Self { at: due, gives_up: due + PATIENCE, tries: 0 }
    }

    /// Waits for the next try; false when there is none.
    async fn comes(&mut self, asked_for: Duration, chance: &mut Chance) -> bool {
        self.at = Instant::now() + pause(self.tries, chance).max(asked_for);
        self.tries += 1;
        let comes = self.at < self.gives_up;
        if comes {
            sleep_until(self.at).await;
        }
        comes
    }
}

/// How long somebody waits who has come back so many times.
fn pause(tries: u32, chance: &mut Chance) -> Duration {
    let longest_ms = (1_000_u64 << tries.min(5)).min(30_000);
    Duration::from_millis(longest_ms / 2 + chance.below(longest_ms / 2))
}

async fn next_event(listening: &mut Option<Listening>) -> Option<Vec<u8>> {
    match listening {
        Some(listening) => listening.stream.next().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// The checkout, or None when the hold is over.
fn judge_payment(head: &Head, body: &[u8]) -> Judged<Option<Value>> {
    match (head.status, json_of(body)) {
        (200 | 202, Some(checkout)) => Judged::Right(Some(checkout)),
        (409, Some(problem)) => match problem["type"].as_str() {
            Some("/problems/hold-ended") => Judged::Right(None),
            Some("/problems/still-reserving") => {
                Judged::ComeBack(head.retry_after.unwrap_or_default())
            }
            _ => Judged::Wrong("no answer to a payment"),
        },
        _ => Judged::Wrong("no answer to a payment"),
    }
}

fn is_paid(checkout: &Value) -> bool {
    checkout["state"] == "paid"
}

fn is_under_way(checkout: &Value) -> bool {
    checkout["payment"]["state"] == "processing" || checkout["payment"]["attempts"] == 0
}

fn json_of(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(Value::is_object)
}

fn uuid(chance: &mut Chance) -> Uuid {
    let mut half = || chance.below(u64::MAX).to_be_bytes();
    let (first, second) = (half(), half());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first);
    bytes[8..].copy_from_slice(&second);
    Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16) -> Head {
        let text = format!("HTTP/1.1 {status} x\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n");
        Head::read(text.as_bytes()).unwrap().expect("it is whole").1
    }

    #[test]
    fn an_answer_to_a_payment_is_a_checkout_an_end_or_a_word_to_come_back() {
        let judge = |status: u16, body: &str| judge_payment(&head(status), body.as_bytes());
        assert!(matches!(judge(202, r#"{"state":"paying"}"#), Judged::Right(Some(_))));
        assert!(matches!(judge(409, r#"{"type":"/problems/hold-ended"}"#), Judged::Right(None)));
        let Judged::ComeBack(after) = judge(409, r#"{"type":"/problems/still-reserving"}"#) else {
            panic!("it is a matter of the moment");
        };
        assert_eq!(after, Duration::from_secs(1));
        assert!(matches!(
            judge(404, r#"{"type":"/problems/checkout-not-found"}"#),
            Judged::Wrong(_)
        ));
        assert!(matches!(judge(202, "half of it"), Judged::Wrong(_)));
    }

    #[test]
    fn orders_of_one_seed_have_the_same_ids_and_no_two_the_same() {
        let ids = || {
            let mut chance = Chance::of(7);
            (0..1_000).map(|_| uuid(&mut chance)).collect::<Vec<_>>()
        };
        let distinct: std::collections::BTreeSet<_> = ids().into_iter().collect();
        assert_eq!((ids(), distinct.len()), (ids(), 1_000));
    }

    #[test]
    fn pauses_double_from_a_second_to_thirty_and_half_of_each_is_chance() {
        let mut chance = Chance::of(1);
        for (tries, longest_s) in [(0, 1), (1, 2), (4, 16), (5, 30), (40, 30)] {
            let longest = Duration::from_secs(longest_s);
            let pauses: Vec<_> = (0..100).map(|_| pause(tries, &mut chance)).collect();
            assert!(pauses.iter().all(|pause| (longest / 2..longest).contains(pause)));
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "not all at once");
        }
    }
}
