//! What the payment provider does to us: its webhooks, and its absence.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use system_tests::{
    Shopper,
    kept_alive::{Request, Wire},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Options;
use crate::{
    product::Product,
    report::{Report, p50_ms, progress},
    statements::Statements,
    world::World,
};

/// The most that taking a webhook may cost, in inserts behind a bare route.
const WEBHOOK_GOAL: f64 = 1.5;
/// The most statements of a webhook that is here already.
const REPEATED_GOAL: usize = 1;
/// How much slower a hold may be while the provider is away.
const OUTAGE_GOAL: f64 = 1.2;
/// How many webhooks come in a turn.
const IN_A_TURN: usize = 20;
/// How many payments are begun at once.
const AT_ONCE: usize = 16;
/// How long orders may take to their ends when the provider is back.
const ENDS_WITHIN: Duration = Duration::from_mins(2);

/// Measures both.
pub async fn measure(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    progress("webhooks");
    webhooks(world, options, report).await?;
    progress("a provider that is away");
    outage(&world.together, options, report).await
}

async fn webhooks(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let url = world.together.shop.url();
    let process = world.bare("{}", "{}")?;
    let mut shop = Wire::to(url.trim_start_matches("http://")).await?;
    let mut bare = Wire::to(&process.address("bare")).await?;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds(20, 2) {
        for (wire, took) in [(&mut shop, &mut ours), (&mut bare, &mut floor)] {
            for _ in 0..IN_A_TURN {
                let request = webhook(&format!("evt_{}", Uuid::new_v4().simple()));
                let began = Instant::now();
                wire.ask(&request).await?;
                took.push(began.elapsed());
            }
            // What the shop does with them is not the answer's time.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let count = ours.len();
    let (ours, floor) = (p50_ms(ours), p50_ms(floor));
    report.ratio_with_goal("webhook / insert behind a bare route", ours / floor, WEBHOOK_GOAL);
    Report::raw(&format!("p50 {ours:.2} ms; bare route {floor:.2} ms; {count} of each"));
    repeated(&world.together, &mut shop, report).await
}

async fn repeated(product: &Product, shop: &mut Wire, report: &mut Report) -> anyhow::Result<()> {
    const TIMES: usize = 1_000;
    let database = product.shop.database().await;
    let request = webhook("evt_again");
    shop.ask(&request).await?;
    let statements = Statements::watch(&database).await?;
    let each = statements
        .each(TIMES, async || {
            for _ in 0..TIMES {
                shop.ask(&request).await?;
            }
            Ok(())
        })
        .await?;
    report.count("statements of a repeated webhook", each, REPEATED_GOAL);
    Ok(())
}

/// An event, signed as the sandbox signs, about a payment that is nobody's.
fn webhook(event_id: &str) -> Request {
    let intent = format!("pi_{}", Uuid::new_v4().simple());
    let body = json!({
        "id": event_id,
        "object": "event",
        "type": "payment_intent.amount_capturable_updated",
        "data": {"object": {"id": intent, "object": "payment_intent", "amount": 1_200}},
    })
    .to_string();
    let timestamp = OffsetDateTime::now_utc().unix_timestamp();
    let mac = Hmac::<Sha256>::new_from_slice(b"whsec_sandbox").map(|mut mac| {
        mac.update(format!("{timestamp}.{body}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    });
    let signature = format!("t={timestamp},v1={}", mac.unwrap_or_default());
    Request::post_signed("/v1/webhooks/stripe", &body, &signature)
}

/// Orders wait for a provider that is away; others are held meanwhile.
async fn outage(product: &Product, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let (open, lasts) = if options.quick { (20, 5) } else { (200, 30) };
    let shopper = product.shop.shopper();
    let held: Vec<Shopper> = stream::iter(0..open)
        .map(|_| hold(product, &shopper))
        .buffer_unordered(AT_ONCE)
        .map_ok(|(shopper, _)| shopper)
        .try_collect()
        .await?;
    let before = holds(product, &shopper, Duration::from_secs(lasts / 2)).await?;

    product.shop.faults(json!({"down": true})).await;
    stream::iter(&held).map(pay).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
    let during = holds(product, &shopper, Duration::from_secs(lasts)).await?;
    product.shop.faults(json!({})).await;

    let mut unpaid = 0;
    let deadline = Instant::now() + ENDS_WITHIN;
    for shopper in &held {
        unpaid += usize::from(!is_paid(shopper, deadline).await);
    }
    let name = "a hold while the provider is away / before";
    report.ratio_with_goal(name, p50_ms(during) / p50_ms(before), OUTAGE_GOAL);
    let name = "orders that an outage kept from being paid";
    report.count(name, unpaid, 0);
    Report::raw(&format!("{lasts} s, {open} open payments"));
    Ok(())
}

/// Holds one after the other; answers how long each took.
async fn holds(
    product: &Product,
    shopper: &Shopper,
    lasts: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let began = Instant::now();
    let mut took = Vec::new();
    while began.elapsed() < lasts {
        took.push(hold(product, shopper).await?.1);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    Ok(took)
}

async fn hold(product: &Product, shopper: &Shopper) -> anyhow::Result<(Shopper, Duration)> {
    let shopper = shopper.another_order();
    let cart = Shopper::cart(&[(product.sku(), 1)]);
    let began = Instant::now();
    let held = product.patiently(|| shopper.put(&cart)).await?;
    anyhow::ensure!(held.status.is_success(), "not held: {}", held.body);
    Ok((shopper, began.elapsed()))
}

async fn pay(shopper: &Shopper) -> anyhow::Result<()> {
    for _ in 0..100 {
        let queued = shopper.pay("pm_card_visa").await;
        if queued.status.is_success() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("an attempt was not taken")
}

async fn is_paid(shopper: &Shopper, deadline: Instant) -> bool {
    while Instant::now() < deadline {
        if shopper.get().await.state() == "paid" {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    false
}
