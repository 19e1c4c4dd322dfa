//! The secret that makes an order its client's: the server keeps only its hash.

use std::{fmt, str::FromStr};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a client shows to reach its order: 22 to 256 URL-safe characters
/// (22 of them carry 128 bits, RFC 4648 section 5).
#[derive(Clone)]
pub struct OrderSecret(String);

/// Why a text is not an [`OrderSecret`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order's secret is 22 to 256 characters of A-Z a-z 0-9 '-' '_' '.' '~'")]
pub struct InvalidSecret;

impl OrderSecret {
    /// What the server keeps.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(hex::encode(Sha256::digest(self.0.as_bytes())))
    }

    /// HMAC-SHA-256 of `text` under the secret, lower-case hex.
    #[must_use]
    pub fn authenticate(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes())
            .expect("a key of any length will do (RFC 2104)");
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// The secret itself, for the cookie that carries it back.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrderSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
        if (22..=256).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSecret)
        }
    }
}

impl fmt::Debug for OrderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderSecret(…)")
    }
}

/// SHA-256 of an [`OrderSecret`], lower-case hex. The secret has at least 128 random bits
/// by contract, so that a slow hash would protect nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(String);

impl SecretHash {
    /// A hash as it was stored.
    #[must_use]
    pub fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// Lower-case hex.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are of the same secret, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_neither_in_debug_nor_in_its_hash() {
        let secret: OrderSecret = "abcdefghijklmnopqrstuv".parse().unwrap();
        assert!(!format!("{secret:?}").contains("abc"));
        assert!(!secret.hash().as_str().contains("abc"));
    }

    #[test]
    fn a_short_or_unsafe_secret_is_refused() {
        for bad in ["", "short", "abcdefghijklmnopqrstu", "abcdefghijklmnopqrstu v", "ü"] {
            assert!(bad.parse::<OrderSecret>().is_err(), "{bad}");
        }
    }
}
