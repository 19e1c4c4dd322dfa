//! Who may do what on the operators' listener, and what the shop's listener does not have.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use system_tests::{Operator, Reply, Shop, Shopper, eventually};
use uuid::Uuid;

use crate::support::is_problem;

/// A token that is made or revoked is known so soon.
const SOON: Duration = Duration::from_secs(10);

/// An operation of the operators' API, as its own description has it: one that is added is asked
/// like the others.
struct Operation {
    method: Method,
    path: String,
}

impl Operation {
    fn changes(&self) -> bool {
        self.method != Method::GET
    }

    fn send(&self, ask: impl Fn(Method, &str) -> RequestBuilder) -> impl Future<Output = Reply> {
        let request = ask(self.method.clone(), &self.path);
        // Nothing that can be read: whoever may pass is told so, and nothing is changed.
        Shopper::send(if self.changes() { request.json(&json!([])) } else { request })
    }
}

/// Everything on the operators' listener that takes a token.
async fn guarded(operator: &Operator) -> Vec<Operation> {
    let document = Shopper::send(operator.without_token(Method::GET, "/openapi.json")).await.body;
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"].as_array().cloned().unwrap_or_default();
            // One that needs nothing has no security, or an empty one to choose.
            if !security.first().is_some_and(|one| one["operatorToken"].is_array()) {
                continue;
            }
            let id = Uuid::new_v4().to_string();
            let path = path.replace("{order_id}", &id).replace("{sku}", "mug");
            let path = path.replace("{event_id}", "evt_none");
            assert!(!path.contains('{'), "{path}: what to put there?");
            found.push(Operation { method: method.to_uppercase().parse().unwrap(), path });
        }
    }
    assert!(found.len() > 12, "the description has {} operations", found.len());
    found
}

