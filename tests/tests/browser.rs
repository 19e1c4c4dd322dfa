//! What a shopper sees: runs the tests of `tests/browser` on a shop of their own.

use std::process::Command;

use system_tests::{Shop, ShopOptions};

#[tokio::test]
async fn shoppers_see_what_they_should_in_a_real_browser() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(50).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/browser");
    let mut node = Command::new("node");
    node.current_dir(folder).args(["--test", "--test-reporter=spec"]);
    node.env("SHOP_URL", shop.url()).env("SANDBOX_URL", shop.sandbox_url()).env("SHOP_SKU", sku);
    let output = tokio::task::spawn_blocking(move || node.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
