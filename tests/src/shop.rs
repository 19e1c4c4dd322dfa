//! A whole shop: a database, a Temporal namespace, a sandbox, and the product's processes.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    Operator, PRICE, Process, Servers, Shopper, Stop, eventually, http_client,
    process::{Program, run_to_end},
};

/// The operators' token of every shop here.
pub(crate) const OPERATOR_TOKEN: &str = "operator-token-of-a-test";

/// How a shop is run.
#[derive(Clone, Debug)]
pub struct ShopOptions {
    /// `HOLD_TTL`
    pub hold_ttl: &'static str,
    /// `EXPIRY_GRACE`
    pub expiry_grace: &'static str,
    /// What of the product runs.
    pub running: Running,
    /// The servers that it stands on; those that all tests share, where there are none.
    pub servers: Option<Servers>,
    /// Where the product's processes find Postgres, a URL without a database: such as a proxy that
    /// stands before the servers' own, which it is where there is none.
    pub postgres_url: Option<String>,
    /// Further settings of the product's processes.
    pub environment: Vec<(&'static str, String)>,
}

/// What of the product runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// API and worker in one process.
    Together,
    /// API and worker as two processes.
    Split,
    /// The API alone: the test brings a worker.
    ApiAlone,
}

impl Default for ShopOptions {
    fn default() -> Self {
        Self {
            hold_ttl: "5m",
            expiry_grace: "2m",
            running: Running::Together,
            servers: None,
            postgres_url: None,
            environment: Vec::new(),
        }
    }
}

/// A shop that is open. Dropped, its processes are killed.
pub struct Shop {
    /// The servers that it stands on.
    pub servers: Servers,
    /// The name of its database and of its Temporal namespace.
    pub name: String,
    options: ShopOptions,
    port: u16,
    sandbox: Mutex<Option<Process>>,
    sandbox_address: String,
    api: Mutex<Option<Process>>,
    worker: Mutex<Option<Process>>,
}

