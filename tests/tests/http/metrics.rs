//! What Prometheus reads: right, few series, cheap; and what alerts and the dashboard make of it.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use system_tests::{Running, Shop, ShopOptions, Shopper, eventually, http_client};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Longer than the numbers of the shop may be old, and than anything here takes.
const SOON: Duration = Duration::from_mins(1);

/// A scraped page.
struct Page(String);

impl Page {
    async fn of(shop: &Shop) -> Self {
        let operator = shop.operator();
        let answer = operator.without_token(Method::GET, "/metrics").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
        Self(answer.text().await.unwrap())
    }

    async fn at(address: &str) -> Option<Self> {
        let answer = http_client().get(format!("http://{address}/metrics")).send().await.ok()?;
        Some(Self(answer.text().await.ok()?))
    }

    /// `name{labels}` of every series.
    fn series(&self) -> BTreeSet<&str> {
        let samples = self.0.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        samples.filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect()
    }

    /// The names of the metrics, without the parts of histograms.
    fn names(&self) -> BTreeSet<&str> {
        self.series().into_iter().filter_map(|series| series.split('{').next()).collect()
    }

    fn value(&self, series: &str) -> Option<f64> {
        let sample = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        sample.and_then(|value| value.parse().ok())
    }
}

/// Waits until a series has the value.
async fn shows(shop: &Shop, series: &str, value: f64) {
    eventually(&format!("{series} is {value}"), SOON, || async {
        let found = Page::of(shop).await.value(series)?;
        ((found - value).abs() < f64::EPSILON).then_some(())
    })
    .await;
}

fn checkouts(outcome: &str) -> String {
    format!("holdfast_checkouts_total{{outcome=\"{outcome}\"}}")
}

fn funnel(step: &str) -> String {
    format!("holdfast_funnel_steps_total{{step=\"{step}\"}}")
}

#[tokio::test]
async fn what_browsers_report_is_counted_once_however_often_it_comes() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(1).await;
    let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    let events =
        ["product_viewed", "added_to_cart"].map(|kind| json!({"kind": kind, "sku": sku, "at": at}));
    let report = json!({"session_id": Uuid::new_v4(), "events": events});
    for _ in 0..3 {
        let beacon = shop.shopper().anonymous(Method::POST, "/v1/analytics").json(&report);
        assert_eq!(Shopper::send(beacon).await.status, 204);
    }
    for step in ["product_viewed", "added_to_cart"] {
        shows(&shop, &funnel(step), 1.0).await;
    }
}

#[tokio::test]
async fn what_happens_to_orders_is_counted_once_each() {
    let shop = Shop::open(ShopOptions { hold_ttl: "20s", ..ShopOptions::default() }).await;
    let sku = shop.product(4).await;
    shows(&shop, &checkouts("paid"), 0.0).await;

    let (buyer, leaver, sleeper) = (shop.shopper(), shop.shopper(), shop.shopper());
    sleeper.hold(&[(&sku, 1)]).await;
    buyer.hold(&[(&sku, 1)]).await;
    buyer.pay("pm_card_visa_chargeDeclined").await;
    buyer.reaches("awaiting_payment").await;
    buyer.pay("pm_card_visa").await;
    buyer.reaches("paid").await;
    leaver.hold(&[(&sku, 1)]).await;
    leaver.cancel().await;
    leaver.cancel().await;
    leaver.reaches("cancelled").await;
    sleeper.reaches("expired").await;

    for outcome in ["paid", "cancelled", "expired"] {
        shows(&shop, &checkouts(outcome), 1.0).await;
    }
    for result in ["authorized", "declined"] {
        let series = format!("holdfast_payment_attempts_total{{result=\"{result}\"}}");
        shows(&shop, &series, 1.0).await;
    }
    for (step, orders) in [("stock_held", 3.0), ("payment_submitted", 1.0), ("paid", 1.0)] {
        shows(&shop, &funnel(step), orders).await;
    }
    shows(&shop, "holdfast_hold_age_seconds_count{end=\"committed\"}", 1.0).await;
    shows(&shop, "holdfast_hold_age_seconds_count{end=\"released\"}", 2.0).await;
    shows(&shop, "holdfast_stock_units{kind=\"sold\"}", 1.0).await;
    shows(&shop, "holdfast_webhook_inbox_events", 0.0).await;
    let page = Page::of(&shop).await;
    let released = page.value("holdfast_hold_age_seconds_sum{end=\"released\"}").unwrap();
    assert!((20.0..60.0).contains(&released), "one was held for 20 seconds: {released}");
    assert!(page.value("holdfast_batch_members_count{batch=\"reserve\"}").unwrap() >= 3.0);
    assert!(page.0.contains("holdfast_webhook_lag_seconds_count{outcome="), "{}", page.0);
    assert!(page.value("process_resident_memory_bytes").unwrap() > 1e6);
}

#[tokio::test]
async fn further_paths_ids_and_methods_make_no_further_series() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(50).await;
    let all_kinds = |round: usize| {
        let (shop, sku) = (&shop, &sku);
        async move {
            let id = Uuid::new_v4();
            let paths = [
                (Method::GET, format!("/v1/products/{id}")),
                (Method::GET, format!("/v1/checkouts/{id}")),
                (Method::GET, format!("/{id}/{round}?q={id}")),
                (Method::GET, format!("/products/{id}")),
                (Method::from_bytes(format!("M{}", id.simple()).as_bytes()).unwrap(), "/".into()),
            ];
            for (method, path) in paths {
                Shopper::send(shop.shopper().anonymous(method, &path)).await;
            }
            let shopper = shop.shopper();
            shopper.hold(&[(sku, 1)]).await;
            shopper.cancel().await;
            shopper.reaches("cancelled").await;
            shop.operator().put_product(&format!("more-{round}"), 100).await;
            Page::of(shop).await;
        }
    };
    all_kinds(0).await;
    let few = Page::of(&shop).await;
    for round in 1..30 {
        all_kinds(round).await;
    }
    let many = Page::of(&shop).await;
    let new: Vec<_> = many.series().difference(&few.series()).map(ToString::to_string).collect();
    assert!(new.is_empty(), "{new:#?}");
    assert!(many.series().len() < 1_500, "{} series", many.series().len());
    assert!(!many.0.contains(&sku), "no product is a label");
}

