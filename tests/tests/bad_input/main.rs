//! Bad requests by the thousand, made from good ones and sent over real sockets: none is answered
//! with an error of the server's own, and the shop sells on.
//!
//! `cargo xtask fuzz http` sends as many as one likes.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that can't go on fails, and then what it prints is shown"
)]

mod connection;
mod operators;
mod request;
mod sandbox;
mod shoppers;
mod storm;

use fuzz::{Chance, inputs};
use system_tests::{Shop, ShopOptions, assert_invariants};

use self::storm::Storm;

/// Requests to each server, unless `FUZZ_INPUTS` says how many.
const REQUESTS: u64 = 3_000;

#[tokio::test]
async fn a_shop_answers_bad_requests_without_an_error_of_its_own_and_sells_on() {
    if !is_wanted("http") {
        return;
    }
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(1_000_000).await;
    let requests =
        [shoppers::requests(&shop, &sku).await, operators::requests(&shop, &sku).await].concat();
    Storm::of(requests, Chance::seeded()).rage("shop", inputs(REQUESTS)).await;

    let other = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&other, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    assert_eq!(shop.operator().stock(&other).await, (0, 0, 1));
    assert_invariants(&shop).await;
}

#[tokio::test]
async fn a_sandbox_answers_bad_requests_without_an_error_of_its_own_and_starts_again() {
    if !is_wanted("http") {
        return;
    }
    let (program, running) = sandbox::start();
    let address = running.address("sandbox");
    let requests = sandbox::requests(&address).await;
    Storm::of(requests, Chance::seeded()).rage("sandbox", inputs(REQUESTS)).await;

    // Whatever it has taken it finds again.
    let before = sandbox::ledger(&address).await;
    running.kill();
    let again = sandbox::start_again(program, &address);
    assert_eq!(sandbox::ledger(&again.address("sandbox")).await, before);
}

/// Whether `FUZZ_TARGET` names this target, or nothing.
fn is_wanted(target: &str) -> bool {
    std::env::var("FUZZ_TARGET").map_or(true, |wanted| wanted == target)
}
