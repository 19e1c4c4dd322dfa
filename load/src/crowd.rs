//! A shop on an ordinary busy day: everybody looks around, some go to the till.

use std::{sync::Arc, time::Duration};

use system_tests::Chance;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use crate::{machine::Watched, shopper::Shopper, world::World};

/// How long it takes to call a shopper into being, at the most.
const COMES_WITHIN: Duration = Duration::from_micros(20);

/// Memory that a shopper takes who is about to do something, in bytes.
pub type BytesEach = u64;

/// Lets `shoppers` shop for so long, and those who are at the till then finish there. Answers what
/// a shopper takes.
pub async fn shops(
    world: &Arc<World>,
    shoppers: u32,
    chance: &Chance,
    lasts: Duration,
    us: &Watched,
) -> BytesEach {
    let before = us.taken().memory_mib;
    let began = Instant::now() + COMES_WITHIN * shoppers;
    let shopping = TaskTracker::new();
    for number in 1..=shoppers {
        let shopper = Shopper::new(Arc::clone(world), number, chance, began);
        shopping.spawn(shopper.shops_until(began + lasts));
    }
    sleep_until(began).await;
    let bytes_each = bytes_each(us.taken().memory_mib - before, shoppers);
    shopping.close();
    shopping.wait().await;
    sleep_until(began + lasts).await;
    world.at_the_till.close();
    world.at_the_till.wait().await;
    bytes_each
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative")]
fn bytes_each(mib: f64, shoppers: u32) -> BytesEach {
    (mib.max(0.0) * 1_048_576.0 / f64::from(shoppers.max(1))) as u64
}
