//! Servers of a test's own, which it may kill: `cargo xtask servers` brings them back.

use std::{
    fs::{self, File},
    future::ready,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection, PgConnection};
use tokio::{net::TcpStream, sync::Mutex};
use uuid::Uuid;

use crate::{Servers, eventually};

/// How long they may take to start, on a machine that does other things as well.
const START_WITHIN: Duration = Duration::from_mins(2);
/// How long they may take to come back.
const BACK_WITHIN: Duration = Duration::from_mins(1);

static STARTING: Mutex<()> = Mutex::const_new(());

/// A Postgres and a Temporal. Dropped, they are stopped.
pub struct OwnServers {
    xtask: Child,
    /// Where they are.
    pub servers: Servers,
    /// The file that says which process is which of them now, a line each: name, pid, start time.
    record: PathBuf,
}

impl OwnServers {
    /// Starts them, beside those that all tests share.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start() -> Self {
        // Of two that start at once, one takes the other's folder for one that was left behind.
        let _one_at_a_time = STARTING.lock().await;
        let shared = Servers::from_env();
        let said = shared.logs.join(format!("own_servers_{}.log", Uuid::new_v4().simple()));
        let log = File::create(&said).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut command = Command::new(shared.binaries.join("xtask"));
        command.arg("servers").current_dir(root).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut xtask = command.spawn().expect("`cargo xtask test` has built xtask");
        let exports = eventually("servers of the test's own", START_WITHIN, || {
            let text = fs::read_to_string(&said).unwrap();
            let ended = xtask.try_wait().unwrap();
            assert!(ended.is_none(), "they do not start:\n{text}");
            ready(text.contains("# ready").then_some(text))
        })
        .await;
        let read = |name: &str| {
            let prefix = format!("export {name}=");
            let value = exports.lines().find_map(|line| line.strip_prefix(&prefix));
            value.unwrap_or_else(|| panic!("no {name} in {exports}")).to_owned()
        };
        let servers = Servers {
            postgres_url: read("TEST_POSTGRES_URL"),
            temporal_address: read("TEST_TEMPORAL_ADDRESS"),
            ..shared
        };
        Self { record: read("TEST_SERVERS").into(), xtask, servers }
    }

    /// SIGKILL for the server of this name: `postgres` or `temporal`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self, name: &str) {
        kill(Pid::from_raw(self.process(name)), Signal::SIGKILL).expect("it runs");
    }

    /// The process that is the server of this name now.
    fn process(&self, name: &str) -> i32 {
        let text = fs::read_to_string(&self.record).unwrap();
        let of_name =
            text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        of_name.and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Waits until both answer.
    pub async fn answer(&self) {
        let database = self.servers.database_url("postgres");
        eventually("Postgres is back", BACK_WITHIN, || async {
            PgConnection::connect(&database).await.ok().map(drop)
        })
        .await;
        eventually("Temporal is back", BACK_WITHIN, || async {
            TcpStream::connect(&self.servers.temporal_address).await.ok().map(drop)
        })
        .await;
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        let xtask = i32::try_from(self.xtask.id()).expect("Linux has no larger ids");
        // One that has ended by itself is as good.
        let _asked = kill(Pid::from_raw(xtask), Signal::SIGTERM);
        drop(self.xtask.wait());
    }
}
