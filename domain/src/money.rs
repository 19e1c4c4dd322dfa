//! Money: integer minor units of one ISO 4217 currency.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// The most that the provider takes in one charge, in minor units
/// (Stripe, "Create a `PaymentIntent`", parameter `amount`: eight digits).
pub const LARGEST_CHARGE_MINOR: i64 = 99_999_999;

/// An ISO 4217 currency code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Currency(&'static str);

/// Why a text is not a [`Currency`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency is a code of ISO 4217, three upper-case letters")]
pub struct InvalidCurrency;

/// The codes in use (ISO 4217, "List one"), without those of metals, funds and tests.
const ISO_4217: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND \
    BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN \
    ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD \
    JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR \
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND \
    TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW \
    ZWG";

impl Currency {
    /// The codes that there are.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        ISO_4217.split_ascii_whitespace()
    }

    /// The code, upper case.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }

    /// The least that the provider charges in this currency, in minor units
    /// (Stripe, "Supported currencies", "Minimum and maximum charge amounts").
    /// A currency that the page does not list has the 50 of most.
    #[must_use]
    pub fn smallest_charge_minor(self) -> i64 {
        match self.0 {
            "GBP" => 30,
            "DKK" => 250,
            "NOK" | "SEK" => 300,
            "AED" | "MYR" | "PLN" | "RON" => 200,
            "BGN" => 100,
            "CZK" => 1_500,
            "HKD" => 400,
            "HUF" => 17_500,
            "MXN" | "THB" => 1_000,
            _ => 50,
        }
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::codes().find(|code| *code == text).map(Self).ok_or(InvalidCurrency)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units (cents, where the currency has them) of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: Currency,
}

impl Money {
    /// `amount` minor units of `currency`.
    #[must_use]
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// This amount `quantity` times; `None` when it does not fit.
    #[must_use]
    pub fn times(self, quantity: u32) -> Option<Self> {
        let amount = self.amount.checked_mul(i64::from(quantity))?;
        Some(Self::new(amount, self.currency))
    }

    /// The sum; `None` for two currencies or when it does not fit.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let amount = self.amount.checked_add(other.amount)?;
        (self.currency == other.currency).then_some(Self::new(amount, self.currency))
    }

    /// Whether the provider takes this amount in one charge.
    #[must_use]
    pub fn is_chargeable(self) -> bool {
        (self.currency.smallest_charge_minor()..=LARGEST_CHARGE_MINOR).contains(&self.amount)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.amount / 100, self.amount % 100);
        match self.currency.as_str() {
            "JPY" | "KRW" | "VND" | "CLP" | "ISK" => write!(f, "{} {}", self.amount, self.currency),
            _ => write!(f, "{whole}.{:02} {}", part.abs(), self.currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(amount: i64) -> Money {
        Money::new(amount, "EUR".parse().unwrap())
    }

    #[test]
    fn the_provider_takes_its_minimum_to_eight_digits() {
        assert!(!eur(49).is_chargeable());
        assert!(eur(50).is_chargeable());
        assert!(eur(99_999_999).is_chargeable());
        assert!(!eur(100_000_000).is_chargeable());
    }

    #[test]
    fn two_currencies_do_not_add_up() {
        let usd = Money::new(1, "USD".parse().unwrap());
        assert_eq!(eur(1).plus(usd), None);
    }

    #[test]
    fn a_currency_is_one_of_iso_4217() {
        for bad in ["", "eur", "EURO", "E1R", "€", "XXQ", "R U", "AED AFN"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arithmetic_never_wraps(amount: i64, quantity: u32, other: i64) {
            let exact = i128::from(amount) * i128::from(quantity);
            prop_assert_eq!(eur(amount).times(quantity).map(|m| i128::from(m.amount)),
                i64::try_from(exact).ok().map(i128::from));
            let exact = i128::from(amount) + i128::from(other);
            prop_assert_eq!(eur(amount).plus(eur(other)).map(|m| i128::from(m.amount)),
                i64::try_from(exact).ok().map(i128::from));
        }
    }
}
