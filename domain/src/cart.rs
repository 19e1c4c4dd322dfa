//! What a shopper asks for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Money, OrderSecret, Sku};

/// How many lines an order may have.
pub const MOST_LINES: usize = 50;

/// How many units of one SKU: 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Quantity(u32);

/// Why a number is not a [`Quantity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is 1 to 99")]
pub struct InvalidQuantity;

impl Quantity {
    /// The number of units.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Quantity {
    type Error = InvalidQuantity;

    fn try_from(units: u32) -> Result<Self, Self::Error> {
        if (1..=99).contains(&units) { Ok(Self(units)) } else { Err(InvalidQuantity) }
    }
}

impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

/// One line of a cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartLine {
    /// Which product.
    pub sku: Sku,
    /// How many of it.
    pub quantity: Quantity,
}

/// The lines of an order: 1 to 50, each SKU once, in the order the shopper gave them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<CartLine>", into = "Vec<CartLine>")]
pub struct CartLines(Vec<CartLine>);

/// Why lines are not [`CartLines`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLines {
    /// None, or more than 50.
    #[error("an order has 1 to 50 lines")]
    Count,
    /// The line at this index names a SKU that an earlier one names.
    #[error("line {0} names a SKU that an earlier line names: a SKU may appear once")]
    Repeated(usize),
}

impl CartLines {
    /// The lines, in the shopper's order.
    #[must_use]
    pub fn as_slice(&self) -> &[CartLine] {
        &self.0
    }
}

impl TryFrom<Vec<CartLine>> for CartLines {
    type Error = InvalidLines;

    fn try_from(lines: Vec<CartLine>) -> Result<Self, Self::Error> {
        if lines.is_empty() || lines.len() > MOST_LINES {
            return Err(InvalidLines::Count);
        }
        let mut seen = BTreeSet::new();
        if let Some(repeated) = lines.iter().position(|line| !seen.insert(&line.sku)) {
            return Err(InvalidLines::Repeated(repeated));
        }
        Ok(Self(lines))
    }
}

impl From<CartLines> for Vec<CartLine> {
    fn from(lines: CartLines) -> Self {
        lines.0
    }
}

/// What tells one request body from another, whatever its spelling: HMAC-SHA-256 over the lines
/// in SKU order, the expected total and the email, keyed with the order's secret, so that nobody
/// who reads it can try emails against it. Lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a request for `lines` by the holder of `secret`.
    #[must_use]
    pub fn of(
        secret: &OrderSecret,
        lines: &CartLines,
        expected_total: Option<Money>,
        email: Option<&str>,
    ) -> Self {
        let mut sorted: Vec<_> = lines.as_slice().iter().collect();
        sorted.sort_by(|a, b| a.sku.cmp(&b.sku));
        let lines =
            sorted.into_iter().map(|line| format!("{} {}\n", line.sku, line.quantity.get()));
        let total = expected_total.map(|of| format!("total {} {}\n", of.amount, of.currency));
        let email = email.map(|email| format!("email {email}\n"));
        let body: String = lines.chain(total).chain(email).collect();
        Self(secret.authenticate(&body))
    }

    /// A fingerprint as it was stored.
    #[must_use]
    pub fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// Lower-case hex.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &CartLines, total: Option<Money>, email: Option<&str>) -> Fingerprint {
        Fingerprint::of(&"aaaaaaaaaaaaaaaaaaaaaa".parse().unwrap(), lines, total, email)
    }

    fn line(sku: &str, quantity: u32) -> CartLine {
        CartLine { sku: sku.parse().unwrap(), quantity: quantity.try_into().unwrap() }
    }

    #[test]
    fn an_order_names_each_sku_once() {
        let lines = vec![line("a", 1), line("b", 1), line("a", 2)];
        assert_eq!(CartLines::try_from(lines), Err(InvalidLines::Repeated(2)));
        assert_eq!(CartLines::try_from(vec![]), Err(InvalidLines::Count));
    }

    #[test]
    fn the_same_cart_in_another_order_is_the_same_request() {
        let forth = CartLines::try_from(vec![line("a", 1), line("b", 2)]).unwrap();
        let back = CartLines::try_from(vec![line("b", 2), line("a", 1)]).unwrap();
        assert_eq!(of(&forth, None, None), of(&back, None, None));
    }

    #[test]
    fn anything_else_is_another_request() {
        let lines = CartLines::try_from(vec![line("a", 1)]).unwrap();
        let more = CartLines::try_from(vec![line("a", 2)]).unwrap();
        let total = Money::new(1, "EUR".parse().unwrap());
        let plain = of(&lines, None, None);
        assert_ne!(plain, of(&more, None, None));
        assert_ne!(plain, of(&lines, Some(total), None));
        assert_ne!(plain, of(&lines, None, Some("a@b.example")));
    }

    #[test]
    fn the_same_request_with_another_secret_reads_differently() {
        let lines = CartLines::try_from(vec![line("a", 1)]).unwrap();
        let other = "bbbbbbbbbbbbbbbbbbbbbb".parse().unwrap();
        let email = Some("a@b.example");
        assert_ne!(of(&lines, None, email), Fingerprint::of(&other, &lines, None, email));
    }
}
