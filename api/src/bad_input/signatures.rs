//! What the provider sends: a header that signs the body, and the body.

use axum::http::HeaderMap;
use fuzz::{Verdict, hold};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::refused;
use crate::webhooks::{read, verify};

const SECRETS: [&str; 2] = ["whsec_old", "whsec_new"];
const NOW: i64 = 1_700_000_000;

/// The input: a line with the header, then the body.
fn header_and_body(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}

fn signature_by(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&[format!("{timestamp}.").as_bytes(), body].concat());
    hex::encode(mac.finalize().into_bytes())
}

/// Whether one of our secrets has signed the body at the header's time, which is not long ago.
fn is_signed(header: &str, body: &[u8]) -> bool {
    let pairs: Vec<_> = header.split(',').filter_map(|pair| pair.trim().split_once('=')).collect();
    let of =
        |name: &'static str| pairs.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1);
    let Some(Ok(timestamp)) = of("t").next_back().map(str::parse::<i64>) else { return false };
    let ours: Vec<_> = SECRETS.iter().map(|by| signature_by(by, timestamp, body)).collect();
    (NOW - 300..=NOW + 300).contains(&timestamp)
        && of("v1").any(|given| ours.contains(&given.to_ascii_lowercase()))
}

#[test]
fn a_webhook_is_taken_exactly_when_one_of_our_secrets_has_signed_it() {
    let secrets = SECRETS.map(str::to_owned);
    hold("signature", |input| {
        let Some((header, body)) = header_and_body(input) else {
            return Verdict::refused("no header");
        };
        match verify(header, body, &secrets, NOW) {
            Ok(()) => {
                assert!(is_signed(header, body), "nobody has signed it");
                // One bit of another body, and it is nobody's.
                let other = [body, b" "].concat();
                assert!(verify(header, &other, &secrets, NOW).is_err(), "any body would do");
                Verdict::Accepted(format!("{} parts", header.split(',').count()))
            }
            Err(problem) => {
                assert!(!is_signed(header, body), "it is signed: {}", problem.detail);
                refused(problem, None)
            }
        }
    });
}

#[test]
fn of_an_event_nothing_is_stored_that_postgres_could_not_hold_or_nobody_could_look_for() {
    hold("webhook-event", |input| {
        let mut headers = HeaderMap::new();
        headers.insert("stripe-signature", "t=1,v1=00".parse().unwrap());
        headers.insert("user-agent", "Stripe/1.0".parse().unwrap());
        match read(&headers, input) {
            Ok(event) => {
                let plainly: Value = serde_json::from_slice(input).expect("it is JSON");
                let visible = |text: &str| {
                    (1..=255).contains(&text.len())
                        && text.chars().all(|c| ('!'..='~').contains(&c))
                };
                assert_eq!(plainly["id"], event.event_id.as_str());
                assert!(visible(&event.event_id) && visible(&event.event_type));
                assert!(event.payment_intent.as_deref().is_none_or(visible));
                assert_eq!(event.body, input, "it is kept as it came");
                assert_eq!(event.headers, serde_json::json!({"user-agent": "Stripe/1.0"}));
                let (intent, order) = (event.payment_intent.is_some(), event.order_id.is_some());
                Verdict::Accepted(format!("payment {intent}, order {order}"))
            }
            Err(problem) => refused(problem, None),
        }
    });
}
