//! What `up` hands to the processes that it starts. Whatever the user has set wins.

use std::{
    env, fs,
    io::Read,
    net::{SocketAddr, ToSocketAddrs},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};

use crate::{places, ports};

/// The addresses of a shop, claimed.
pub struct Settings {
    /// Shoppers, API, webhooks.
    pub shop: SocketAddr,
    /// Operators.
    pub operator: SocketAddr,
    /// The payment sandbox.
    pub sandbox: SocketAddr,
    /// Our Temporal server and its UI; none when the user has one.
    pub own_temporal: Option<OwnTemporal>,
    /// The user's database, if there is one.
    pub database_url: Option<String>,
    /// What operators show.
    pub operator_token: String,
}

/// Where our Temporal server listens.
#[derive(Clone, Copy)]
pub struct OwnTemporal {
    /// The frontend.
    pub frontend: SocketAddr,
    /// The UI.
    pub ui: SocketAddr,
}

impl Settings {
    /// Reads the environment; says what is taken or can't be read.
    pub fn read() -> anyhow::Result<Self> {
        let own_temporal = match set("TEMPORAL_ADDRESS") {
            Some(address) => {
                require_temporal(&address)?;
                None
            }
            None => Some(OwnTemporal {
                frontend: claim("TEMPORAL_LISTEN", "127.0.0.1:7233")?,
                ui: claim("TEMPORAL_UI_LISTEN", "127.0.0.1:8233")?,
            }),
        };
        Ok(Self {
            shop: claim("SHOP_LISTEN", "127.0.0.1:8080")?,
            operator: claim("OPERATOR_LISTEN", "127.0.0.1:8081")?,
            sandbox: claim("SANDBOX_LISTEN", "127.0.0.1:8090")?,
            own_temporal,
            database_url: set("DATABASE_URL"),
            operator_token: operator_token(&places::state().join("operator-token"))?,
        })
    }

    /// What a process of ours finds in its environment; `None` is what it must not find.
    pub fn environment(&self, database_url: &str) -> Vec<(String, Option<String>)> {
        let secrets = set("STRIPE_WEBHOOK_SECRETS").unwrap_or_else(|| "whsec_sandbox".to_owned());
        let first_secret = secrets.split(',').next().unwrap_or_default().trim();
        let sandbox_data = places::state().join("sandbox");
        let mut variables = vec![
            ("DATABASE_URL", database_url.to_owned()),
            ("SHOP_LISTEN", self.shop.to_string()),
            ("OPERATOR_LISTEN", self.operator.to_string()),
            ("OPERATOR_TOKEN", self.operator_token.clone()),
            ("SANDBOX_LISTEN", self.sandbox.to_string()),
            ("SANDBOX_DATA_DIR", sandbox_data.to_string_lossy().into_owned()),
            ("SANDBOX_WEBHOOK_URL", format!("http://{}/v1/webhooks/stripe", self.shop)),
            ("SANDBOX_WEBHOOK_SECRET", first_secret.to_owned()),
        ];
        if set("STRIPE_API_BASE").is_none() {
            variables.push(("STRIPE_API_BASE", format!("http://{}", self.sandbox)));
        }
        let mut environment = Vec::new();
        if let Some(own) = self.own_temporal {
            environment = not_for_our_own_temporal();
            variables.push(("TEMPORAL_ADDRESS", own.frontend.to_string()));
            variables.push(("TEMPORAL_UI_URL", format!("http://{}", own.ui)));
        }
        let set = variables.into_iter().map(|(name, value)| (name.to_owned(), Some(value)));
        environment.extend(set);
        environment
    }
}

/// The user's settings of another Temporal: TLS, keys, profiles.
fn not_for_our_own_temporal() -> Vec<(String, Option<String>)> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let theirs = names.filter(|name| name.starts_with("TEMPORAL_") && name != "TEMPORAL_NAMESPACE");
    theirs.map(|name| (name, None)).collect()
}

/// A variable that is set to something.
pub fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn claim(setting: &str, default: &str) -> anyhow::Result<SocketAddr> {
    ports::claim(setting, &set(setting).unwrap_or_else(|| default.to_owned()))
}

/// The user says that Temporal is there.
fn require_temporal(address: &str) -> anyhow::Result<()> {
    let host_and_port = address.rsplit("://").next().unwrap_or(address).trim_end_matches('/');
    let found = host_and_port.to_socket_addrs();
    let mut found =
        found.with_context(|| format!("TEMPORAL_ADDRESS={address}: look up the host"))?;
    if !found.any(ports::answers) {
        bail!(
            "no Temporal server answers at TEMPORAL_ADDRESS={address}: start it, or unset \
             TEMPORAL_ADDRESS to have one started here"
        );
    }
    Ok(())
}

/// The user's token, or one made once and kept.
fn operator_token(file: &Path) -> anyhow::Result<String> {
    if let Some(token) = set("OPERATOR_TOKEN") {
        return Ok(token);
    }
    if let Ok(token) = fs::read_to_string(file)
        && !token.trim().is_empty()
    {
        return Ok(token.trim().to_owned());
    }
    let mut random = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("make the operator token")?;
    let token = u128::from_ne_bytes(random);
    let token = format!("{token:032x}");
    fs::File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, token.as_bytes()))
        .with_context(|| format!("write {}", file.display()))?;
    Ok(token)
}

/// How long a process of ours may take to be ready.
pub const READY_WITHIN: Duration = Duration::from_secs(60);
