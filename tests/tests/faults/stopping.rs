//! SIGTERM in the midst of shopping: who was let in is answered, and what was begun is done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use system_tests::{
    Answer, NoAnswer, Running, Shop, ShopOptions, Shopper, assert_invariants, eventually,
    on_the_wire, read_answer, within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
    task::JoinSet,
    time::sleep,
};
use uuid::Uuid;

use super::paths::UNDER_WAY;

/// Who buy one thing after the other.
const SHOPPERS: u8 = 6;
/// Who hold something and watch.
const WATCHERS: usize = 12;
/// How long a process may take to end.
const TO_END: Duration = Duration::from_secs(20);
/// Orders that have to be paid before and after each stop: the shop is busy.
const BUSY: u64 = 6;

/// One shop after the other, so that the tests beside these still have a machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// What the shoppers of a shop have gone through.
#[derive(Default)]
struct Street {
    closes: AtomicBool,
    paid: AtomicU64,
    answers: AtomicU64,
    /// Nobody listened, or the connection was never let in.
    away: AtomicU64,
    /// Told to come back, and did.
    later: AtomicU64,
}

#[tokio::test]
async fn an_api_that_is_told_to_stop_answers_everyone_that_it_let_in() {
    stops(Running::Split).await;
}

#[tokio::test]
async fn both_in_one_process_stop_as_well_as_two() {
    stops(Running::Together).await;
}

