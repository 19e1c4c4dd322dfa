//! The connection to Temporal. Everything else that the SDKs read from `TEMPORAL_*` variables
//! (TLS, API key, profile) counts as well.

use std::time::Duration;

use anyhow::{Context, anyhow};
use backon::{ExponentialBuilder, Retryable};
use futures::future::BoxFuture;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, GrpcCompression, Url,
    envconfig::LoadClientConfigProfileOptions,
};

/// Where Temporal is.
#[derive(clap::Args, Clone, Debug)]
pub struct TemporalSettings {
    /// Temporal's frontend, host:port.
    #[arg(long, env = "TEMPORAL_ADDRESS", default_value = "127.0.0.1:7233")]
    pub temporal_address: String,

    /// Temporal's namespace.
    #[arg(long, env = "TEMPORAL_NAMESPACE", default_value = "default")]
    pub temporal_namespace: String,
}

impl TemporalSettings {
    /// Connects, trying again for `patience`: a server that is just starting is no error. Boxed, so
    /// that it is compiled here, once, and not in each binary that awaits it.
    ///
    /// # Errors
    /// When the settings can't be read, or the server can't be reached in time.
    pub fn connect<'a>(
        &'a self,
        identity: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, anyhow::Result<Client>> {
        Box::pin(self.connect_within(patience, identity))
    }

    async fn connect_within(&self, patience: Duration, identity: &str) -> anyhow::Result<Client> {
        let (connection, client) = self.options(identity)?;
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .with_total_delay(Some(patience))
            .without_max_times();
        let connect = || Connection::connect(connection.clone());
        let connected = connect.retry(pauses).await.with_context(|| {
            let address = &self.temporal_address;
            format!("Temporal can't be reached at {address}: start it, or set TEMPORAL_ADDRESS")
        })?;
        Ok(Client::new(connected, client)?)
    }

    fn options(&self, identity: &str) -> anyhow::Result<(ConnectionOptions, ClientOptions)> {
        let profile = LoadClientConfigProfileOptions::builder().build();
        let (mut connection, mut client) = ClientOptions::load_from_config(profile)
            .map_err(|error| anyhow!("Temporal's settings can't be read: {error}"))?;
        if !self.temporal_address.contains("://") {
            let scheme = if connection.tls_options.is_some() { "https" } else { "http" };
            connection.target = Url::parse(&format!("{scheme}://{}", self.temporal_address))
                .with_context(|| format!("TEMPORAL_ADDRESS={}", self.temporal_address))?;
        }
        client.namespace.clone_from(&self.temporal_namespace);
        connection.identity = format!("{identity}@{}", std::process::id());
        connection.connect_timeout = Some(Duration::from_secs(5));
        // The payloads are small and the network is near: compressing costs more than it saves.
        connection.grpc_compression = GrpcCompression::None;
        Ok((connection, client))
    }
}
