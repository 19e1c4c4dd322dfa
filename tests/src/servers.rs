//! The servers that the tests share. Started by `cargo xtask test`, which names them in the
//! environment.

use std::{env, path::PathBuf};

/// Where they are.
#[derive(Clone, Debug)]
pub struct Servers {
    /// A Postgres whose user may make databases: a URL without a database.
    pub postgres_url: String,
    /// Temporal's frontend, host:port.
    pub temporal_address: String,
    /// The folder of the product's binaries.
    pub binaries: PathBuf,
    /// Where the processes' logs go.
    pub logs: PathBuf,
}

impl Servers {
    /// Reads the environment.
    ///
    /// # Panics
    /// When the servers are not there: a test that did nothing would be worse than one that fails.
    #[must_use]
    pub fn from_env() -> Self {
        let read = |name: &str| {
            env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: run `cargo xtask test`, which runs the servers")
            })
        };
        Self {
            postgres_url: read("TEST_POSTGRES_URL"),
            temporal_address: read("TEST_TEMPORAL_ADDRESS"),
            binaries: read("TEST_BINARIES").into(),
            logs: read("TEST_LOGS").into(),
        }
    }

    /// The URL of a database.
    #[must_use]
    pub fn database_url(&self, name: &str) -> String {
        format!("{}/{name}", self.postgres_url)
    }
}
