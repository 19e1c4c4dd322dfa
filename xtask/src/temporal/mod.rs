//! A Temporal server of our own, in one of two profiles.

mod cli;
mod go;
mod limits;
mod postgres;
mod profile;
mod sqlite;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::bail;

pub use self::profile::{Choice, Profile};
use self::{cli::Cli, postgres::Store};
use crate::{children::Running, cluster::Access, stop::Stop, task::Task};

/// What a server of a profile is started with.
pub struct Programs {
    cli: Cli,
    on_postgres: Option<postgres::Programs>,
}

impl Programs {
    /// Finds what the profile needs, or builds it.
    pub fn of(profile: Profile, task: &Task) -> anyhow::Result<Self> {
        let cli = Cli::find(task)?;
        let on_postgres = match profile {
            Profile::Sqlite => None,
            Profile::Postgres => Some(postgres::Programs::find(task)?),
        };
        Ok(Self { cli, on_postgres })
    }

    /// The CLI.
    pub fn cli(&self) -> &Path {
        self.cli.path()
    }
}

/// When search attributes are known that are registered while a server of the SQLite profile runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewAttributes {
    /// Within seconds, as everywhere else.
    KnownSoon,
    /// At once: for tests, which make a namespace each. Makes every eager start slower.
    KnownAtOnce,
}

/// Where a server listens and what it may use.
pub struct Place<'a> {
    /// The frontend.
    pub frontend: SocketAddr,
    /// The UI, if there is to be one.
    pub ui: Option<SocketAddr>,
    /// The folder that its state is in, or what says where that is.
    pub state: &'a Path,
    /// Where it logs to.
    pub logs: &'a Path,
    /// The shop's Postgres, when it is ours.
    pub postgres: Option<&'a Access>,
    /// When new search attributes are known.
    pub new_attributes: NewAttributes,
}

/// A server: how to start it, and to start it again.
#[derive(Clone)]
pub struct Server {
    cli: Cli,
    frontend: SocketAddr,
    ui: Option<SocketAddr>,
    logs: PathBuf,
    kept_in: KeptIn,
}

#[derive(Clone)]
enum KeptIn {
    File(PathBuf, NewAttributes),
    Postgres(Store),
}

impl Server {
    /// Makes everything ready for a server of the profile that was chosen.
    pub fn prepare(
        programs: Programs,
        choice: Choice,
        place: &Place<'_>,
        task: &Task,
    ) -> anyhow::Result<Self> {
        let kept_in = match programs.on_postgres {
            None => KeptIn::File(sqlite::file(place.state), place.new_attributes),
            Some(programs) => {
                KeptIn::Postgres(Store::prepare(programs, choice.shards, place, task)?)
            }
        };
        Ok(Self {
            cli: programs.cli,
            frontend: place.frontend,
            ui: place.ui,
            logs: place.logs.to_path_buf(),
            kept_in,
        })
    }

    /// Starts it and waits until it answers.
    pub fn start(&self, stop: &Stop) -> anyhow::Result<Running> {
        let mut server = self.process()?;
        let log = self.log();
        let up = stop.wait_for(Duration::from_secs(60), || {
            if let Some(status) = server.ended()? {
                bail!("the Temporal server ended at once ({status}): its log is {}", log.display());
            }
            Ok(self.cli.finds_healthy(self.frontend))
        })?;
        anyhow::ensure!(up, "the Temporal server does not answer: its log is {}", log.display());
        if matches!(self.kept_in, KeptIn::Postgres(_)) {
            postgres::make_namespace(&self.cli, self.frontend, stop)?;
        }
        Ok(server)
    }

    /// Starts the server's process.
    pub fn process(&self) -> anyhow::Result<Running> {
        let command = match &self.kept_in {
            KeptIn::File(file, new_attributes) => {
                sqlite::command(&self.cli, file, (self.frontend, self.ui), *new_attributes)
            }
            KeptIn::Postgres(store) => store.server(),
        };
        Running::start("temporal", command, &self.log())
    }

    /// The UI, where it is a process of its own.
    pub fn ui(&self) -> Option<Ui> {
        let (KeptIn::Postgres(store), Some(_)) = (&self.kept_in, self.ui) else { return None };
        let (store, log) = (store.clone(), self.logs.join("temporal-ui.log"));
        let start = {
            let log = log.clone();
            Box::new(move || Running::start("temporal-ui", store.ui(), &log))
        };
        Some(Ui { start, log })
    }

    /// Keeps workflows that have ended for a month: the default of one day is short for whoever
    /// wants to see what happened.
    pub fn keep_for_a_month(&self) -> anyhow::Result<()> {
        self.cli.namespace("update", self.frontend, &["--retention", RETENTION])
    }

    /// What it keeps its state in, for the reader.
    pub fn kept_in(&self) -> String {
        match &self.kept_in {
            KeptIn::File(..) => "SQLite".to_owned(),
            KeptIn::Postgres(store) => format!("Postgres, {} history shards", store.shards),
        }
    }

    /// Where the server logs to.
    pub fn log(&self) -> PathBuf {
        self.logs.join("temporal.log")
    }
}

/// A UI of its own.
pub struct Ui {
    /// Starts it, and starts it again.
    pub start: Box<dyn Fn() -> anyhow::Result<Running>>,
    /// Where it logs to.
    pub log: PathBuf,
}

/// How long workflows that have ended are kept.
const RETENTION: &str = "720h";
