//! Servers that tests, benchmarks and the query check stand on: fresh, on free ports, gone after.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    children::Record,
    cluster::{self, Access},
    places, ports,
    service::Service,
    task::Task,
    temporal::{self, Choice, NewAttributes},
};

/// How much a crash of the whole machine may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As the shop runs: for measuring.
    AsTheShop,
    /// A killed process loses nothing, a power cut everything: for tests.
    Processes,
}

/// A Temporal server that runs.
struct Temporal {
    service: Service,
    address: SocketAddr,
    kept_in: String,
    cli: PathBuf,
}

/// Postgres, and Temporal where it was asked for. Dropped, they stop and their state goes.
pub struct Servers {
    postgres: Service,
    access: Access,
    temporal: Option<Temporal>,
    folder: PathBuf,
    data: PathBuf,
    /// When is looked again for what has died.
    look_at: Instant,
}

impl Servers {
    /// Starts Postgres alone.
    pub fn postgres(task: &Task) -> anyhow::Result<Self> {
        Self::start_postgres(Durability::Processes, task)
    }

    /// Starts Postgres and Temporal.
    pub fn all(durability: Durability, choice: Choice, task: &Task) -> anyhow::Result<Self> {
        let programs = temporal::Programs::of(choice.profile, task)?;
        let mut servers = Self::start_postgres(durability, task)?;
        let new_attributes = match durability {
            Durability::AsTheShop => NewAttributes::KnownSoon,
            Durability::Processes => NewAttributes::KnownAtOnce,
        };
        servers.start_temporal(programs, choice, new_attributes, task)?;
        let kept_in = servers.temporal_kept_in().unwrap_or_default();
        task.progress.done(&format!("Postgres and Temporal (in {kept_in}) run, fresh"));
        Ok(servers)
    }

    fn start_postgres(durability: Durability, task: &Task) -> anyhow::Result<Self> {
        end_leftovers(task)?;
        places::make_private(&places::state())?;
        let folder = places::state().join("test").join(std::process::id().to_string());
        fs::create_dir_all(folder.join("logs"))
            .with_context(|| format!("make {}", folder.display()))?;
        task.progress.begin("starting fresh servers");
        let binaries = cluster::binaries(task)?;
        let data = binaries.folder(&folder, &format!("postgres-test-{}", std::process::id()));
        binaries.init(&data)?;
        let further: &[&str] = match durability {
            Durability::AsTheShop => &[],
            Durability::Processes => &["fsync=off", "full_page_writes=off"],
        };
        let log = folder.join("logs/postgres.log");
        let cluster = binaries.start(&data, &log, further, &task.stop)?;
        let address = cluster.access.address;
        let restart = {
            let (data, log) = (data.clone(), log.clone());
            move || binaries.server(&data, address, &log, further)
        };
        let record = Record::at(folder.join("running"));
        record.write([&cluster.server].into_iter())?;
        let postgres = Service::new(cluster.server, Box::new(restart), log);
        let (access, look_at) = (cluster.access, Instant::now());
        Ok(Self { postgres, access, temporal: None, folder, data, look_at })
    }

    fn start_temporal(
        &mut self,
        programs: temporal::Programs,
        choice: Choice,
        new_attributes: NewAttributes,
        task: &Task,
    ) -> anyhow::Result<()> {
        let cli = programs.cli().to_path_buf();
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        let place = temporal::Place {
            frontend: address,
            ui: None,
            state: &self.folder,
            logs: &self.folder.join("logs"),
            postgres: Some(&self.access),
            new_attributes,
        };
        let server = temporal::Server::prepare(programs, choice, &place, task)?;
        let (running, kept_in, log) = (server.start(&task.stop)?, server.kept_in(), server.log());
        let service = Service::new(running, Box::new(move || server.process()), log);
        self.temporal = Some(Temporal { service, address, kept_in, cli });
        self.write_record()
    }

    fn services(&mut self) -> impl Iterator<Item = &mut Service> {
        let temporal = self.temporal.iter_mut().map(|temporal| &mut temporal.service);
        std::iter::once(&mut self.postgres).chain(temporal)
    }