#[tokio::test]
async fn without_a_token_or_with_a_wrong_one_every_path_is_401() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    for operation in guarded(&operator).await {
        let ask = |method, path: &str| operator.without_token(method, path);
        let wrong: [&dyn Fn(RequestBuilder) -> RequestBuilder; 7] = [
            &|request| request,
            &|request| request.bearer_auth("wrong"),
            &|request| request.bearer_auth(""),
            &|request| request.bearer_auth("operator-token-of-a-tes"),
            &|request| request.bearer_auth("operator-token-of-a-test!"),
            &|request| request.basic_auth("operator", Some("operator-token-of-a-test")),
            &|request| request.header("cookie", "holdfast_operator=operator-token-of-a-test"),
        ];
        for spoil in wrong {
            let reply = operation.send(|method, path| spoil(ask(method, path))).await;
            is_problem(&reply, "unauthorized");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn a_viewer_reads_everything_and_changes_nothing() {
    let shop = Shop::shared().await;
    let viewer = shop.operator_named("vera", "viewer").await;
    is_let_in(&viewer).await;
    for operation in guarded(&viewer).await {
        let reply = operation.send(|method, path| viewer.request(method, path)).await;
        if operation.changes() {
            is_problem(&reply, "forbidden");
        } else {
            let passed = [200, 404].contains(&reply.status.as_u16());
            assert!(passed, "{} is {}", operation.path, reply.status);
        }
        let operator = shop.operator();
        let reply = operation.send(|method, path| operator.request(method, path)).await;
        assert!(![401, 403].contains(&reply.status.as_u16()), "{}", operation.path);
    }
}

#[tokio::test]
async fn a_token_is_made_replaced_and_revoked_while_the_shop_runs() {
    let shop = Shop::shared().await;
    let name = format!("ada-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let ada = shop.operator_named(&name, "operator").await;
    // A name has two tokens while one replaces the other.
    let replaced = shop.operator_named(&name, "operator").await;
    assert_ne!(ada.token(), replaced.token());
    for operator in [&ada, &replaced] {
        is_let_in(operator).await;
    }
    let listed = shop.worker_command(&["token", "list"]).await;
    assert_eq!(listed.matches(&name).count(), 2, "{listed}");
    assert!(!listed.contains(ada.token()), "{listed}");
    let first = listed.lines().find(|line| line.contains(&name)).unwrap();
    let id = first.split_whitespace().next().unwrap();
    shop.worker_command(&["token", "revoke", "--id", id]).await;
    is_shut_out(&ada).await;
    is_let_in(&replaced).await;
    shop.worker_command(&["token", "revoke", "--name", &name]).await;
    is_shut_out(&replaced).await;

    let audit = shop.operator().get(&format!("/v1/audit?subject={name}")).await;
    let kinds: Vec<_> = audit["changes"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["revoke_token", "revoke_token", "add_token", "add_token"]);
    let kept: Vec<String> = sqlx::query_scalar("select operator_tokens::text from operator_tokens")
        .fetch_all(&shop.database().await)
        .await
        .unwrap();
    assert!(kept.iter().all(|row| !row.contains(ada.token())), "{kept:?}");
}

async fn status_of(operator: &Operator) -> u16 {
    Shopper::send(operator.request(Method::GET, "/v1/stock?limit=1")).await.status.as_u16()
}

pub async fn is_let_in(operator: &Operator) {
    let look = || async { (status_of(operator).await == 200).then_some(()) };
    eventually("the token is known", SOON, look).await;
}

async fn is_shut_out(operator: &Operator) {
    let look = || async { (status_of(operator).await == 401).then_some(()) };
    eventually("the token is known no more", SOON, look).await;
}

#[tokio::test]
async fn the_audit_says_whose_token_a_change_was_made_with() {
    let shop = Shop::shared().await;
    let bob = shop.operator_named("bob", "operator").await;
    is_let_in(&bob).await;
    let sku = shop.product(0).await;
    bob.adjust_stock(&sku, 3).await;
    let audit = bob.get(&format!("/v1/audit?actor=bob&subject={sku}")).await;
    let changes = audit["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{audit}");
    let change = &changes[0];
    assert_eq!((&change["kind"], &change["actor"]), (&json!("adjust_stock"), &json!("bob")));
}

#[tokio::test]
async fn the_shops_listener_has_no_operators_paths() {
    let shop = Shop::shared().await;
    let operator = shop.operator();
    for operation in guarded(&operator).await {
        let ask = |method, path: &str| {
            shop.shopper().anonymous(method, path).bearer_auth(operator.token())
        };
        let status = operation.send(ask).await.status.as_u16();
        let shown = format!("{} {} is {status}", operation.method, operation.path);
        assert!(matches!(status, 404 | 405), "{shown}");
    }
    for path in ["/metrics", "/sign-in", "/stock", "/webhooks", "/audit", "/health", "/funnel"] {
        let ask = shop.shopper().anonymous(Method::GET, path).bearer_auth(operator.token());
        is_problem(&Shopper::send(ask).await, "not-found");
    }
}

#[tokio::test]
async fn the_operators_listener_takes_no_orders() {
    let shop = Shop::shared().await;
    let cart = Shopper::cart(&[("mug", 1)]);
    let path = format!("/v1/checkouts/{}", Uuid::new_v4());
    let put = shop.operator().request(Method::PUT, &path).json(&cart);
    is_problem(&Shopper::send(put).await, "not-found");
}

#[tokio::test]
async fn metrics_need_no_token_on_this_machine() {
    let shop = Shop::shared().await;
    Shopper::send(shop.shopper().anonymous(Method::GET, "/v1/products?limit=1")).await;
    let metrics = shop.operator().without_token(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(metrics.status(), 200);
    let page = metrics.text().await.unwrap();
    assert!(page.contains("http_requests_total{") && page.contains("/v1/products"), "{page}");
}

#[tokio::test]
async fn the_api_does_not_start_where_others_can_reach_it_without_a_token() {
    let shop = Shop::shared().await;
    let mut settings = shop.settings();
    for (name, value) in &mut settings {
        match name.as_str() {
            "OPERATOR_LISTEN" => *value = "0.0.0.0:0".to_owned(),
            "OPERATOR_TOKEN" => value.clear(),
            "SHOP_LISTEN" => *value = "127.0.0.1:0".to_owned(),
            _ => {}
        }
    }
    let mut api = tokio::process::Command::new(shop.servers.binaries.join("api"));
    let api = api.env_clear().envs(settings).kill_on_drop(true).output();
    let ended = tokio::time::timeout(Duration::from_secs(30), api).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("set OPERATOR_TOKEN"), "{said}");
    assert!(ended.stdout.is_empty(), "it never listened");
}

/// A reply's list.
pub fn list<'a>(body: &'a Value, name: &str) -> &'a Vec<Value> {
    body[name].as_array().unwrap_or_else(|| panic!("no {name} in {body}"))
}
