//! What the shop stands on, in trouble: Temporal, Postgres, the provider, the clocks. For each of
//! these tests `docs/dependencies.md` says what shoppers and operators see, and how it heals.

mod clocks;
mod lies;
mod lying_provider;
mod nonsense;
mod postgres_failover;
mod postgres_few_connections;
mod postgres_unreachable;
mod postgres_unwritable;
mod temporal_unreachable;

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use reqwest::Method;
use serde_json::json;
use system_tests::{Proxy, Reply, Servers, Shop, ShopOptions, Shopper, eventually, http_client};

/// What a shopper is told who comes while something is away for a while: to come back, and when.
#[track_caller]
fn is_told_to_come_back(reply: &Reply, problems: &[&str]) {
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(problems.contains(&reply.problem()), "{}", reply.body);
    let seconds: u32 = reply.header("retry-after").parse().expect("Retry-After is in seconds");
    assert!((1..=30).contains(&seconds), "{seconds} s");
}

/// Whatever is in trouble, shoppers look at products, and at whether they can be had.
async fn can_be_browsed(visitor: &Shopper, sku: &str) {
    for path in ["/livez", "/", "/v1/products", &format!("/v1/products/{sku}")] {
        let reply = Shopper::send(visitor.anonymous(Method::GET, path)).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    }
    let check = visitor.anonymous(Method::POST, "/v1/stock-check");
    let reply = Shopper::send(check.json(&Shopper::cart(&[(sku, 1)]))).await;
    assert_eq!((reply.status.as_u16(), &reply.body["lines"][0]["status"]), (200, &json!("ok")));
}

/// What `/readyz` says.
async fn readiness(visitor: &Shopper) -> Reply {
    Shopper::send(visitor.anonymous(Method::GET, "/readyz")).await
}

/// Waits until the metrics have this line, such as alerts are made of.
async fn operators_see(shop: &Shop, line: &str) {
    let page = format!("{}/metrics", shop.operator().url());
    eventually(line, Duration::from_secs(30), || async {
        let shown = http_client().get(&page).send().await.ok()?.text().await.ok()?;
        shown.lines().any(|it| it == line).then_some(())
    })
    .await;
}

/// A shop, and a proxy between it and its Postgres.
async fn shop_behind_proxy_to_postgres() -> (Shop, Proxy) {
    let postgres_url = Servers::from_env().postgres_url;
    let (owner, address) = postgres_url.split_once('@').expect("the URL names the owner");
    let proxy = Proxy::before(address.parse::<SocketAddr>().unwrap()).await.unwrap();
    let postgres_url = Some(format!("{owner}@{}", proxy.address));
    (Shop::open(ShopOptions { postgres_url, ..ShopOptions::default() }).await, proxy)
}

#[test]
fn every_test_that_the_page_on_dependencies_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/dependencies.md")).unwrap();
    let (mut source, mut named) = (String::new(), 0);
    // Every other piece stands between backticks.
    for quoted in page.split('`').skip(1).step_by(2) {
        if quoted.starts_with("faults/") || quoted.starts_with("http/") {
            source = fs::read_to_string(root.join("tests").join(quoted)).expect(quoted);
        } else if quoted.matches('_').count() > 4 {
            assert!(
                source.contains(&format!("fn {quoted}(")),
                "{quoted} is not where it should be"
            );
            named += 1;
        }
    }
    assert!(named > 20, "{named} tests are named");
}