#[tokio::test]
async fn a_scrape_soon_after_another_asks_postgres_nothing() {
    let shop = Shop::open(ShopOptions::default()).await;
    let url = shop.servers.database_url(&shop.name);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    shows(&shop, "holdfast_dependency_up{dependency=\"postgres\"}", 1.0).await;
    let mut lock = connection.begin().await.unwrap();
    sqlx::query("lock table stock in access exclusive mode").execute(&mut *lock).await.unwrap();
    // This one may find its numbers too old, and wait for the lock in vain.
    Page::of(&shop).await;
    let began = Instant::now();
    for _ in 0..20 {
        Page::of(&shop).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    shows(&shop, "holdfast_dependency_up{dependency=\"postgres\"}", 0.0).await;
    lock.rollback().await.unwrap();
    shows(&shop, "holdfast_dependency_up{dependency=\"postgres\"}", 1.0).await;
}

#[tokio::test]
async fn a_provider_that_is_down_is_shown_until_it_is_back() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shows(&shop, "holdfast_provider_circuit_open", 0.0).await;
    shop.faults(json!({"down": true})).await;
    shopper.pay("pm_card_visa").await;
    shows(&shop, "holdfast_provider_circuit_open", 1.0).await;
    shop.faults(json!({})).await;
    shopper.reaches("paid").await;
    shows(&shop, "holdfast_provider_circuit_open", 0.0).await;
}

#[tokio::test]
async fn a_product_that_is_oversold_is_shown() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(5).await;
    shows(&shop, "holdfast_products_oversold", 0.0).await;
    let database = shop.database().await;
    let plant = "alter table stock drop constraint stock_not_oversold";
    sqlx::query(plant).execute(&database).await.unwrap();
    let plant = "update stock set sold = on_hand + 1 where sku = $1";
    sqlx::query(plant).bind(&sku).execute(&database).await.unwrap();
    shows(&shop, "holdfast_products_oversold", 1.0).await;
}

#[tokio::test]
async fn a_worker_by_itself_is_scraped_where_it_is_told() {
    let [own, of_temporal] = [free_address(), free_address()];
    let environment = vec![
        ("WORKER_METRICS_LISTEN", own.clone()),
        ("WORKER_TEMPORAL_METRICS_LISTEN", of_temporal.clone()),
    ];
    let options = ShopOptions { running: Running::Split, environment, ..ShopOptions::default() };
    let shop = Shop::open(options).await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    eventually("the worker has counted the order", SOON, || async {
        let paid = Page::at(&own).await?.value(&checkouts("paid"))?;
        (paid > 0.0).then_some(())
    })
    .await;
    let page = Page::at(&of_temporal).await.unwrap();
    assert!(page.0.contains("temporal_"), "{}", page.0);
    let of_the_api = Page::of(&shop).await;
    assert!(of_the_api.value(&checkouts("paid")).is_none(), "the API counts no orders");
    assert!(of_the_api.value("holdfast_holds_open").is_some());
    assert!(Page::at(&own).await.unwrap().value("holdfast_holds_open").is_none());
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn every_metric_that_alerts_and_dashboard_name_is_exported() {
    let shop = Shop::open(ShopOptions::default()).await;
    let sku = shop.product(5).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    shopper.pay("pm_card_visa").await;
    shopper.reaches("paid").await;
    eventually("a webhook has its outcome", SOON, || async {
        let page = Page::of(&shop).await;
        page.names().contains("holdfast_webhook_lag_seconds_count").then_some(())
    })
    .await;
    let page = Page::of(&shop).await;
    let exported = page.names();
    for file in ["deploy/prometheus/alerts.yml", "deploy/grafana/holdfast.json"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let named = metrics_in(&text);
        assert!(named.len() > 10, "{file} names {named:?}");
        let missing: Vec<_> = named.difference(&exported).collect();
        assert!(missing.is_empty(), "{file} names what is not exported: {missing:?}");
    }
}

/// Words that are names of our metrics.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = ["holdfast_", "http_re", "process_"];
    words.filter(|word| ours.iter().any(|prefix| word.starts_with(prefix))).collect()
}

#[test]
fn every_alert_has_a_page_that_says_what_to_do_and_names_it() {
    let rules = fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
    let mut alerts = 0;
    for rule in rules.split("- alert: ").skip(1) {
        alerts += 1;
        let name = rule.lines().next().unwrap();
        let page = rule.lines().find_map(|line| line.trim().strip_prefix("runbook_url: "));
        let page = page.unwrap_or_else(|| panic!("{name} has no runbook"));
        let (file, heading) = page.split_once('#').unwrap_or((page, ""));
        let text =
            fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(&format!("`{name}`")), "{file} does not name {name}");
        let headings = text.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor);
        assert!(heading.is_empty() || headings.into_iter().any(|one| one == heading), "{page}");
    }
    assert!(alerts >= 11, "{alerts} alerts were read");
}

/// A heading's fragment, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
