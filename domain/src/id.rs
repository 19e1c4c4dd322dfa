//! Identities: what an order, a payment attempt and a product are called.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// One checkout, for its whole life. The client makes it; it is the idempotency key.
    OrderId
);
uuid_id!(
    /// One try to pay. The client makes it; the same id is the same try, always.
    AttemptId
);

uuid_id!(
    /// One refund. The operator makes it, or it is made from the provider's id; the same id is the
    /// same refund, always.
    RefundId
);

impl OrderId {
    /// The id of the workflow that owns this order.
    #[must_use]
    pub fn workflow_id(self) -> String {
        format!("checkout/{self}")
    }

    /// The order that a checkout workflow's id names, if it is one.
    #[must_use]
    pub fn from_workflow_id(id: &str) -> Option<Self> {
        id.strip_prefix("checkout/")?.parse().ok()
    }
}

/// A stock-keeping unit: 1 to 64 of `A-Z a-z 0-9 . _ -`, starting with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sku(String);

/// Why a text is not a [`Sku`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SKU is 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit")]
pub struct InvalidSku;

impl Sku {
    /// The SKU as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = InvalidSku;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let bytes = text.as_bytes();
        let starts_well = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
        if starts_well && bytes.len() <= 64 && bytes.iter().copied().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidSku)
        }
    }
}

impl FromStr for Sku {
    type Err = InvalidSku;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_takes_what_shops_print_and_refuses_the_rest() {
        for good in ["mug-black", "A", "9.x_Y-z", &"a".repeat(64)] {
            assert!(good.parse::<Sku>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "a/b", "é", "a\0", &"a".repeat(65)] {
            assert!(bad.parse::<Sku>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_workflow_id_names_its_order() {
        let id = OrderId(Uuid::from_u128(7));
        assert_eq!(OrderId::from_workflow_id(&id.workflow_id()), Some(id));
        assert_eq!(OrderId::from_workflow_id("settle/pi_1"), None);
    }
}
