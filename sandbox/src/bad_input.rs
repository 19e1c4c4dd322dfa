//! What clients send, held to what Stripe's encoding says of it; and whole requests, after which
//! money still adds up.

use axum::http::Method;
use fuzz::{Verdict, hold};
use serde_json::Value;

use crate::{
    error::ApiError,
    faults::{BankTimes, FaultSettings},
    form::Form,
    intents::Moment,
    operations::{Request, look, perform},
    search::Query,
    store::State,
};

/// The verdict of an error that is one: of the client's making, and in Stripe's words.
fn refused(error: &ApiError) -> Verdict {
    let said = &error.body["error"];
    assert!((400..500).contains(&error.status), "{}: {said}", error.status);
    let (kind, message) = (said["type"].as_str().unwrap(), said["message"].as_str().unwrap());
    assert!(!message.is_empty());
    let [code, param] = ["code", "param"].map(|name| said[name].as_str().unwrap_or_default());
    // Unknown parameters have the client's own names.
    let param = if code == "parameter_unknown" { "" } else { param };
    Verdict::refused(format!("{} {kind} {code} {param}", error.status))
}

/// A text as `application/x-www-form-urlencoded` has it (WHATWG URL, "urlencoded parsing").
fn plainly_decoded(encoded: &[u8]) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(byte) = encoded.get(at) {
        match (byte, digit(encoded.get(at + 1)), digit(encoded.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(16 * high + low).unwrap());
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            (other, ..) => bytes.push(*other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_form_has_what_was_sent_under_the_name_that_it_was_sent_under() {
    hold("form", |input| {
        let form = Form::parse(input);
        let pairs: Vec<(String, String)> = input
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
                let value = pair.get(equals + 1..).unwrap_or_default();
                (plainly_decoded(&pair[..equals]), plainly_decoded(value))
            })
            .collect();
        assert_eq!(form.is_empty(), pairs.is_empty());
        for (name, _) in &pairs {
            let last = pairs.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value);
            assert_eq!(form.text(name), last.map(String::as_str).filter(|text| !text.is_empty()));
            assert!(form.has(name) && form.names(name));
        }
        let mut again = url::form_urlencoded::Serializer::new(String::new());
        again.extend_pairs(&pairs);
        let again = Form::parse(again.finish().as_bytes());
        assert_eq!(again.fingerprint(), form.fingerprint(), "written again it is another form");
        for name in ["metadata", "payment_method_types"] {
            let is_sent = |value: &str| pairs.iter().any(|(_, sent)| sent == value);
            assert!(form.list(name).iter().all(|item| is_sent(item)), "a list of something else");
            let mut members = form.hash(name).into_iter();
            assert!(members.all(|(_, value)| value.as_str().is_some_and(is_sent)));
        }
        match (form.integer("amount"), form.flag("confirm")) {
            (Ok(amount), Ok(confirm)) => {
                let spelled =
                    amount.map(|amount| form.text("amount").unwrap().parse() == Ok(amount));
                assert_ne!(spelled, Some(false));
                Verdict::Accepted(format!("{} {confirm:?}", amount.is_some()))
            }
            (Err(error), _) | (_, Err(error)) => refused(&error),
        }
    });
}

#[test]
fn a_search_is_understood_or_refused_and_never_half() {
    let state = Stage::new().state;
    hold("search", |input| {
        let text = String::from_utf8_lossy(input);
        match Query::parse(&text) {
            Ok(query) => {
                // Whatever is found by a clause is not found by its opposite.
                let found = state.intents.values().filter(|intent| query.matches(intent)).count();
                assert!(found <= state.intents.len());
                let padded = Query::parse(&format!("  {text}\t")).expect("spaces mean nothing");
                let again = state.intents.values().filter(|intent| padded.matches(intent)).count();
                assert_eq!(again, found);
                Verdict::Accepted(format!("{query:?}").chars().take(40).collect())
            }
            Err(error) => {
                assert_eq!(error.body["error"]["param"], "query");
                refused(&error)
            }
        }
    });
}

