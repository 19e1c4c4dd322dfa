//! One order of one shopper: what they ask of the shop, again and again until it is answered, as
//! a browser does, and what they were told.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use system_tests::{Chance, Reply, Shopper, Told, http_client, on_the_wire};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::report::Report;

/// How long an answer is waited for.
const ANSWERS_WITHIN: Duration = Duration::from_secs(8);
/// How long a shopper goes on with an order.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Buyer {
    pub shopper: Shopper,
    pub told: Told,
    pub chance: Chance,
    report: Arc<Report>,
    walks_away: Instant,
}

/// The shopper's patience has come to an end.
#[derive(Debug)]
pub struct WalkedAway;

impl Buyer {
    pub fn new(shopper: Shopper, told: Told, chance: Chance, report: Arc<Report>) -> Self {
        Self { shopper, told, chance, report, walks_away: Instant::now() + PATIENCE }
    }

    /// Asks until there is an answer that decides something.
    async fn ask(&mut self, request: &RequestBuilder) -> Result<Reply, WalkedAway> {
        loop {
            if let Some(reply) = self.ask_once(request).await.filter(decides) {
                return Ok(reply);
            }
            self.waits(100, 600).await?;
        }
    }

    async fn ask_once(&self, request: &RequestBuilder) -> Option<Reply> {
        let once = request.try_clone()?.timeout(ANSWERS_WITHIN).send();
        let reply = match once.await {
            Ok(response) => Some(Reply::of(response).await),
            Err(_) => None,
        };
        // An answer that broke off is none.
        let reply = reply.filter(|reply| !reply.status.is_success() || reply.body.is_object());
        self.report.answered(reply.as_ref().map(|reply| reply.status));
        reply
    }

    /// A moment, in milliseconds.
    pub async fn waits(&mut self, from: u64, to: u64) -> Result<(), WalkedAway> {
        sleep(Duration::from_millis(from + self.chance.below(to - from))).await;
        if Instant::now() > self.walks_away { Err(WalkedAway) } else { Ok(()) }
    }

    fn cart(&self) -> Value {
        let lines: Vec<_> =
            self.told.lines.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect();
        Shopper::cart(&lines)
    }

    pub fn put_request(&self) -> RequestBuilder {
        self.shopper.request(Method::PUT, "").json(&self.cart())
    }

    /// Puts the order; whether its units are held, or were.
    pub async fn put(&mut self) -> Result<bool, WalkedAway> {
        let request = self.put_request();
        let reply = loop {
            match self.ask_once(&request).await.filter(decides) {
                Some(reply) => break reply,
                // What was answered with an error may have had its effect, too.
                None => self.told.unanswered = true,
            }
            self.waits(100, 600).await?;
        };
        self.hear_put(&reply);
        if !reply.status.is_success() {
            return Ok(false);
        }
        self.until(|checkout| checkout["state"] != "reserving").await?;
        Ok(self.told.settled.as_deref() != Some("refused"))
    }

    pub fn hear_put(&mut self, reply: &Reply) {
        match (reply.status.as_u16(), reply.problem()) {
            (409, "out-of-stock") => self.told.refusal = Some("out-of-stock".to_owned()),
            (status, _) if reply.status.is_success() || status >= 500 || status == 429 => {}
            _ => self.wrong("PUT", reply),
        }
        self.told.hear(reply);
    }

    /// An attempt of an id of its own.
    pub async fn pay(&mut self, payment_method: &str) -> Result<Reply, WalkedAway> {
        let request = self.payment(Uuid::new_v4(), payment_method);
        let reply = self.ask(&request).await?;
        self.hear_payment(&reply);
        Ok(reply)
    }

    /// A request to pay.
    pub fn payment(&mut self, attempt: Uuid, payment_method: &str) -> RequestBuilder {
        self.told.tried_to_pay = true;
        let body = json!({"attempt_id": attempt, "payment_method": payment_method});
        self.shopper.request(Method::POST, "/payment").json(&body)
    }

    pub fn hear_payment(&mut self, reply: &Reply) {
        match (reply.status.as_u16(), reply.problem()) {
            (409, "hold-ended" | "too-many-attempts") => {}
            (status, _) if reply.status.is_success() || status >= 500 || status == 429 => {}
            _ => self.wrong("POST payment", reply),
        }
        self.told.hear(reply);
    }

    /// Sends requests all at once, and once; hears the answers in the order of the versions that
    /// they tell of.
    pub async fn at_once(&mut self, requests: Vec<RequestBuilder>) -> Vec<Reply> {
        let asked = requests.iter().map(|request| self.ask_once(request));
        let answers = futures::future::join_all(asked).await;
        let mut replies: Vec<_> = answers.into_iter().flatten().collect();
        replies.sort_by_key(|reply| reply.body["version"].as_u64());
        replies
    }

