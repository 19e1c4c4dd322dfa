//! Everything that is measured, side by side on the same servers.

use std::{net::TcpListener, time::Duration};

use anyhow::Context;
use startup::temporal::TemporalSettings;
use system_tests::{Process, Program, Running, Servers};
use temporalio_client::Client;
use uuid::Uuid;

use crate::{
    floor::Floor,
    naive::{self, Order},
    product::Product,
    report,
};

/// The contenders.
pub struct World {
    /// The product, API and worker in one process.
    pub together: Product,
    /// The product, API and worker as two processes.
    pub split: Product,
    /// The naive build.
    pub naive: Naive,
    /// The least that it can cost.
    pub floor: Floor,
    servers: Servers,
}

impl World {
    /// Starts all of it.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn open() -> anyhow::Result<Self> {
        let servers = Servers::from_env();
        report::progress("opening the shop as one process, and as two");
        let together = Product::open(Running::Together, naive::PRODUCTS).await;
        let split = Product::open(Running::Split, naive::PRODUCTS).await;
        report::progress("starting the naive build and the floor");
        let naive = Naive::start(&servers)?;
        let client = connect(&servers, "default").await?;
        let floor = Floor::open(client, &servers.database_url("floor")).await?;
        Ok(Self { together, split, naive, floor, servers })
    }

    /// The address of a database on the servers, which need not be there yet.
    #[must_use]
    pub fn database_url(&self, name: &str) -> String {
        self.servers.database_url(name)
    }

    /// A client of the Temporal namespace of a shop.
    ///
    /// # Errors
    /// When Temporal can't be reached.
    pub async fn temporal_of(&self, product: &Product) -> anyhow::Result<Client> {
        connect(&self.servers, &product.shop.name).await
    }

    /// A client of the Temporal namespace of the naive build.
    ///
    /// # Errors
    /// When Temporal can't be reached.
    pub async fn temporal_of_naive(&self) -> anyhow::Result<Client> {
        connect(&self.servers, "default").await
    }

    /// Starts bare routes that answer with these bodies; answers where.
    ///
    /// # Errors
    /// When this binary can't be found.
    pub fn bare(&self, product: &str, stock_check: &str) -> anyhow::Result<Process> {
        let settings = [
            ("BARE_PRODUCT", product.to_owned()),
            ("BARE_STOCK_CHECK", stock_check.to_owned()),
            // Any database will do: the floor's has been made.
            ("BARE_DATABASE_URL", self.servers.database_url("floor")),
        ];
        let program = ourselves(&self.servers, "bare", &settings)?;
        Ok(Process::start(&program))
    }
}

async fn connect(servers: &Servers, namespace: &str) -> anyhow::Result<Client> {
    let settings = TemporalSettings {
        temporal_address: servers.temporal_address.clone(),
        temporal_namespace: namespace.to_owned(),
    };
    settings.connect("bench", Duration::from_secs(30)).await
}

/// This binary, run as something else.
fn ourselves(
    servers: &Servers,
    command: &str,
    settings: &[(&str, String)],
) -> anyhow::Result<Program> {
    let environment = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Ok(Program {
        binary: std::env::current_exe().context("find this binary")?,
        arguments: vec![command.to_owned()],
        environment: environment.collect(),
        log: servers.logs.join(format!("{command}.log")),
    })
}

/// The naive build: its process, its payment sandbox, and a way to reach it.
pub struct Naive {
    url: String,
    http: reqwest::Client,
    _process: Process,
    _sandbox: Process,
}

impl Naive {
    fn start(servers: &Servers) -> anyhow::Result<Self> {
        // The sandbox has to know where the naive build listens before that is started.
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let data = servers.logs.join("naive.sandbox");
        let sandbox = [
            ("SANDBOX_LISTEN", "127.0.0.1:0".to_owned()),
            ("SANDBOX_DATA_DIR", data.to_string_lossy().into_owned()),
            ("SANDBOX_WEBHOOK_URL", format!("http://{listen}/webhooks")),
        ];
        let sandbox = Process::start(&Program {
            binary: servers.binaries.join("sandbox"),
            arguments: Vec::new(),
            environment: sandbox.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            log: servers.logs.join("naive.sandbox.log"),
        });
        let settings = [
            ("NAIVE_LISTEN", listen.clone()),
            ("NAIVE_DATABASE_URL", servers.database_url("naive")),
            ("STRIPE_API_BASE", format!("http://{}", sandbox.address("sandbox"))),
            ("TEMPORAL_ADDRESS", servers.temporal_address.clone()),
        ];
        let process = Process::start(&ourselves(servers, "naive", &settings)?);
        let http = reqwest::Client::builder().timeout(Duration::from_mins(1)).build()?;
        Ok(Self { url: format!("http://{listen}"), http, _process: process, _sandbox: sandbox })
    }

    /// Buys the `number`th product until `paid` is seen; answers the order.
    ///
    /// # Errors
    /// When the naive build does not answer well.
    pub async fn buy(&self, number: usize) -> anyhow::Result<Uuid> {
        let order_id = Uuid::new_v4();
        let sku = format!("sku-{}", number % naive::PRODUCTS);
        let order = Order { order_id, sku, quantity: 1 };
        self.post("/orders", &serde_json::to_value(order)?).await?;
        let payment = serde_json::json!({"payment_method": "pm_card_visa"});
        self.post(&format!("/orders/{order_id}/pay"), &payment).await?;
        Ok(order_id)
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let response = self.http.post(format!("{}{path}", self.url)).json(body).send().await?;
        let (status, body) = (response.status(), response.text().await?);
        anyhow::ensure!(status.is_success(), "the naive build answers {status}: {body}");
        Ok(())
    }
}