static SHARED: Mutex<Weak<Shop>> = Mutex::new(Weak::new());
static OPENING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Shop {
    /// The shop that this binary's tests share; it closes with the last of them.
    pub async fn shared() -> Arc<Self> {
        let _one_at_a_time = OPENING.lock().await;
        let open = || SHARED.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(shop) = open() {
            return shop;
        }
        let shop = Arc::new(Self::open(ShopOptions::default()).await);
        *SHARED.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&shop);
        shop
    }

    /// Opens a shop of its own.
    pub async fn open(options: ShopOptions) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let servers = options.servers.clone().unwrap_or_else(Servers::from_env);
        let name = format!("test_{}", Uuid::new_v4().simple());
        let port = free_port();
        let sandbox = Process::start(&sandbox_program(&servers, &name, "127.0.0.1:0", port));
        let shop = Self {
            sandbox_address: sandbox.address("sandbox"),
            sandbox: Mutex::new(Some(sandbox)),
            servers,
            name,
            options,
            port,
            api: Mutex::default(),
            worker: Mutex::default(),
        };
        let setup = shop.program("worker", &["setup"]);
        tokio::task::spawn_blocking(move || drop(run_to_end(&setup))).await.unwrap();
        shop.start_worker();
        shop.start_api();
        shop.is_ready().await;
        shop
    }

    /// The shop's address, `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The sandbox's address, `http://host:port`.
    #[must_use]
    pub fn sandbox_url(&self) -> String {
        format!("http://{}", self.sandbox_address)
    }

    /// The settings of the product's processes, for a worker that a test brings.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let postgres = self.options.postgres_url.as_ref().unwrap_or(&self.servers.postgres_url);
        let own = [
            ("DATABASE_URL", format!("{postgres}/{}", self.name)),
            ("TEMPORAL_ADDRESS", self.servers.temporal_address.clone()),
            ("TEMPORAL_NAMESPACE", self.name.clone()),
            ("SHOP_LISTEN", format!("127.0.0.1:{}", self.port)),
            ("OPERATOR_LISTEN", "127.0.0.1:0".to_owned()),
            ("OPERATOR_TOKEN", OPERATOR_TOKEN.to_owned()),
            ("STRIPE_API_BASE", self.sandbox_url()),
            (failpoints::FOLDER, points_of(&self.servers, &self.name)),
            ("HOLD_TTL", self.options.hold_ttl.to_owned()),
            ("EXPIRY_GRACE", self.options.expiry_grace.to_owned()),
        ];
        let further = &self.options.environment;
        let own = own.into_iter().filter(|(name, _)| further.iter().all(|(it, _)| it != name));
        own.chain(further.iter().cloned()).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The ids of the processes that the product and the sandbox run as, by name.
    #[must_use]
    pub fn process_ids(&self) -> Vec<(&'static str, u32)> {
        let processes = [("shop", &self.api), ("worker", &self.worker), ("sandbox", &self.sandbox)];
        let id = |(name, process): (_, &Mutex<Option<Process>>)| {
            lock(process).as_ref().map(|process| (name, process.id()))
        };
        processes.into_iter().filter_map(id).collect()
    }

    /// A shopper with an order id and a secret of their own.
    #[must_use]
    pub fn shopper(&self) -> Shopper {
        Shopper::new(self.url())
    }

    /// An operator.
    ///
    /// # Panics
    /// When the API does not run.
    #[must_use]
    pub fn operator(&self) -> Operator {
        let api = lock(&self.api);
        let address = api.as_ref().expect("the API runs").address("operator");
        Operator::new(format!("http://{address}"))
    }

    /// The shop's database, as its owner.
    pub async fn database(&self) -> PgPool {
        let url = self.servers.database_url(&self.name);
        sqlx::postgres::PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap()
    }

    /// A product of a name of its own, with so many units.
    pub async fn product(&self, units: i64) -> String {
        let sku = format!("sku-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let operator = self.operator();
        operator.put_product(&sku, PRICE).await;
        if units > 0 {
            operator.adjust_stock(&sku, units).await;
        }
        sku
    }

    /// Runs `worker` with these arguments to its end; answers what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub async fn worker_command(&self, arguments: &[&str]) -> String {
        let program = self.program("worker", arguments);
        tokio::task::spawn_blocking(move || run_to_end(&program)).await.unwrap()
    }

    /// An operator with a token of their own, made while the shop runs.
    pub async fn operator_named(&self, name: &str, role: &str) -> Operator {
        let token = self.worker_command(&["token", "add", "--name", name, "--role", role]).await;
        self.operator().with_token(token)
    }

    /// Has the first who comes to `point`, of those whose ids contain `whom`, wait there: in any
    /// process of the shop. `failpoints` lists the points.
    #[must_use]
    pub fn stop_at(&self, point: &str, whom: &str) -> Stop {
        Stop::at(points_of(&self.servers, &self.name).as_ref(), point, whom)
    }

    /// The payments of an order, as the provider sees them.
    pub async fn payments_of(&self, order: Uuid) -> Vec<serde_json::Value> {
        let ledger: serde_json::Value = http_client()
            .get(format!("{}/sandbox/ledger", self.sandbox_url()))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let all = ledger["intents"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|intent| intent["order_id"] == order.to_string()).collect()
    }

    /// Puts the sandbox's faults in force; `{}` ends them.
    pub async fn faults(&self, faults: serde_json::Value) {
        let address = format!("{}/sandbox/faults", self.sandbox_url());
        let http = http_client();
        http.delete(&address).send().await.unwrap().error_for_status().unwrap();
        http.put(&address).json(&faults).send().await.unwrap().error_for_status().unwrap();
    }

    /// SIGKILL for the API, and for the worker where they are one process.
    pub fn kill_api(&self) {
        lock(&self.api).take().expect("the API runs").kill();
    }

    /// SIGKILL for the worker.
    pub fn kill_worker(&self) {
        lock(&self.worker).take().expect("the worker runs by itself").kill();
    }

    /// SIGTERM for the API, and for the worker where they are one process; answers how long it took
    /// to end.
    ///
    /// # Panics
    /// When it does not end well within `limit`.
    pub async fn stop_api(&self, limit: Duration) -> Duration {
        let api = lock(&self.api).take().expect("the API runs");
        tokio::task::spawn_blocking(move || api.stop(limit)).await.unwrap()
    }

    /// The same for a worker that runs by itself.
    ///
    /// # Panics
    /// When it does not end well within `limit`.
    pub async fn stop_worker(&self, limit: Duration) -> Duration {
        let worker = lock(&self.worker).take().expect("the worker runs by itself");
        tokio::task::spawn_blocking(move || worker.stop(limit)).await.unwrap()
    }

    /// SIGKILL for the sandbox.
    pub fn kill_sandbox(&self) {
        lock(&self.sandbox).take().expect("the sandbox runs").kill();
    }

    /// Starts the API again, where it was.
    pub fn start_api(&self) {
        let binary = match self.options.running {
            Running::Together => "holdfast",
            Running::Split | Running::ApiAlone => "api",
        };
        *lock(&self.api) = Some(Process::start(&self.program(binary, &[])));
    }

    /// Another node of the API, with these settings besides the shop's.
    #[must_use]
    pub fn another_api(&self, settings: &[(&str, String)]) -> Process {
        let mut node = self.program("api", &[]);
        let own = [("SHOP_LISTEN", "127.0.0.1:0".to_owned())];
        let further = own.iter().chain(settings);
        node.environment.extend(further.map(|(name, value)| ((*name).to_owned(), value.clone())));
        Process::start(&node)
    }

    /// Starts the worker again.
    pub fn start_worker(&self) {
        if self.options.running == Running::Split {
            *lock(&self.worker) = Some(Process::start(&self.program("worker", &["run"])));
        }
    }

    /// Starts the sandbox again, where it was.
    pub fn start_sandbox(&self) {
        let program = sandbox_program(&self.servers, &self.name, &self.sandbox_address, self.port);
        *lock(&self.sandbox) = Some(Process::start(&program));
    }

    /// Waits until the API can reach what it stands on.
    pub async fn is_ready(&self) {
        let url = format!("{}/readyz", self.url());
        let http = http_client();
        eventually("the shop is ready", Duration::from_secs(30), || async {
            http.get(&url).send().await.ok().filter(|answer| answer.status() == 200).map(drop)
        })
        .await;
    }

    fn program(&self, binary: &str, arguments: &[&str]) -> Program {
        Program {
            binary: self.servers.binaries.join(binary),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: self.settings(),
            log: self.servers.logs.join(format!("{}.{binary}.log", self.name)),
        }
    }
}

fn sandbox_program(servers: &Servers, name: &str, listen: &str, shop_port: u16) -> Program {
    let data = servers.logs.join(format!("{name}.sandbox"));
    let settings = [
        ("SANDBOX_LISTEN", listen.to_owned()),
        ("SANDBOX_DATA_DIR", data.to_string_lossy().into_owned()),
        (failpoints::FOLDER, points_of(servers, name)),
        ("SANDBOX_WEBHOOK_URL", format!("http://127.0.0.1:{shop_port}/v1/webhooks/stripe")),
    ];
    Program {
        binary: servers.binaries.join("sandbox"),
        arguments: Vec::new(),
        environment: settings.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        log: servers.logs.join(format!("{name}.sandbox.log")),
    }
}

/// The folder in which a test says where processes wait.
fn points_of(servers: &Servers, name: &str) -> String {
    servers.logs.join(format!("{name}.failpoints")).to_string_lossy().into_owned()
}

/// A port for a process that has to be found at the same one when it is started again.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
