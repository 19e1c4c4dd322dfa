//! A Postgres cluster of our own, from the server binaries of this machine.

use std::{
    fs,
    net::SocketAddr,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::Signal,
    unistd::{Uid, User},
};

use crate::{children::Running, places, ports, runner, stop::Stop, task::Task};

/// The oldest that will do.
const OLDEST: u32 = 15;
/// What the cluster's owner is called, in the database.
const OWNER: &str = "holdfast";

/// Server binaries, and who runs them.
pub struct Binaries {
    folder: PathBuf,
    /// The version's first number.
    pub version: u32,
    /// Postgres refuses to run as root.
    user: Option<User>,
}

/// A cluster that is running.
pub struct Cluster {
    /// Its server.
    pub server: Running,
    /// How to reach it.
    pub access: Access,
}

/// How a cluster is reached.
#[derive(Clone)]
pub struct Access {
    /// Where it listens.
    pub address: SocketAddr,
    psql: PathBuf,
}

impl Access {
    /// The database of this name, as its owner.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{OWNER}@{}/{database}", self.address)
    }

    /// Runs a statement in a database, as the cluster's owner.
    pub fn execute(&self, database: &str, statement: &str, stop: &Stop) -> anyhow::Result<()> {
        let mut psql = Command::new(&self.psql);
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", statement]);
        psql.arg(self.url(database));
        runner::lines("psql", &mut psql, stop, |_| {})
    }
}

/// Finds server binaries; installs them where we may.
pub fn binaries(task: &Task) -> anyhow::Result<Binaries> {
    let user = unprivileged_user()?;
    if let Some((version, folder)) = newest()? {
        return Ok(Binaries { folder, version, user });
    }
    let help = "install Postgres 15 or newer (on Debian: `apt-get install postgresql`), or set \
                DATABASE_URL to one that runs";
    let apt = places::program("apt-get", &[]).filter(|_| Uid::effective().is_root());
    let Some(apt) = apt else {
        bail!("no Postgres server of version {OLDEST} or newer is on this machine: {help}")
    };
    task.progress.begin("installing Postgres with apt-get");
    runner::apt_install(&apt, "postgresql", task).context(help)?;
    match newest()? {
        Some((version, folder)) => Ok(Binaries { folder, version, user: unprivileged_user()? }),
        None => bail!("apt-get installed a Postgres older than {OLDEST}: {help}"),
    }
}

/// The newest server binaries of this machine that will do.
fn newest() -> anyhow::Result<Option<(u32, PathBuf)>> {
    let mut folders = Vec::new();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|entry| entry.path().join("bin")));
    }
    if let Some(postgres) = places::program("postgres", &[]) {
        folders.extend(postgres.canonicalize()?.parent().map(Path::to_path_buf));
    }
    let complete = folders
        .into_iter()
        .filter(|dir| dir.join("initdb").exists() && dir.join("postgres").exists());
    let with_version = complete.filter_map(|dir| Some((version_of(&dir.join("postgres"))?, dir)));
    Ok(with_version.filter(|(version, _)| *version >= OLDEST).max())
}

/// `postgres (PostgreSQL) 15.14 (Debian …)` → 15.
fn version_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.strip_prefix("postgres (PostgreSQL) ")?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Whom Postgres runs as, when we are root.
fn unprivileged_user() -> anyhow::Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).context("look up who Postgres runs as")? {
            return Ok(Some(user));
        }
    }
    bail!("Postgres can't run as root, and there is neither a user 'postgres' nor 'nobody' here")
}

impl Binaries {
    /// A folder named `name` that Postgres can use: below `preferred`, else outside the checkout.
    pub fn folder(&self, preferred: &Path, name: &str) -> PathBuf {
        let inside = preferred.join(name);
        if self.reaches(preferred) {
            return inside;
        }
        places::outside_state().join(name)
    }

    /// Whether Postgres's user may pass through every folder on the way.
    fn reaches(&self, dir: &Path) -> bool {
        let Some(user) = &self.user else { return true };
        let Ok(dir) = dir.canonicalize() else { return false };
        dir.ancestors().all(|ancestor| {
            fs::metadata(ancestor).is_ok_and(|meta| {
                let theirs = meta.uid() == user.uid.as_raw() && meta.mode() & 0o100 != 0;
                theirs || meta.mode() & 0o001 != 0
            })
        })
    }

    /// Makes the cluster in `data`, if it is not there.
    pub fn init(&self, data: &Path) -> anyhow::Result<()> {
        if data.join("PG_VERSION").exists() {
            return self.require_same_version(data);
        }
        // What an interrupted attempt left is no cluster.
        drop(fs::remove_dir_all(data));
        let parent = data.parent().unwrap_or(data);
        fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        places::make_private(data)?;
        if let Some(user) = &self.user {
            chown(data, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .with_context(|| format!("give {} to {}", data.display(), user.name))?;
        }
        let mut initdb = self.command("initdb");
        // Loopback only, and the socket's folder is closed to others: the machine's users are
        // trusted as they are with the checkout itself.
        initdb.arg("-D").arg(data).args([
            "-U",
            OWNER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]);
        let output = initdb.output().context("run initdb")?;
        if !output.status.success() {
            drop(fs::remove_dir_all(data));
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn require_same_version(&self, data: &Path) -> anyhow::Result<()> {
        let file = data.join("PG_VERSION");
        let made_by =
            fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        anyhow::ensure!(
            made_by.trim() == self.version.to_string(),
            "the cluster in {} was made by Postgres {}, and this is {}: migrate it with pg_upgrade, \
             or start anew with --fresh",
            data.display(),
            made_by.trim(),
            self.version
        );
        Ok(())
    }

    /// Starts the cluster in `data` and waits until it answers.
    pub fn start(
        &self,
        data: &Path,
        log: &Path,
        further: &[&str],
        stop: &Stop,
    ) -> anyhow::Result<Cluster> {
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        let server = self.server(data, address, log, further)?;
        let access = Access { address, psql: self.psql() };
        let mut cluster = Cluster { server, access };
        let ready = self.command_path("pg_isready");
        let port = address.port().to_string();
        let up = stop.wait_for(Duration::from_secs(60), || {
            if let Some(status) = cluster.server.ended()? {
                bail!("Postgres ended at once ({status}): its log is {}", log.display());
            }
            let answered = Command::new(&ready)
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status()
                .map_or_else(|_| ports::answers(address), |status| status.success());
            Ok(answered)
        })?;
        anyhow::ensure!(
            up,
            "Postgres does not answer within a minute: its log is {}",
            log.display()
        );
        Ok(cluster)
    }

    /// Starts the server itself, at `address`.
    pub fn server(
        &self,
        data: &Path,
        address: SocketAddr,
        log: &Path,
        further: &[&str],
    ) -> anyhow::Result<Running> {
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(data).args(["-p", &address.port().to_string()]);
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        postgres.args(["-c", "max_connections=300"]);
        for setting in further {
            postgres.args(["-c", setting]);
        }
        // SIGINT is Postgres's fast shutdown: it does not wait for clients to leave.
        Ok(Running::start("postgres", postgres, log)?.stopped_by(Signal::SIGINT))
    }

    /// The client that came with the server, or the one on PATH.
    fn psql(&self) -> PathBuf {
        let ours = self.command_path("psql");
        if ours.exists() { ours } else { PathBuf::from("psql") }
    }

    fn command_path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.command_path(program));
        command.current_dir("/");
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_postgres_has_no_version() {
        assert_eq!(version_of(Path::new("/bin/true")), None);
        assert_eq!(version_of(Path::new("/nowhere/postgres")), None);
    }
}
