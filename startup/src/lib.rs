//! What every binary of ours does first: shared settings, logging, the Temporal connection, and
//! listening for the signal to stop.

pub mod duration;
pub mod logging;
pub mod metrics;
pub mod outcome;
pub mod shutdown;
pub mod temporal;
pub mod traces;

pub use duration::parse_duration;
pub use outcome::exit_code;

/// The settings that API and worker share. Environment variables and flags have the same names.
#[derive(clap::Args, Clone, Debug)]
pub struct SharedSettings {
    /// Postgres, 15 or newer.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,

    /// Where shoppers reach the shop, the API and the webhooks.
    #[arg(long, env = "SHOP_LISTEN", default_value = "127.0.0.1:8080")]
    pub shop_listen: std::net::SocketAddr,

    /// The shop as shoppers see it: for links, and for the return from 3-D Secure.
    /// [default: http:// and SHOP_LISTEN]
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<url::Url>,

    /// The payment provider's API.
    #[arg(long, env = "STRIPE_API_BASE", default_value = "http://127.0.0.1:8090")]
    pub stripe_api_base: String,

    #[command(flatten)]
    pub temporal: temporal::TemporalSettings,

    #[command(flatten)]
    pub logging: logging::LoggingSettings,
}

impl SharedSettings {
    /// The shop's address for links, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.shop_listen),
        }
    }
}

/// Makes ring the process's TLS implementation; the crates that use TLS bring none of their own.
pub fn use_ring_for_tls() {
    // An error means that one is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
}
