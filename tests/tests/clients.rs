//! What clients of other makes see: a real browser, and schemathesis with the API's own
//! description in hand. Each runs in a process of its own, on a shop of its own.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{path::PathBuf, process::Command};

use system_tests::{Shop, ShopOptions};

/// Runs `command` below `tests/`; what it says is shown when it fails.
async fn passes(mut command: Command, folder: &str) {
    command.current_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR")));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The browser tests of a folder of `tests/browser`, against this shop.
fn browser_tests(folder: &str, shop: &Shop) -> Command {
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=2"]).args(files(folder));
    let operator = shop.operator();
    node.env("SHOP_URL", shop.url()).env("SANDBOX_URL", shop.sandbox_url());
    node.env("OPERATOR_URL", operator.url()).env("OPERATOR_TOKEN", operator.token());
    // Pictures of failures are kept with the processes' logs.
    node.env("SCREENSHOTS", shop.servers.logs.join("screenshots"));
    node
}

/// The test files of a folder, by name: how Node finds them itself differs by its version.
fn files(folder: &str) -> Vec<PathBuf> {
    let browser = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("browser");
    let entries = std::fs::read_dir(browser.join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut tests: Vec<_> =
        paths.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    tests.sort();
    assert!(!tests.is_empty(), "no tests in {folder}");
    tests
}

#[tokio::test]
async fn shoppers_see_what_they_should_in_a_real_browser() {
    let shop = Shop::open(ShopOptions::default()).await;
    passes(browser_tests("shopping", &shop), "browser").await;
}

#[tokio::test]
async fn operators_see_and_do_what_they_should_in_a_real_browser() {
    let shop = Shop::open(ShopOptions::default()).await;
    passes(browser_tests("operating", &shop), "browser").await;
}

#[tokio::test]
async fn holds_that_end_are_explained_in_a_real_browser() {
    let shop = Shop::open(ShopOptions { hold_ttl: "12s", ..ShopOptions::default() }).await;
    passes(browser_tests("short-holds", &shop), "browser").await;
}

#[tokio::test]
async fn the_storefronts_code_is_typed_and_free_of_lints() {
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).args(files("code"));
    passes(node, "browser").await;
}

#[tokio::test]
async fn every_answer_is_as_the_api_is_described() {
    let shop = Shop::open(ShopOptions::default()).await;
    let operator = shop.operator();
    let mut schemathesis = Command::new("./run.sh");
    // The same requests each time: a run that fails can be had again.
    schemathesis.args(["--seed", "4217"]);
    schemathesis.env("SHOP_URL", shop.url());
    schemathesis.env("OPERATOR_URL", operator.url()).env("OPERATOR_TOKEN", operator.token());
    passes(schemathesis, "schemathesis").await;
}
