//! Reads: what the product adds to a bare axum route that answers with the same bytes.

use std::time::{Duration, Instant};

use system_tests::kept_alive::{Request, Wire};
use tokio::task::JoinSet;

use super::Options;
use crate::{
    report::{Report, median, p50_ms},
    world::World,
};

/// How many connections there are at once.
const CONNECTIONS: usize = 64;
/// How many requests one client makes in its turn.
const IN_A_TURN: usize = 200;

/// Measures both kinds of reads.
pub async fn measure(world: &World, options: Options) -> anyhow::Result<()> {
    let sku = world.together.sku();
    let product = Request::get(&format!("/v1/products/{sku}"));
    let cart = format!(r#"{{"lines":[{{"sku":"{sku}","quantity":2}}]}}"#);
    let stock_check = Request::post("/v1/stock-check", &cart);

    let url = world.together.shop.url();
    let shop = url.trim_start_matches("http://");
    let process = world.bare(&body(shop, &product).await?, &body(shop, &stock_check).await?)?;
    let bare = process.address("bare");
    for (name, request) in [("GET product", &product), ("stock check", &stock_check)] {
        let both = Both { shop, bare: &bare, request };
        both.one_client(name, options).await?;
        both.many(name, options).await?;
    }
    Ok(())
}

async fn body(address: &str, request: &Request) -> anyhow::Result<String> {
    let mut wire = Wire::to(address).await?;
    Ok(String::from_utf8(wire.ask(request).await?.to_vec())?)
}

/// One request, to the product and to the bare route.
struct Both<'a> {
    shop: &'a str,
    bare: &'a str,
    request: &'a Request,
}

impl Both<'_> {
    async fn one_client(&self, name: &str, options: Options) -> anyhow::Result<()> {
        let (mut shop, mut bare) = (Wire::to(self.shop).await?, Wire::to(self.bare).await?);
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds(40, 3) {
            turn(&mut shop, self.request, &mut ours).await?;
            turn(&mut bare, self.request, &mut floor).await?;
        }
        let count = ours.len();
        let (ours, floor) = (p50_ms(ours) * 1e3, p50_ms(floor) * 1e3);
        let raw = format!("p50 {ours:.0} µs; bare route {floor:.0} µs; {count} requests of each");
        Report::ratio(&format!("{name}, one client / bare route"), ours / floor);
        Report::raw(&raw);
        Ok(())
    }

    async fn many(&self, name: &str, options: Options) -> anyhow::Result<()> {
        let lasts = options.lasts();
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds(5, 1) {
            ours.push(rate(self.shop, self.request, lasts).await?);
            floor.push(rate(self.bare, self.request, lasts).await?);
        }
        let (ours, floor) = (median(ours), median(floor));
        let raw = format!(
            "requests a second on {CONNECTIONS} connections: {ours:.0}; bare route {floor:.0}"
        );
        Report::ratio(&format!("{name}, requests a second / bare route"), ours / floor);
        Report::raw(&raw);
        Ok(())
    }
}

async fn turn(wire: &mut Wire, request: &Request, took: &mut Vec<Duration>) -> anyhow::Result<()> {
    for _ in 0..IN_A_TURN {
        let began = Instant::now();
        wire.ask(request).await?;
        took.push(began.elapsed());
    }
    Ok(())
}

/// Answers a second, on many connections at once.
pub async fn rate(address: &str, request: &Request, lasts: Duration) -> anyhow::Result<f64> {
    let mut callers = JoinSet::new();
    let began = Instant::now();
    for _ in 0..CONNECTIONS {
        let (address, request) = (address.to_owned(), request.clone());
        callers.spawn(async move {
            let mut wire = Wire::to(&address).await?;
            let mut done = 0_u32;
            while began.elapsed() < lasts {
                wire.ask(&request).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(caller) = callers.join_next().await {
        done += caller??;
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}