/// The process that serves the API is told to stop, and started again.
async fn stops(running: Running) {
    let _turn = (ONE_AT_A_TIME.lock().await, UNDER_WAY.acquire_many(SHOPPERS.into()).await);
    let shop = open(running).await;
    let sku = shop.product(1_000_000).await;
    let street = Arc::new(Street::default());
    let mut shoppers = street.fill(&shop, &sku);
    let watchers = watch(&shop, &sku).await;

    street.is_busy().await;
    let stopped = shop.stop_api(TO_END).await;
    println!("the {running:?} API ended {stopped:.1?} after SIGTERM, with {SHOPPERS} shoppers");
    watchers_are_told_to_come_back(watchers).await;
    shop.start_api();
    street.is_busy().await;
    street.closed(&mut shoppers).await;
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_leaves_nothing_half_done() {
    let _turn = (ONE_AT_A_TIME.lock().await, UNDER_WAY.acquire_many(SHOPPERS.into()).await);
    let shop = open(Running::Split).await;
    let sku = shop.product(1_000_000).await;
    let street = Arc::new(Street::default());
    let mut shoppers = street.fill(&shop, &sku);

    street.is_busy().await;
    let stopped = shop.stop_worker(TO_END).await;
    println!("the worker ended {stopped:.1?} after SIGTERM, with {SHOPPERS} shoppers");
    shop.start_worker();
    street.is_busy().await;
    street.closed(&mut shoppers).await;
    assert_invariants(&shop).await;
}

async fn open(running: Running) -> Arc<Shop> {
    Arc::new(Shop::open(ShopOptions { running, ..ShopOptions::default() }).await)
}

impl Street {
    /// Lets shoppers in, who buy one thing after the other until the street closes.
    fn fill(self: &Arc<Self>, shop: &Arc<Shop>, sku: &str) -> JoinSet<()> {
        let mut shoppers = JoinSet::new();
        for _ in 0..SHOPPERS {
            let (street, shop, sku) = (Arc::clone(self), Arc::clone(shop), sku.to_owned());
            shoppers.spawn(async move {
                let mut till = Till { street: &street, server: server(&shop), socket: None };
                while !street.closes.load(Ordering::Relaxed) {
                    till.buy(&shop.shopper(), &sku).await;
                    street.paid.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        shoppers
    }

    /// Waits until so many further orders are paid.
    async fn is_busy(&self) {
        let enough = self.paid.load(Ordering::Relaxed) + BUSY;
        eventually("the shop is busy", Duration::from_mins(2), || async {
            (self.paid.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }

    /// Closes, once everybody has what they were about to buy.
    async fn closed(&self, shoppers: &mut JoinSet<()>) {
        self.closes.store(true, Ordering::Relaxed);
        within("everybody is done", Duration::from_mins(4), async {
            while let Some(done) = shoppers.join_next().await {
                done.unwrap();
            }
        })
        .await;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "{} requests were answered, {} of them with 503; {} orders paid; {} times the shop was \
             away",
            count(&self.answers),
            count(&self.later),
            count(&self.paid),
            count(&self.away)
        );
    }
}

fn server(shop: &Shop) -> String {
    shop.url().replace("http://", "")
}

/// A shopper's connection to the shop, which stays open for as long as both want it.
struct Till<'a> {
    street: &'a Street,
    server: String,
    socket: Option<TcpStream>,
}

impl Till<'_> {
    /// Buys `sku`: every step is answered, and the order is paid in the end.
    async fn buy(&mut self, shopper: &Shopper, sku: &str) {
        let cart = Shopper::cart(&[(sku, 1)]);
        let held = self.ask(|| shopper.request(Method::PUT, "").json(&cart)).await;
        assert!(matches!(held.status, 200..=202), "{}{}", held.head, held.body);
        self.until(shopper, "awaiting_payment").await;
        let payment = json!({"attempt_id": Uuid::new_v4(), "payment_method": "pm_card_visa"});
        let queued = self.ask(|| shopper.request(Method::POST, "/payment").json(&payment)).await;
        assert!(matches!(queued.status, 200 | 202), "{}{}", queued.head, queued.body);
        self.until(shopper, "paid").await;
    }

    async fn until(&mut self, shopper: &Shopper, state: &str) {
        let wanted = format!("\"state\":\"{state}\"");
        let look = async {
            while !self.ask(|| shopper.request(Method::GET, "")).await.body.contains(&wanted) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        within(&format!("order {} is {state}", shopper.order_id), Duration::from_mins(2), look)
            .await;
    }

    /// The answer to a request. Sent again where it was never let in: nobody listened, or the
    /// connection ended before anything was answered on it.
    async fn ask(&mut self, request: impl Fn() -> reqwest::RequestBuilder) -> Answer {
        let bytes = on_the_wire(&request().build().unwrap());
        loop {
            let is_let_in = self.socket.is_some();
            let opened = match self.socket.take() {
                Some(open) => Ok(open),
                None => TcpStream::connect(&self.server).await,
            };
            let Ok(mut socket) = opened else {
                self.stay_away().await;
                continue;
            };
            drop(socket.write_all(&bytes).await);
            let answer = within("an answer", TO_END, read_answer(&mut socket, false)).await;
            match answer {
                Ok(answer) => {
                    self.street.answers.fetch_add(1, Ordering::Relaxed);
                    self.socket = answer.goes_on.then_some(socket);
                    if answer.says_when_to_come_back() {
                        self.street.later.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                    assert!(answer.status < 500, "{}{}", answer.head, answer.body);
                    return answer;
                }
                Err(NoAnswer::Nothing) if !is_let_in => self.stay_away().await,
                Err(why) => {
                    let sent = String::from_utf8_lossy(&bytes).into_owned();
                    panic!(
                        "a request on a connection that was let in had no answer: {why:?}\n{sent}"
                    )
                }
            }
        }
    }

    async fn stay_away(&self) {
        self.street.away.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(50)).await;
    }
}

/// Somebody who watches an order, and all that they were sent.
type Watcher = (Shopper, tokio::task::JoinHandle<String>);

/// Opens the event streams of as many held orders.
async fn watch(shop: &Shop, sku: &str) -> Vec<Watcher> {
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        let shopper = shop.shopper();
        shopper.hold(&[(sku, 1)]).await;
        let request = shopper.request(Method::GET, "/events").build().unwrap();
        let mut socket = TcpStream::connect(server(shop)).await.unwrap();
        socket.write_all(&on_the_wire(&request)).await.unwrap();
        let mut first = vec![0; 4_096];
        let length = socket.read(&mut first).await.unwrap();
        let mut sent = String::from_utf8_lossy(&first[..length]).into_owned();
        assert!(sent.starts_with("HTTP/1.1 200"), "{sent}");
        let watching = tokio::spawn(async move {
            let ended = socket.read_to_string(&mut sent).await;
            match ended {
                Ok(_) => sent,
                Err(error) => format!("{error} after {sent}"),
            }
        });
        watchers.push((shopper, watching));
    }
    watchers
}

/// Each stream has ended as streams do, with word of when to come back.
async fn watchers_are_told_to_come_back(watchers: Vec<Watcher>) {
    for (shopper, watching) in watchers {
        let sent = within("the stream ends", TO_END, watching).await.unwrap();
        assert!(sent.ends_with("\r\n0\r\n\r\n"), "{} is cut off: {sent}", shopper.order_id);
        assert!(sent.contains("\nretry:"), "{} is not told: {sent}", shopper.order_id);
        assert!(sent.contains("event: checkout"), "{}: {sent}", shopper.order_id);
    }
}
