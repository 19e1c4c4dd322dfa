//! The shop that is shaken: sandbox, worker and API as processes of their own, and a proxy on
//! every link between them, their servers and their shoppers.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use anyhow::Context;
use reqwest::StatusCode;
use serde_json::{Value, json};
use startup::temporal::TemporalSettings;
use system_tests::{Operator, Program, Proxy, Servers, Trouble, http_client};
use temporalio_client::Client;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    plan::{Fault, Link, Victim},
    process::{Death, Kept, run_to_end},
    servers::Record,
};

/// The name of its database and of its Temporal namespace.
const NAME: &str = "soak";
const OPERATOR_TOKEN: &str = "operator-token-of-a-soak";
/// How long a hold lasts, and how long it is kept while the provider can't be asked. Short, so
/// that holds end among the faults, and soon after them.
const HOLD_TTL: &str = "10s";
const EXPIRY_GRACE: &str = "3s";
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How long it may take until everything is up.
const READY_WITHIN: Duration = Duration::from_mins(2);

pub struct Shop {
    pub operator: Operator,
    links: BTreeMap<Link, Proxy>,
    worker: Kept,
    api: Kept,
    sandbox: Kept,
    /// Past the proxies.
    sandbox_url: String,
    database_url: String,
    temporal: TemporalSettings,
    record: Record,
}

/// Where everybody listens, behind the proxies.
struct Addresses {
    shop: SocketAddr,
    operator: SocketAddr,
    sandbox: SocketAddr,
    /// `postgres://owner`
    database_owner: String,
}

impl Shop {
    /// Opens it, and waits until it is ready.
    pub async fn open(servers: &Servers, record: Record) -> anyhow::Result<Self> {
        let own = Addresses {
            shop: free_address().await?,
            operator: free_address().await?,
            sandbox: free_address().await?,
            database_owner: owner_and_address(&servers.postgres_url)?.0.to_owned(),
        };
        let links = links(servers, &own).await?;
        let program =
            |name: &str, arguments: &[&str], environment: Vec<(String, String)>| Program {
                binary: servers.binaries.join(name),
                arguments: arguments.iter().map(ToString::to_string).collect(),
                environment,
                log: servers.logs.join(format!("{name}.log")),
            };
        let worker = worker_settings(&own, &links);
        run_to_end(&program("worker", &["setup"], worker.clone())).await?;
        let sandbox = sandbox_settings(&own, &links, &servers.logs);
        let shop = Self {
            operator: Operator::at(format!("http://{}", own.operator), OPERATOR_TOKEN.to_owned()),
            worker: Kept::start(program("worker", &["run"], worker)),
            api: Kept::start(program("api", &[], api_settings(&own, &links))),
            sandbox: Kept::start(program("sandbox", &[], sandbox)),
            sandbox_url: format!("http://{}", own.sandbox),
            database_url: servers.database_url(NAME),
            temporal: TemporalSettings {
                temporal_address: servers.temporal_address.clone(),
                temporal_namespace: NAME.to_owned(),
            },
            links,
            record,
        };
        shop.is_ready().await?;
        Ok(shop)
    }

