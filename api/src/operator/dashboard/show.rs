//! How things are written on the dashboard's pages.

use domain::{Currency, Money};
use time::{OffsetDateTime, macros::format_description};

use crate::{checkouts::rfc3339, pages::price};

/// A moment, for machines and for people.
pub struct When {
    pub iso: String,
    pub utc: String,
}

impl When {
    /// To the second, in UTC, as operators in several places can speak of it.
    pub fn at(at: OffsetDateTime) -> Self {
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        Self { iso: rfc3339(at), utc: at.format(form).unwrap_or_default() }
    }
}

/// An amount; a dash for none.
pub fn money(money: Option<Money>) -> String {
    money.map_or_else(|| "–".to_owned(), price)
}

/// A name of ours, in words: `awaiting_payment` is "awaiting payment".
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Whether a state is good, has to be waited for, or is bad.
pub fn tone(state: &str) -> &'static str {
    match state {
        "paid" | "confirmed" | "authorized" | "succeeded" | "delivered" => "good",
        "awaiting_payment" | "paying" | "closing" | "reserving" | "pending" => "wait",
        "payment_failed" | "disputed" | "declined" | "failed" | "failing" => "bad",
        _ => "plain",
    }
}

/// A field that was left empty in a form, as if it had not been there.
pub fn filled(field: Option<String>) -> Option<String> {
    field.filter(|field| !field.trim().is_empty())
}

/// How many digits of an amount are minor units.
pub fn minor_digits(currency: Currency) -> usize {
    let nothing = Money::zero(currency).to_string();
    let digits = |c: &char| c.is_ascii_digit();
    nothing.split_once('.').map_or(0, |(_, rest)| rest.chars().take_while(digits).count())
}

/// A query of a page: what is set of `pairs`.
pub fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    query.finish()
}
