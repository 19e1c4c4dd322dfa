//! Signing in to the dashboard: what the cookie may do, and what it may not.

use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::json;
use system_tests::{Operator, Reply, Shop, eventually};
use uuid::Uuid;

use crate::support::is_problem;

/// A browser that shows the cookie it was given, and goes nowhere by itself.
struct Browser {
    operator: Operator,
    http: Client,
    cookie: Option<String>,
}

impl Browser {
    fn new(operator: Operator) -> Self {
        let http = Client::builder().tls_certs_only([]).redirect(Policy::none()).build().unwrap();
        Self { operator, http, cookie: None }
    }

    /// A browser whose owner has signed in.
    async fn signed_in(operator: Operator) -> Self {
        let mut browser = Self::new(operator);
        let token = browser.operator.token().to_owned();
        let answer = browser.sign_in(&token).await;
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        browser.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        browser
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.operator.url()));
        match &self.cookie {
            Some(cookie) => request.header("cookie", format!("other=1; {cookie}")),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn sign_in(&self, token: &str) -> Response {
        let form = format!("token={token}&next=%2Forders");
        let request = self.request(Method::POST, "/sign-in").body(form);
        let request = request.header("origin", self.operator.url());
        let typed = request.header("content-type", "application/x-www-form-urlencoded");
        typed.send().await.unwrap()
    }

    /// Counts a unit in, as a page at `origin` would have it done.
    async fn adjust(&self, sku: &str, origin: Option<&str>) -> Reply {
        let body = json!({"adjustment_id": Uuid::new_v4(), "on_hand_delta": 1, "reason": "a test"});
        let mut request = self.request(Method::PATCH, &format!("/v1/stock/{sku}")).json(&body);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        Reply::of(request.send().await.unwrap()).await
    }
}

const PAGES: [&str; 8] =
    ["/", "/orders", "/stock", "/webhooks", "/reconciliation", "/audit", "/health", "/stock/none"];

#[tokio::test]
async fn pages_send_whoever_is_not_signed_in_to_where_they_can() {
    let shop = Shop::shared().await;
    let browser = Browser::new(shop.operator());
    for path in PAGES {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), 303, "{path}");
        let to = answer.headers()["location"].to_str().unwrap();
        assert!(to.starts_with("/sign-in"), "{path} leads to {to}");
    }
    assert_eq!(browser.get("/sign-in").await.status(), 200);
}

#[tokio::test]
async fn signing_in_gives_a_cookie_that_is_not_the_token() {
    let shop = Shop::shared().await;
    let browser = Browser::new(shop.operator());
    let token = shop.operator().token().to_owned();
    let answer = browser.sign_in(&token).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/orders".parse().unwrap())
    );
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    for part in ["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(&token), "{cookie}");

    let wrong = browser.sign_in("operator-token-of-a-tesT").await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers().get("set-cookie").is_none());
    let page = wrong.text().await.unwrap();
    assert!(page.contains("no token that is in force"), "{page}");
}

#[tokio::test]
async fn another_sites_page_signs_nobody_in_or_out() {
    let shop = Shop::shared().await;
    let browser = Browser::signed_in(shop.operator()).await;
    let form = || "token=operator-token-of-a-test";
    let shop_url = shop.url();
    for path in ["/sign-in", "/sign-out"] {
        for origin in ["http://evil.example", "null", &shop_url] {
            let request = browser.request(Method::POST, path).header("origin", origin).body(form());
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            is_problem(&Reply::of(request.send().await.unwrap()).await, "cross-origin");
        }
    }
    let origin = browser.operator.url().to_owned();
    let out = browser.request(Method::POST, "/sign-out").header("origin", origin);
    let out = out.send().await.unwrap();
    assert_eq!(out.status(), 303);
    assert!(out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn the_cookie_changes_things_for_our_own_pages_alone() {
    let shop = Shop::shared().await;
    let sku = shop.product(0).await;
    let browser = Browser::signed_in(shop.operator()).await;
    let own = browser.operator.url().to_owned();
    // The shop's pages are another origin, though cookies know no ports.
    for origin in [None, Some("http://evil.example"), Some("null"), Some(&*shop.url())] {
        is_problem(&browser.adjust(&sku, origin).await, "cross-origin");
    }
    assert_eq!(browser.adjust(&sku, Some(&own)).await.status, 200);
    assert_eq!(shop.operator().stock(&sku).await, (1, 0, 0));
}

#[tokio::test]
async fn a_viewer_changes_nothing_by_cookie_either() {
    let shop = Shop::shared().await;
    let sku = shop.product(0).await;
    let viewer = shop.operator_named("victor", "viewer").await;
    crate::operators::is_let_in(&viewer).await;
    let browser = Browser::signed_in(viewer).await;
    let own = browser.operator.url().to_owned();
    is_problem(&browser.adjust(&sku, Some(&own)).await, "forbidden");
    let page = browser.get(&format!("/stock/{sku}")).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains("victor") && !page.contains("operator-form"), "{page}");
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let shop = Shop::shared().await;
    let name = format!("eve-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let eve = shop.operator_named(&name, "operator").await;
    crate::operators::is_let_in(&eve).await;
    let browser = Browser::signed_in(eve).await;
    assert_eq!(browser.get("/v1/stock").await.status(), 200);
    shop.worker_command(&["token", "revoke", "--name", &name]).await;
    eventually("the session is over", std::time::Duration::from_secs(10), || async {
        (browser.get("/v1/stock").await.status() == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_forged_or_altered_cookie_is_none() {
    let shop = Shop::shared().await;
    let mut browser = Browser::signed_in(shop.operator()).await;
    let cookie = browser.cookie.clone().unwrap();
    let (name, session) = cookie.split_once('=').unwrap();
    let (expires, seal) = session.split_once('.').unwrap();
    let later = expires.parse::<i64>().unwrap() + 1;
    let flipped = if seal.ends_with('0') { "1" } else { "0" };
    let altered = format!("{}{flipped}", &seal[..seal.len() - 1]);
    for forged in [
        format!("{later}.{seal}"),
        format!("{expires}.{altered}"),
        format!("{expires}.{}", "0".repeat(64)),
        format!("{expires}."),
        expires.to_owned(),
        String::new(),
        browser.operator.token().to_owned(),
    ] {
        browser.cookie = Some(format!("{name}={forged}"));
        is_problem(&Reply::of(browser.get("/v1/stock").await).await, "unauthorized");
        assert_eq!(browser.get("/orders").await.status(), 303, "{forged}");
    }
    browser.cookie = Some(cookie);
    assert_eq!(browser.get("/orders").await.status(), 200);
}

#[tokio::test]
async fn every_page_is_there_and_lets_nothing_foreign_in() {
    let shop = Shop::shared().await;
    let sku = shop.product(1).await;
    let shopper = shop.shopper();
    shopper.hold(&[(&sku, 1)]).await;
    let browser = Browser::signed_in(shop.operator()).await;
    let mut paths: Vec<_> = PAGES.iter().map(|path| path.replace("none", &sku)).collect();
    paths.push(format!("/orders/{}", shopper.order_id));
    paths.push("/orders?state=awaiting_payment&q=&sku=&from=2020-01-01T00:00&to=".to_owned());
    for path in paths {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let page = answer.text().await.unwrap();
        assert!(page.contains("aria-current=\"page\""), "{path} is nowhere in the navigation");
    }
    let nonsense = browser.get("/orders?q=mug").await;
    assert_eq!(nonsense.status(), 200);
    assert!(nonsense.text().await.unwrap().contains("role=\"alert\""));
}
