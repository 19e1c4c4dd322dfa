//! Faults, for tests and demonstrations: what can go wrong at a provider, at will.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::idempotency::REMEMBERED_SECONDS;

/// What goes wrong, and how often. Rates are 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultSettings {
    /// Every request waits this long before anything happens.
    pub latency_ms: u64,
    /// 500 instead of the effect or the answer, remembered under the request's idempotency key.
    pub error_rate: f64,
    /// The effect happens, the answer never comes.
    pub timeout_after_effect_rate: f64,
    /// Nothing is answered but 503.
    pub down: bool,
    /// How long the bank takes over a payment that it does not decide at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing_ms: Option<u32>,
    /// How long an authorization lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_seconds: Option<u32>,
    /// How long it takes until a refund that does so succeeds or fails later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_ms: Option<u32>,
    /// How long idempotency keys are remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key_seconds: Option<u32>,
    /// Webhooks.
    pub webhooks: WebhookFaults,
}

/// How long the bank takes, as things are now. What has begun keeps to what was so then.
#[derive(Clone, Copy, Debug)]
pub struct BankTimes {
    pub processing_ms: i64,
    pub authorization_seconds: i64,
    pub refund_ms: i64,
}

/// Seven days, as for most online card payments (Stripe, "Place a hold on a payment method").
const AUTHORIZATION_SECONDS: i64 = 7 * 24 * 3600;
const PROCESSING_MS: i64 = 5_000;
const REFUND_MS: i64 = 5_000;

impl Default for BankTimes {
    fn default() -> Self {
        Self {
            processing_ms: PROCESSING_MS,
            authorization_seconds: AUTHORIZATION_SECONDS,
            refund_ms: REFUND_MS,
        }
    }
}

/// What goes wrong with webhooks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookFaults {
    /// Sent this much later.
    pub delay_ms: u64,
    /// Sent twice.
    pub duplicate_rate: f64,
    /// Never sent.
    pub drop_rate: f64,
    /// Sent in a shuffled order, within about a second.
    pub reorder: bool,
}

/// Why a body is no fault settings.
pub struct BadFaults {
    pub message: String,
    /// Whether it is not JSON at all.
    pub is_malformed: bool,
}

impl FaultSettings {
    /// Reads a body with any of the members.
    pub fn parse(body: &[u8]) -> Result<Self, BadFaults> {
        let settings: Self = serde_json::from_slice(body).map_err(|error| BadFaults {
            message: error.to_string(),
            is_malformed: error.is_syntax() || error.is_eof(),
        })?;
        settings.check().map_err(|message| BadFaults { message, is_malformed: false })?;
        Ok(settings)
    }

    /// How long the bank takes under these faults.
    pub fn bank_times(&self) -> BankTimes {
        BankTimes {
            processing_ms: self.processing_ms.map_or(PROCESSING_MS, i64::from),
            authorization_seconds: self
                .authorization_seconds
                .map_or(AUTHORIZATION_SECONDS, i64::from),
            refund_ms: self.refund_ms.map_or(REFUND_MS, i64::from),
        }
    }

    /// How long idempotency keys are remembered under these faults, in seconds.
    pub fn keys_last(&self) -> i64 {
        self.idempotency_key_seconds.map_or(REMEMBERED_SECONDS, i64::from)
    }

    /// Refuses rates outside 0 to 1.
    fn check(&self) -> Result<(), String> {
        let rates = [
            ("error_rate", self.error_rate),
            ("timeout_after_effect_rate", self.timeout_after_effect_rate),
            ("webhooks.duplicate_rate", self.webhooks.duplicate_rate),
            ("webhooks.drop_rate", self.webhooks.drop_rate),
        ];
        match rates.iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
            Some((name, rate)) => Err(format!("{name} is {rate}, and has to be from 0 to 1")),
            None => Ok(()),
        }
    }
}

/// The faults in force.
#[derive(Default)]
pub struct Faults(Mutex<FaultSettings>);

impl Faults {
    /// What is in force.
    pub fn get(&self) -> FaultSettings {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other faults in force.
    pub fn set(&self, settings: FaultSettings) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }
}

/// Whether something that happens at `rate` happens now.
pub fn happens(rate: f64) -> bool {
    rate > 0.0 && f64::from(random_u32()) < rate * (f64::from(u32::MAX) + 1.0)
}

/// A random number.
pub fn random_u32() -> u32 {
    getrandom::u32().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_members_will_do_and_no_other() {
        let read =
            |body: &str| FaultSettings::parse(body.as_bytes()).map_err(|bad| bad.is_malformed);
        let down = FaultSettings { down: true, ..FaultSettings::default() };
        assert_eq!(read(r#"{"down":true}"#), Ok(down));
        assert_eq!(read("{}"), Ok(FaultSettings::default()));
        assert_eq!(read(r#"{"latency":1}"#), Err(false));
        assert_eq!(read(r#"{"webhooks":{"drop":1}}"#), Err(false));
        assert_eq!(read(r#"{"error_rate":1.5}"#), Err(false));
        assert_eq!(read(r#"{"authorization_seconds":-1}"#), Err(false));
        assert_eq!(read("{"), Err(true));
    }

    #[test]
    fn the_ends_of_a_rate_are_certain() {
        assert!((0..1000).all(|_| happens(1.0) && !happens(0.0)));
    }
}
