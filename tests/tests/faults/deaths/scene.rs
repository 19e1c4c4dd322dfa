//! A shop whose processes are killed, with the servers that it stands on where those are killed, too.

use std::sync::Arc;

use system_tests::{OwnServers, Running, Shop, ShopOptions, free_port};
use tokio::task::block_in_place;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// Where it runs by itself.
    Worker,
    /// With the worker, where they are one process.
    Api,
    Sandbox,
    Postgres,
    Temporal,
}

impl Victim {
    /// Whether it is a process of the product, in which somebody waits.
    pub const fn is_ours(self) -> bool {
        match self {
            Self::Worker | Self::Api | Self::Sandbox => true,
            Self::Postgres | Self::Temporal => false,
        }
    }
}

/// A shop, and its servers where nobody else uses them.
pub struct Scene {
    pub shop: Arc<Shop>,
    servers: Option<OwnServers>,
}

impl Scene {
    /// A shop on the servers that all tests share.
    pub async fn open(running: Running) -> Self {
        Self { shop: shop(ShopOptions { running, ..ShopOptions::default() }).await, servers: None }
    }

    /// A shop in one process, on servers that may be killed.
    pub async fn on_own_servers() -> Self {
        let own = OwnServers::start().await;
        let servers = Some(own.servers.clone());
        let shop = shop(ShopOptions { servers, ..ShopOptions::default() }).await;
        Self { shop, servers: Some(own) }
    }

    /// SIGKILL for all of these, one right after the other.
    pub fn kill(&self, victims: &[Victim]) {
        block_in_place(|| {
            for victim in victims {
                match victim {
                    Victim::Worker => self.shop.kill_worker(),
                    Victim::Api => self.shop.kill_api(),
                    Victim::Sandbox => self.shop.kill_sandbox(),
                    Victim::Postgres => self.own_servers().kill("postgres"),
                    Victim::Temporal => self.own_servers().kill("temporal"),
                }
            }
        });
    }

    /// Starts again whoever of these does not come back without us, and waits for the others.
    pub async fn bring_back(&self, victims: &[Victim]) {
        if let Some(servers) = &self.servers {
            servers.answer().await;
        }
        block_in_place(|| {
            for victim in victims {
                match victim {
                    Victim::Worker => self.shop.start_worker(),
                    Victim::Api => self.shop.start_api(),
                    Victim::Sandbox => self.shop.start_sandbox(),
                    Victim::Postgres | Victim::Temporal => {}
                }
            }
        });
        self.shop.is_ready().await;
    }

    fn own_servers(&self) -> &OwnServers {
        self.servers.as_ref().expect("servers that other tests use are not killed")
    }
}

/// A shop whose operators find it where it was, however often it was killed.
async fn shop(options: ShopOptions) -> Arc<Shop> {
    let environment = vec![("OPERATOR_LISTEN", format!("127.0.0.1:{}", free_port()))];
    Arc::new(Shop::open(ShopOptions { environment, ..options }).await)
}
