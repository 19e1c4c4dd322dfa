//! Texts at the door, held against checks that are written out letter by letter.

use fuzz::{Verdict, hold};

use crate::{Currency, Money, OrderId, OrderSecret, Sku};

/// Holds `target`, which reads text; what is no UTF-8 does not get as far.
fn hold_text(target: &str, check: impl Fn(&str) -> Verdict) {
    hold(target, |input| match std::str::from_utf8(input) {
        Ok(text) => check(text),
        Err(_) => Verdict::refused("no text"),
    });
}

#[test]
fn a_sku_is_taken_exactly_when_each_of_its_letters_may_be_there() {
    const FIRST: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    hold_text("sku", |text| {
        let may_be = |(index, letter): (usize, char)| {
            FIRST.contains(letter) || index > 0 && "._-".contains(letter)
        };
        let length = text.chars().count();
        let plainly = (1..=64).contains(&length) && text.chars().enumerate().all(may_be);
        match text.parse::<Sku>() {
            Ok(sku) => {
                assert!(plainly, "it should be refused");
                assert_eq!(sku.to_string(), text, "it is another text now");
                let json = serde_json::to_string(&sku).unwrap();
                assert_eq!(serde_json::from_str::<Sku>(&json).unwrap(), sku);
                Verdict::accepted()
            }
            Err(error) => {
                assert!(!plainly, "it should be taken");
                let json = serde_json::to_string(text).unwrap();
                assert!(serde_json::from_str::<Sku>(&json).is_err(), "JSON is another door");
                Verdict::refused(error)
            }
        }
    });
}

#[test]
fn an_order_id_has_the_digits_that_it_was_given() {
    hold_text("order-id", |text| match text.parse::<OrderId>() {
        Ok(id) => {
            let lower = text.to_ascii_lowercase();
            let given = lower.strip_prefix("urn:uuid:").unwrap_or(&lower);
            let digits = |text: &str| {
                let digits = text.chars().filter(|c| !matches!(c, '-' | '{' | '}'));
                digits.collect::<String>()
            };
            assert_eq!(digits(given), digits(&id.to_string()), "it names another order");
            assert_eq!(id.to_string().len(), 36);
            assert_eq!(id.to_string().parse::<OrderId>().unwrap(), id);
            assert_eq!(OrderId::from_workflow_id(&id.workflow_id()), Some(id));
            Verdict::Accepted(format!("{} bytes", text.len()))
        }
        Err(error) => Verdict::refused(error),
    });
}

#[test]
fn a_secret_is_long_enough_and_shows_nowhere() {
    hold_text("secret", |text| {
        let may_be =
            |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '.' | '~');
        let plainly = (22..=256).contains(&text.chars().count()) && text.chars().all(may_be);
        match text.parse::<OrderSecret>() {
            Ok(secret) => {
                assert!(plainly, "it should be refused");
                assert_eq!(secret.expose(), text);
                assert!(!format!("{secret:?}").contains(text), "a log would show it");
                let hash = secret.hash();
                assert_eq!(hash.as_str().len(), 64);
                assert!(hash.as_str().bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
                assert!(hash.matches(&text.parse::<OrderSecret>().unwrap().hash()));
                Verdict::accepted()
            }
            Err(error) => {
                assert!(!plainly, "it should be taken");
                Verdict::refused(error)
            }
        }
    });
}

#[test]
fn money_is_a_whole_number_of_a_currency_that_there_is() {
    hold_text("money", |text| match serde_json::from_str::<Money>(text) {
        Ok(money) => {
            assert!(Currency::codes().any(|code| code == money.currency.as_str()));
            let again = serde_json::to_string(&money).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&again).unwrap(), money);
            let plain: serde_json::Value = serde_json::from_str(text).unwrap();
            // Among ourselves an array of both will do as well.
            let amount = plain.get("amount").unwrap_or(&plain[0]);
            assert_eq!(amount.as_i64(), Some(money.amount), "it is another amount");
            if let (Some(twice), Some(sum)) = (money.times(2), money.plus(money)) {
                assert_eq!(twice, sum);
            }
            Verdict::Accepted(if money.is_chargeable() { "chargeable" } else { "not" }.to_owned())
        }
        Err(error) => Verdict::refused(error),
    });
}