    /// Calls the order off.
    pub async fn cancel(&mut self) -> Result<(), WalkedAway> {
        self.told.called_off = true;
        let request = self.shopper.request(Method::DELETE, "");
        let reply = self.ask(&request).await?;
        match (reply.status.as_u16(), reply.problem()) {
            (409, "already-paid") => self.told.is_bought(),
            _ if reply.status.is_success() => {}
            _ => self.wrong("DELETE", &reply),
        }
        self.told.hear(&reply);
        Ok(())
    }

    /// Looks until the checkout is as wanted, or the order has ended; answers it.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value, WalkedAway> {
        loop {
            let request = self.shopper.request(Method::GET, "");
            let reply = self.ask(&request).await?;
            if !reply.status.is_success() {
                self.wrong("GET", &reply);
                return Err(WalkedAway);
            }
            self.told.hear(&reply);
            if wanted(&reply.body) || self.told.knows_the_end() {
                return Ok(reply.body);
            }
            self.waits(100, 500).await?;
        }
    }

    /// Listens to the order's events until it has ended, or until the patience has.
    pub async fn listens(&mut self) -> Result<(), WalkedAway> {
        let mut last_id = None;
        while !self.told.knows_the_end() {
            // What breaks off is listened to again, from where it was.
            let _broken_off = self.listen(&mut last_id).await;
            self.waits(50, 300).await?;
        }
        Ok(())
    }

    async fn listen(&mut self, last_id: &mut Option<String>) -> reqwest::Result<()> {
        let mut request = self.shopper.request(Method::GET, "/events").timeout(PATIENCE);
        if let Some(id) = last_id {
            request = request.header("last-event-id", &**id);
        }
        let mut response = request.send().await?;
        self.report.answered(Some(response.status()));
        if response.status() == StatusCode::NO_CONTENT {
            self.told.contradictions.push("told that there is no more before the end".to_owned());
            return Ok(());
        }
        if response.status().is_client_error() {
            let said = format!("GET events was answered with {}", response.status());
            self.told.contradictions.push(said);
        }
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            text.extend_from_slice(&chunk);
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = text.drain(..end + 2).collect();
                self.hear_event(&String::from_utf8_lossy(&event), last_id);
            }
        }
        Ok(())
    }

    fn hear_event(&mut self, event: &str, last_id: &mut Option<String>) {
        for line in event.lines() {
            if let Some(id) = line.strip_prefix("id:") {
                *last_id = Some(id.trim().to_owned());
            } else if let Some(data) = line.strip_prefix("data:") {
                match serde_json::from_str(data) {
                    Ok(checkout) => self.told.see(&checkout),
                    Err(_) => self.told.contradictions.push(format!("told '{event}'")),
                }
            }
        }
    }

    /// Answers the bank's question at its page.
    pub async fn at_the_bank(&mut self, page: &str, answer: &str) -> Result<(), WalkedAway> {
        loop {
            let asked = http_client().post(page).form(&[("answer", answer)]);
            // Back in the shop nothing is to be seen: the answer counts, not where it leads.
            let sent = asked.timeout(ANSWERS_WITHIN).send().await;
            if sent.is_ok_and(|response| !response.status().is_server_error()) {
                return Ok(());
            }
            self.waits(100, 600).await?;
        }
    }

    /// Sends some of a request, or all of it, and does not wait for the answer.
    pub async fn hangs_up_on(&mut self, request: RequestBuilder) {
        let Ok(request) = request.build() else { return };
        let bytes = on_the_wire(&request);
        let Ok(addresses) = request.url().socket_addrs(|| None) else { return };
        let Ok(mut connection) = TcpStream::connect(&*addresses).await else { return };
        let sent = match self.chance.below(3) {
            0 => usize::try_from(self.chance.below(bytes.len() as u64)).unwrap_or_default(),
            _ => bytes.len(),
        };
        drop(connection.write_all(&bytes[..sent]).await);
        sleep(Duration::from_micros(self.chance.below(40_000))).await;
        self.report.count("clients that hung up", 1);
    }

    fn wrong(&mut self, what: &str, reply: &Reply) {
        let Reply { status, body, .. } = reply;
        self.told.contradictions.push(format!("{what} was answered with {status}: {body}"));
    }
}

/// Whether nobody has to come back: neither a 5xx nor a 429.
fn decides(reply: &Reply) -> bool {
    !reply.status.is_server_error() && reply.status != StatusCode::TOO_MANY_REQUESTS
}
