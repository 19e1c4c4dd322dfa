//! A card as a shopper enters it (Stripe, "Error codes" and "Testing", "Invalid data").
//!
//! Its number is compared with those of Stripe's test cards and dropped.

use time::OffsetDateTime;

use crate::{
    cards::{self, Card},
    error::ApiError,
    form::Form,
};

/// How far in the future a card may expire, in years.
const LATEST_EXPIRY_YEARS: i64 = 50;

/// A test card, as it was entered.
#[derive(Debug)]
pub struct Entry {
    pub card: &'static Card,
    pub exp_month: i64,
    pub exp_year: i64,
    pub has_cvc: bool,
}

/// Reads `card[…]`; `now` is Unix time in seconds.
pub fn read(form: &Form, now: i64) -> Result<Entry, ApiError> {
    if let Some(token) = form.text("card[token]") {
        let card = cards::of_token(token);
        let card = card.ok_or_else(|| ApiError::missing("token", token, "card[token]"))?;
        return Ok(Entry { card, exp_month: 12, exp_year: 2034, has_cvc: true });
    }
    let number = form.required("card[number]")?;
    form.required("card[exp_month]")?;
    form.required("card[exp_year]")?;
    let card = test_card(number)?;
    let (exp_month, exp_year) = expiry(form, now)?;
    Ok(Entry { card, exp_month, exp_year, has_cvc: has_cvc(form, card)? })
}

fn test_card(number: &str) -> Result<&'static Card, ApiError> {
    let digits: String =
        number.chars().filter(|character| !matches!(character, ' ' | '-')).collect();
    let is_number = (12..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number {
        let message = "The card number is not a valid credit card number.";
        return Err(ApiError::card_entry("invalid_number", "number", message));
    }
    if !passes_luhn(&digits) {
        let message = "Your card number is incorrect.";
        return Err(ApiError::card_entry("incorrect_number", "number", message));
    }
    cards::of_number(&digits).ok_or_else(ApiError::live_card)
}

/// The check digit of card numbers (ISO/IEC 7812-1, annex B).
fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Month and year at whose end the card expires; a year of two digits is one of this century.
pub fn expiry(form: &Form, now: i64) -> Result<(i64, i64), ApiError> {
    let month = form.integer("card[exp_month]")?.unwrap_or_default();
    let year = form.integer("card[exp_year]")?.unwrap_or_default();
    let year = if (0..100).contains(&year) { 2000 + year } else { year };
    let today = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let this_year = i64::from(today.year());
    let is_over = year == this_year && month < i64::from(u8::from(today.month()));
    if !(1..=12).contains(&month) || is_over {
        let message = "Your card's expiration month is invalid.";
        return Err(ApiError::card_entry("invalid_expiry_month", "exp_month", message));
    }
    if !(this_year..=this_year + LATEST_EXPIRY_YEARS).contains(&year) {
        let message = "Your card's expiration year is invalid.";
        return Err(ApiError::card_entry("invalid_expiry_year", "exp_year", message));
    }
    Ok((month, year))
}

fn has_cvc(form: &Form, card: &Card) -> Result<bool, ApiError> {
    let Some(cvc) = form.text("card[cvc]") else {
        return Ok(false);
    };
    let lengths = if card.brand == "amex" { 3..=4 } else { 3..=3 };
    if lengths.contains(&cvc.len()) && cvc.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(true);
    }
    let message = "Your card's security code is invalid.";
    Err(ApiError::card_entry("invalid_cvc", "cvc", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-06-15.
    const NOW: i64 = 1_781_481_600;

    fn entered(number: &str, month: &str, year: &str, cvc: &str) -> Result<(i64, i64), String> {
        let form = format!(
            "card[number]={number}&card[exp_month]={month}&card[exp_year]={year}&card[cvc]={cvc}"
        );
        read(&Form::parse(form.as_bytes()), NOW)
            .map(|entry| (entry.exp_month, entry.exp_year))
            .map_err(|refused| refused.body["error"]["code"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_card_is_good_until_the_end_of_its_month() {
        assert_eq!(entered("4242 4242 4242 4242", "6", "26", "123"), Ok((6, 2026)));
        assert_eq!(
            entered("4242424242424242", "5", "2026", "123").unwrap_err(),
            "invalid_expiry_month"
        );
        assert_eq!(
            entered("4242424242424242", "12", "2025", "123").unwrap_err(),
            "invalid_expiry_year"
        );
        assert_eq!(
            entered("4242424242424242", "12", "2077", "123").unwrap_err(),
            "invalid_expiry_year"
        );
        assert_eq!(
            entered("4242424242424242", "13", "2030", "123").unwrap_err(),
            "invalid_expiry_month"
        );
    }

    #[test]
    fn a_number_is_one_of_a_test_card() {
        let refused = |number| entered(number, "12", "2030", "123").unwrap_err();
        assert_eq!(refused("4242"), "invalid_number");
        assert_eq!(refused("4242424242424x42"), "invalid_number");
        assert_eq!(refused("4242424242424241"), "incorrect_number");
        assert_eq!(refused("4111111111111111"), "card_declined");
    }

    #[test]
    fn a_security_code_has_three_digits_and_four_on_american_express() {
        assert_eq!(entered("4242424242424242", "12", "30", "99").unwrap_err(), "invalid_cvc");
        assert_eq!(entered("4242424242424242", "12", "30", "1234").unwrap_err(), "invalid_cvc");
        assert!(entered("378282246310005", "12", "30", "1234").is_ok());
        assert!(entered("4242424242424242", "12", "30", "").is_ok(), "it need not be given");
    }
}
