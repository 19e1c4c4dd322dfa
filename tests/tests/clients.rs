//! What clients of other makes see: a real browser, and schemathesis with the API's own
//! description in hand. Each runs in a process of its own, on a shop of its own.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::process::Command;

use system_tests::{Shop, ShopOptions};

/// Runs `command` below `tests/`; what it says is shown when it fails.
async fn passes(mut command: Command, folder: &str) {
    command.current_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR")));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn shoppers_see_what_they_should_in_a_real_browser() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(50).await;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]);
    node.env("SHOP_URL", shop.url()).env("SANDBOX_URL", shop.sandbox_url()).env("SHOP_SKU", sku);
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