    fn write_record(&mut self) -> anyhow::Result<()> {
        let record = Record::at(self.record());
        record.write(self.services().map(|service| &service.running))
    }

    /// Starts again what has died since the last look, unless it dies too soon to try at once.
    pub fn look_after(&mut self) -> anyhow::Result<()> {
        if Instant::now() < self.look_at {
            return Ok(());
        }
        let mut pause = None;
        for service in self.services() {
            if let Some(status) = service.running.ended()? {
                pause = pause.max(Some(service.bring_back(status)?));
            }
        }
        let Some(pause) = pause else { return Ok(()) };
        self.look_at = Instant::now() + pause;
        self.write_record()
    }

    /// The file that says which process is which server now, a line each: name, pid, start time.
    pub fn record(&self) -> PathBuf {
        self.folder.join("running")
    }

    /// What Temporal keeps its state in, for the reader.
    pub fn temporal_kept_in(&self) -> Option<&str> {
        self.temporal.as_ref().map(|temporal| temporal.kept_in.as_str())
    }

    /// A folder that goes with the servers.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The URL of a database.
    pub fn database_url(&self, name: &str) -> String {
        self.access.url(name)
    }

    /// What tests and benchmarks find in their environment.
    pub fn environment(&self, binaries: &Path) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("TEST_POSTGRES_URL", self.database_url("").trim_end_matches('/').to_owned()),
            ("TEST_BINARIES", binaries.to_string_lossy().into_owned()),
            ("TEST_LOGS", self.folder.join("logs").to_string_lossy().into_owned()),
        ];
        if let Some(temporal) = &self.temporal {
            let cli = temporal.cli.to_string_lossy().into_owned();
            variables.push(("TEST_TEMPORAL_ADDRESS", temporal.address.to_string()));
            variables.push(("TEST_TEMPORAL_CLI", cli));
        }
        variables
    }

    /// Keeps the logs for whoever has to find out what went wrong; answers where they are.
    pub fn keep_logs(&self) -> anyhow::Result<PathBuf> {
        self.keep_logs_in("test-logs")
    }

    /// The same, in a folder of this name beside the shop's state.
    pub fn keep_logs_in(&self, name: &str) -> anyhow::Result<PathBuf> {
        let kept = places::state().join(name);
        drop(fs::remove_dir_all(&kept));
        fs::rename(self.folder.join("logs"), &kept)
            .with_context(|| format!("keep the logs in {}", kept.display()))?;
        Ok(kept)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some(temporal) = &mut self.temporal {
            temporal.service.running.stop();
        }
        self.postgres.running.stop();
        drop(fs::remove_dir_all(&self.data));
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Ends the servers of test runs that were killed; those of a run under way are left alone.
fn end_leftovers(task: &Task) -> anyhow::Result<()> {
    let folder = places::state().join("test");
    let Ok(runs) = fs::read_dir(&folder) else { return Ok(()) };
    for run in runs.flatten() {
        let record = Record::at(run.path().join("running"));
        if let Ok(left) = record.end_leftovers() {
            let pid = run.file_name().to_string_lossy().into_owned();
            let outside = places::outside_state().join(format!("postgres-test-{pid}"));
            drop(fs::remove_dir_all(outside));
            fs::remove_dir_all(run.path())
                .with_context(|| format!("empty {}", run.path().display()))?;
            task.progress
                .done(&format!("ended what test run {pid} left behind: {}", left.join(", ")));
        }
    }
    Ok(())
}

/// `cargo xtask servers`
pub fn run() -> anyhow::Result<()> {
    let task = Task::of(2)?;
    let mut servers = Servers::all(Durability::Processes, Choice::default(), &task)?;
    task.progress.finish();
    for (name, value) in servers.environment(&places::binaries(false)) {
        println!("export {name}={value}");
    }
    println!("export TEST_SERVERS={}", servers.record().display());
    println!("# ready: with these set, `cargo test --package system-tests` runs a test by hand");
    while !task.stop.asked() {
        servers.look_after()?;
        drop(task.stop.wait_for(Duration::from_millis(200), || Ok(false)));
    }
    Ok(())
}
