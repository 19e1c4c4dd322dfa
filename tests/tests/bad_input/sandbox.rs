//! A sandbox by itself, and what a shop sends it, as it should be.

use serde_json::Value;
use system_tests::{Process, Program, Servers, http_client};
use uuid::Uuid;

use crate::request::Request;

/// A sandbox with a store of its own, and how it was started.
pub fn start() -> (Program, Process) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let servers = Servers::from_env();
    let name = format!("bad_input_{}", Uuid::new_v4().simple());
    let data = servers.logs.join(format!("{name}.sandbox"));
    let settings = [
        ("SANDBOX_LISTEN", "127.0.0.1:0".to_owned()),
        ("SANDBOX_DATA_DIR", data.to_string_lossy().into_owned()),
    ];
    let program = Program {
        binary: servers.binaries.join("sandbox"),
        arguments: Vec::new(),
        environment: settings.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        log: servers.logs.join(format!("{name}.log")),
    };
    let running = Process::start(&program);
    (program, running)
}

/// The same sandbox, at the same address.
pub fn start_again(mut program: Program, address: &str) -> Process {
    address.clone_into(&mut program.environment[0].1);
    Process::start(&program)
}

/// The money as it sees it.
pub async fn ledger(address: &str) -> Value {
    let url = format!("http://{address}/sandbox/ledger");
    http_client().get(url).send().await.unwrap().json().await.unwrap()
}

/// Requests on payments that exist.
pub async fn requests(address: &str) -> Vec<Request> {
    let held = payment(address, "&confirm=true&capture_method=manual").await;
    let paid = payment(address, "&confirm=true").await;
    let new = payment(address, "").await;
    let to = |method: &str, target: &str| {
        Request::new(address, method, target).bearer("sk_test_sandbox")
    };
    let card = "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034\
                &card[cvc]=123&billing_details[address][city]=Turin";
    let intent = "amount=1200&currency=eur&metadata[order_id]=7&payment_method_types[]=card\
                  &shipping[name]=Ada&shipping[address][line1]=Via+Po";
    vec![
        to("POST", "/v1/payment_intents").header("idempotency-key", "one").form(intent),
        to("POST", "/v1/payment_intents").form(&format!("{intent}&description=Tea")),
        to("POST", &format!("/v1/payment_intents/{new}")).form("amount=1300&metadata[a]=b"),
        to("POST", &format!("/v1/payment_intents/{new}/confirm"))
            .form("payment_method=pm_card_visa&return_url=http://a.example"),
        to("POST", &format!("/v1/payment_intents/{held}/capture")).form("amount_to_capture=100"),
        to("POST", &format!("/v1/payment_intents/{held}/cancel"))
            .form("cancellation_reason=duplicate"),
        to("POST", "/v1/refunds").form(&format!("payment_intent={paid}&amount=1&reason=duplicate")),
        to("GET", &format!("/v1/payment_intents/{paid}?expand[]=latest_charge")),
        to("GET", "/v1/payment_intents?limit=2&created[gte]=1"),
        to("GET", "/v1/payment_intents/search?query=metadata%5B'order_id'%5D:'7'"),
        to("GET", "/v1/events?type=charge.*&types[]=charge.succeeded&limit=3"),
        to("GET", &format!("/v1/charges?payment_intent={paid}")),
        to("POST", "/v1/payment_methods").form(card),
        to("GET", "/v1/payment_methods/pm_card_visa"),
        to("POST", "/v1/disputes/dp_1/close").form(""),
        to("POST", "/v1/webhook_endpoints")
            .form("url=http://127.0.0.1:9/hook&enabled_events[]=charge.refunded"),
        to("DELETE", "/v1/webhook_endpoints/we_1"),
        Request::new(address, "POST", &format!("/3ds/{new}")).form("answer=approve"),
        Request::new(address, "GET", &format!("/3ds/{held}")),
        Request::new(address, "POST", &format!("/console/refund/{paid}")).form(""),
    ]
}

/// A payment with a card; answers its id.
async fn payment(address: &str, further: &str) -> String {
    let form = format!(
        "amount=1200&currency=eur&payment_method=pm_card_visa&return_url=http://a.example{further}"
    );
    let form =
        if further.is_empty() { form.replace("&return_url=http://a.example", "") } else { form };
    let request = http_client()
        .post(format!("http://{address}/v1/payment_intents"))
        .bearer_auth("sk_test_sandbox")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let made: Value = request.send().await.unwrap().json().await.unwrap();
    made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}