    /// Where shoppers find it: behind a proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.links[&Link::ShopperApi].address)
    }

    /// Where the sandbox is, without a proxy.
    pub fn sandbox_url(&self) -> &str {
        &self.sandbox_url
    }

    /// The database, as its owner and without a proxy.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Temporal, without a proxy.
    pub async fn temporal(&self) -> anyhow::Result<Client> {
        self.temporal.connect("soak", READY_WITHIN).await
    }

    /// Waits until API and sandbox answer, and the API reaches its servers.
    pub async fn is_ready(&self) -> anyhow::Result<()> {
        let ledger = format!("{}/sandbox/ledger", self.sandbox_url);
        for url in [format!("{}/readyz", self.url()), ledger] {
            let deadline = Instant::now() + READY_WITHIN;
            while !answers(&url).await {
                anyhow::ensure!(Instant::now() < deadline, "{url} does not answer well");
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Puts trouble on a link, or takes it off.
    pub fn set_link(&self, link: Link, trouble: Option<Trouble>) {
        self.links[&link].set(trouble);
    }

    /// Puts the sandbox's faults in force: these and no others. One that is dead has none.
    pub async fn set_provider(&self, faults: &Value) {
        let url = format!("{}/sandbox/faults", self.sandbox_url);
        drop(http_client().put(url).json(faults).send().await);
    }

    /// SIGKILL; answers whether there was somebody to kill.
    pub fn kill(&self, victim: Victim) -> anyhow::Result<bool> {
        match self.kept(victim) {
            Some(process) => process.kill(),
            None => return self.record.kill(victim),
        }
        Ok(true)
    }

    /// Starts again what we keep ourselves.
    pub fn bring_back(&self, victim: Victim) {
        if let Some(process) = self.kept(victim) {
            process.bring_back();
        }
    }

    const fn kept(&self, victim: Victim) -> Option<&Kept> {
        match victim {
            Victim::Worker => Some(&self.worker),
            Victim::Api => Some(&self.api),
            Victim::Provider => Some(&self.sandbox),
            Victim::Postgres | Victim::Temporal => None,
        }
    }

    /// The deaths of our processes that nobody planned.
    pub fn deaths(&self) -> Vec<Death> {
        [&self.worker, &self.api, &self.sandbox].into_iter().flat_map(Kept::deaths).collect()
    }

    /// How many connections were held up or cut, by link.
    pub fn disturbed(&self) -> Value {
        self.links
            .iter()
            .map(|(link, proxy)| (link.to_string(), json!(proxy.disturbed())))
            .collect()
    }
}

impl Fault {
    /// The faults of the sandbox, when these of its API and of its webhooks are in force.
    pub fn of_sandbox(provider: Option<&Value>, webhooks: Option<&Value>) -> Value {
        let mut all = provider.cloned().unwrap_or_else(|| json!({}));
        if let Some(webhooks) = webhooks {
            all["webhooks"] = webhooks.clone();
        }
        all
    }
}

async fn links(servers: &Servers, own: &Addresses) -> anyhow::Result<BTreeMap<Link, Proxy>> {
    let (_, postgres) = owner_and_address(&servers.postgres_url)?;
    let temporal: SocketAddr = servers.temporal_address.parse().context("Temporal's address")?;
    let mut links = BTreeMap::new();
    for link in Link::ALL {
        let target = match link {
            Link::ShopperApi | Link::ProviderApi => own.shop,
            Link::ApiPostgres | Link::WorkerPostgres => postgres,
            Link::ApiTemporal | Link::WorkerTemporal => temporal,
            Link::ShopperProvider | Link::WorkerProvider => own.sandbox,
        };
        links.insert(link, Proxy::before(target).await.context("listen on loopback")?);
    }
    Ok(links)
}

/// `postgres://owner@host:port` → `postgres://owner` and the address.
fn owner_and_address(url: &str) -> anyhow::Result<(&str, SocketAddr)> {
    let (owner, address) = url.rsplit_once('@').with_context(|| format!("no owner in {url}"))?;
    Ok((owner, address.parse().with_context(|| format!("no address in {url}"))?))
}

fn api_settings(own: &Addresses, links: &BTreeMap<Link, Proxy>) -> Vec<(String, String)> {
    let mut settings = shared_settings(own, links, Link::ApiPostgres, Link::ApiTemporal);
    settings.push(("OPERATOR_LISTEN".to_owned(), own.operator.to_string()));
    settings.push(("OPERATOR_TOKEN".to_owned(), OPERATOR_TOKEN.to_owned()));
    settings
}

fn worker_settings(own: &Addresses, links: &BTreeMap<Link, Proxy>) -> Vec<(String, String)> {
    shared_settings(own, links, Link::WorkerPostgres, Link::WorkerTemporal)
}

fn shared_settings(
    own: &Addresses,
    links: &BTreeMap<Link, Proxy>,
    postgres: Link,
    temporal: Link,
) -> Vec<(String, String)> {
    let by = |link: Link| links[&link].address;
    let settings = [
        ("DATABASE_URL", format!("{}@{}/{NAME}", own.database_owner, by(postgres))),
        ("TEMPORAL_ADDRESS", by(temporal).to_string()),
        ("TEMPORAL_NAMESPACE", NAME.to_owned()),
        ("SHOP_LISTEN", own.shop.to_string()),
        ("STRIPE_API_BASE", format!("http://{}", by(Link::WorkerProvider))),
        ("HOLD_TTL", HOLD_TTL.to_owned()),
        ("EXPIRY_GRACE", EXPIRY_GRACE.to_owned()),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn sandbox_settings(
    own: &Addresses,
    links: &BTreeMap<Link, Proxy>,
    logs: &Path,
) -> Vec<(String, String)> {
    let by = |link: Link| format!("http://{}", links[&link].address);
    let settings = [
        ("SANDBOX_LISTEN", own.sandbox.to_string()),
        ("SANDBOX_DATA_DIR", logs.join("sandbox").to_string_lossy().into_owned()),
        ("SANDBOX_WEBHOOK_URL", format!("{}/v1/webhooks/stripe", by(Link::ProviderApi))),
        ("SANDBOX_PUBLIC_URL", by(Link::ShopperProvider)),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

async fn answers(url: &str) -> bool {
    let asked = http_client().get(url).timeout(Duration::from_secs(5)).send().await;
    asked.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

/// An address of loopback that nobody listens on now, and that no connection is given as its own
/// while its process is dead: below the range that those are taken from (ip(7),
/// `ip_local_port_range`).
async fn free_address() -> anyhow::Result<SocketAddr> {
    for _ in 0..100 {
        let port = PORTS.start + u16::try_from(Uuid::new_v4().as_u128() % PORTS.len() as u128)?;
        if let Ok(listener) = tokio::net::TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener.local_addr()?);
        }
    }
    anyhow::bail!("no port of loopback is free")
}