#[test]
fn faults_are_rates_from_nought_to_one_and_read_as_they_were_written() {
    hold("faults", |input| match FaultSettings::parse(input) {
        Ok(faults) => {
            let webhooks = &faults.webhooks;
            for rate in [
                faults.error_rate,
                faults.timeout_after_effect_rate,
                webhooks.duplicate_rate,
                webhooks.drop_rate,
            ] {
                assert!((0.0..=1.0).contains(&rate), "{rate}");
            }
            let written = serde_json::to_vec(&faults).unwrap();
            assert_eq!(FaultSettings::parse(&written).ok(), Some(faults));
            Verdict::accepted()
        }
        Err(why) => {
            assert!(!why.message.is_empty());
            let is_json = serde_json::from_slice::<Value>(input).is_ok();
            assert!(!is_json || !why.is_malformed, "{}", why.message);
            Verdict::refused(why.message)
        }
    });
}

/// A sandbox with a payment of each kind, under ids that inputs can name.
struct Stage {
    state: State,
}

impl Stage {
    const AT: Moment<'static> = Moment {
        now: 1_700_000_000,
        request: None,
        key: None,
        public_url: "http://sandbox.example",
        bank: BankTimes { processing_ms: 5_000, authorization_seconds: 600_000, refund_ms: 5_000 },
    };

    fn new() -> Self {
        let mut stage = Self { state: State::default() };
        for (id, further) in [
            ("pi_new", ""),
            ("pi_ready", "&payment_method=pm_card_visa"),
            ("pi_held", "&payment_method=pm_card_visa&confirm=true&capture_method=manual"),
            ("pi_paid", "&payment_method=pm_card_visa&confirm=true"),
            ("pi_at_the_bank", "&payment_method=pm_card_authenticationRequired&confirm=true"),
        ] {
            let returns =
                if further.contains("confirm") { "&return_url=http://a.example" } else { "" };
            let body = format!("amount=1200&currency=eur{further}{returns}&metadata[order_id]=7");
            let made = stage.request("POST", "/v1/payment_intents", &body).unwrap();
            stage.rename(made["id"].as_str().unwrap(), id);
        }
        stage
    }

    /// Gives a payment the id that the kept inputs know it by.
    fn rename(&mut self, made: &str, id: &str) {
        let mut intent = self.state.intents.remove(made).unwrap();
        intent.id = id.to_owned();
        if let Some(charge) = intent.latest_charge.as_ref() {
            self.state.charges.get_mut(charge).unwrap().payment_intent = id.to_owned();
        }
        self.state.keep(intent);
    }

    fn request(&mut self, method: &str, path: &str, body: &str) -> Result<Value, ApiError> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let form = Form::parse(body.as_bytes());
        let request = Request { method: method.clone(), path: path.to_owned(), form };
        if method == Method::GET {
            look(&self.state, &request)
        } else {
            perform(&mut self.state, &request, &Self::AT)
        }
    }

    /// No more is taken than there was, and no more given back than was taken.
    fn adds_up(&self) {
        for intent in self.state.intents.values() {
            assert!((1..=99_999_999).contains(&intent.amount), "{}", intent.amount);
            assert!((0..=intent.amount).contains(&intent.captured), "{}", intent.json());
            let charge = intent.latest_charge.as_ref().map(|charge| &self.state.charges[charge]);
            let given_back = charge.map_or(0, |charge| charge.refunded);
            assert!((0..=intent.amount).contains(&given_back), "{}", intent.json());
            assert!(intent.captured == 0 || given_back <= intent.captured, "{}", intent.json());
        }
    }
}

/// The input: method and path on a line, then the form.
fn method_path_and_form(input: &[u8]) -> Option<(&str, &str, &str)> {
    let text = std::str::from_utf8(input).ok()?;
    let (line, form) = text.split_once('\n')?;
    let (method, path) = line.split_once(' ')?;
    Method::from_bytes(method.as_bytes()).ok()?;
    path.starts_with("/v1/").then_some((method, path, form))
}

#[test]
fn whatever_is_asked_is_done_or_refused_and_the_money_adds_up() {
    hold("operation", |input| {
        let Some((method, path, form)) = method_path_and_form(input) else {
            return Verdict::refused("no request");
        };
        let mut stage = Stage::new();
        let answer = stage.request(method, path, form);
        stage.adds_up();
        match answer {
            Ok(answer) => {
                // What was done is on disk, and has to be found there by the next process.
                let written = serde_json::to_vec(&answer).unwrap();
                assert!(serde_json::from_slice::<Value>(&written).is_ok(), "nobody can read it");
                let kind = answer["object"].as_str().unwrap_or_default();
                let status = answer["status"].as_str().unwrap_or_default();
                Verdict::Accepted(format!("{method} {kind} {status}"))
            }
            Err(error) => refused(&error),
        }
    });
}
