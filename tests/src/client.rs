//! The tests' HTTP client.

use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client for servers on this machine. It trusts no certificate: none of them has one, and
/// reading the machine's takes longer than most tests.
///
/// # Panics
/// When there is no HTTP client to be had.
#[must_use]
pub fn http_client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).timeout(PATIENCE).build().unwrap()
}
