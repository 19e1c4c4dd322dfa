//! The storefront: what a page costs the server against the product's JSON, and the shopper against
//! a bare static page.

use std::process::Stdio;

use anyhow::Context;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use system_tests::kept_alive::Request;
use tokio::process::Command;

use super::{Options, reads};
use crate::{
    report::{Report, median, progress},
    world::World,
};

/// The most that a rendered page may cost of the server, in JSON answers.
const PAGE_GOAL: f64 = 1.5;
/// The latest that the largest thing may be painted, in times of a bare page's.
const LARGEST_PAINT_GOAL: f64 = 1.2;
const COLD_GOAL: usize = 50_000;
const WARM_GOAL: usize = 5_000;
const ADD_TO_CART_GOAL_MS: usize = 50;
/// Where the browser's part lies, as seen from the workspace.
const BROWSER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/browser");

/// What `tests/browser/figures.mjs` prints.
#[derive(Deserialize)]
struct Figures {
    lcp_shop_ms: f64,
    lcp_bare_ms: f64,
    layout_shift: f64,
    cold_bytes: usize,
    warm_bytes: usize,
    add_to_cart_p95_ms: f64,
}

/// Measures the server's side, and the browser's.
pub async fn measure(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    server(world, options, report).await?;
    progress("a browser, on a slow phone and a slow network");
    browser(world, options, report).await
}

/// Both keep the server busy, so that the ratio of their rates is that of the work they make.
async fn server(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let sku = world.together.sku();
    let url = world.together.shop.url();
    let shop = url.trim_start_matches("http://");
    let json = Request::get(&format!("/v1/products/{sku}"));
    // As browsers ask.
    let page = Request::get_compressed(&format!("/products/{sku}"));
    let lasts = options.lasts();
    let (mut jsons, mut pages) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds(5, 1) {
        jsons.push(reads::rate(shop, &json, lasts).await?);
        pages.push(reads::rate(shop, &page, lasts).await?);
    }
    let (jsons, pages) = (median(jsons), median(pages));
    report.ratio_with_goal("product page / GET product, work", jsons / pages, PAGE_GOAL);
    Report::raw(&format!("answers a second: {pages:.0} pages; {jsons:.0} of JSON"));
    Ok(())
}

/// A product as shops have them: with a picture, and to be had.
async fn product(world: &World) -> anyhow::Result<&'static str> {
    let sku = "bench-pictured";
    let operator = world.together.shop.operator();
    let body = json!({
        "name": "A black mug", "image_url": "/images/mug-black.svg",
        "description": "Stoneware, glazed inside and out. Heavy enough to stay where you put it.",
        "price": {"amount": 1_200, "currency": "EUR"},
    });
    let put = operator.request(Method::PUT, &format!("/v1/products/{sku}")).json(&body);
    put.send().await?.error_for_status()?;
    operator.adjust_stock(sku, 100).await;
    Ok(sku)
}

async fn browser(world: &World, options: Options, report: &mut Report) -> anyhow::Result<()> {
    let sku = product(world).await?;
    let mut node = Command::new("node");
    node.arg("figures.mjs").current_dir(BROWSER).stdin(Stdio::null()).kill_on_drop(true);
    node.env("SHOP_URL", world.together.shop.url()).env("SHOP_SKU", sku);
    node.env("ROUNDS", options.rounds(9, 3).to_string());
    let output = node.stderr(Stdio::inherit()).output().await.context("run node")?;
    anyhow::ensure!(output.status.success(), "tests/browser/figures.mjs failed: see above");
    let figures: Figures = serde_json::from_slice(&output.stdout).context("read its figures")?;

    let (ours, bare) = (figures.lcp_shop_ms, figures.lcp_bare_ms);
    report.ratio_with_goal("largest paint / bare page", ours / bare, LARGEST_PAINT_GOAL);
    Report::raw(&format!("slow 4G, 4x CPU: {ours:.0} ms; bare page {bare:.0} ms"));
    report.count("bytes of a product page, cold", figures.cold_bytes, COLD_GOAL);
    report.count("bytes of a product page, warm", figures.warm_bytes, WARM_GOAL);
    let add_to_cart = whole(figures.add_to_cart_p95_ms);
    let name = "milliseconds from add to cart to paint, p95, all requests hanging";
    report.count(name, add_to_cart, ADD_TO_CART_GOAL_MS);
    report.count("layout shift, in thousandths", whole(figures.layout_shift * 1e3), 0);
    Ok(())
}

/// Rounded up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, not negative")]
fn whole(figure: f64) -> usize {
    figure.ceil() as usize
}
