//! A server of all services in one process, kept in the shop's own Postgres.

mod config;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};

use self::config::{Config, Ports};
use super::{
    Place, RETENTION,
    cli::{Cli, deaf},
    go::{Module, Program},
};
use crate::{cluster::Access, places, runner, stop::Stop, task::Task};

/// How many history shards a new state gets.
const SHARDS: u32 = 4;
/// Whom the server is in Postgres.
const ROLE: &str = "temporal";
/// Where workflows and histories are.
const DATABASE: &str = "temporal";
/// Where the lists of workflows are.
const VISIBILITY: &str = "temporal_visibility";

const MODULE: Module = Module {
    folder: "tools/temporal/postgres",
    what: "the Temporal server for Postgres",
    lasts: "about a minute on two cores, when the CLI was built here",
    instead: "leave out --temporal postgres",
    kept_as: "temporal-postgres",
    programs: &[
        Program { name: SERVER, package: "go.temporal.io/server/cmd/server" },
        Program { name: SCHEMA, package: "go.temporal.io/server/cmd/tools/sql" },
        Program { name: UI, package: "github.com/temporalio/ui-server/v2/cmd/server" },
    ],
};
const SERVER: &str = "temporal-server";
const SCHEMA: &str = "temporal-sql-tool";
const UI: &str = "temporal-ui";

/// Server, schema tool and UI.
pub struct Programs(PathBuf);

impl Programs {
    /// Finds them: built before, or built now.
    pub fn find(task: &Task) -> anyhow::Result<Self> {
        let folder =
            if MODULE.is_built()? { MODULE.built_folder()? } else { MODULE.build(task)? };
        Ok(Self(folder))
    }
}

/// A server whose databases are there.
#[derive(Clone)]
pub struct Store {
    programs: PathBuf,
    config: PathBuf,
    /// Into how many shards its workflows are cut.
    pub shards: u32,
}

impl Store {
    /// Makes role, databases and schema, and updates them; writes the server's configuration.
    pub fn prepare(
        programs: Programs,
        shards: Option<u32>,
        place: &Place<'_>,
        task: &Task,
    ) -> anyhow::Result<Self> {
        let postgres = place.postgres.context("Temporal in a Postgres that is not ours")?;
        task.progress.begin("making Temporal's databases, or bringing them up to date");
        make_role(postgres, task)?;
        for (database, schema) in [(DATABASE, "temporal"), (VISIBILITY, "visibility")] {
            let schema = format!("postgresql/v12/{schema}");
            let run = |arguments: &[&str]| {
                let mut tool = schema_tool(&programs.0.join(SCHEMA), postgres.address, database);
                tool.args(arguments);
                let what = format!("Temporal's schema tool, {} of {database}", arguments[0]);
                runner::lines(&what, &mut tool, &task.stop, |_| {})
            };
            run(&["create"])?;
            run(&["setup-schema", "--version", "0.0"])?;
            run(&["update-schema", "--schema-name", &schema])?;
        }
        let folder = folder(place.state);
        places::make_private(&folder)?;
        let shards = shards_of(&folder)?.or(shards).unwrap_or(SHARDS);
        let config = Config {
            postgres: postgres.address,
            shards,
            frontend: place.frontend,
            ui: place.ui,
            ports: Ports::free()?,
        };
        config.write(&folder)?;
        write(&folder.join("shards"), &shards.to_string())?;
        Ok(Self { programs: programs.0, config: folder, shards })
    }

    /// Starts the server.
    pub fn server(&self) -> Command {
        let mut command = deaf(&self.programs.join(SERVER));
        command.arg("--config-file").arg(Config::server_file(&self.config));
        // On loopback, as the development server: whoever is on this machine is trusted.
        command.args(["--allow-no-auth", "start"]);
        command
    }

    /// Starts the UI.
    pub fn ui(&self) -> Command {
        let mut command = deaf(&self.programs.join(UI));
        command.args(["--root", "/", "--config"]).arg(Config::ui_folder(&self.config));
        command.args(["--env", Config::UI_ENVIRONMENT, "start"]);
        command
    }
}

/// What says that a state is in Postgres, and configures its server.
fn folder(state: &Path) -> PathBuf {
    state.join("temporal-postgres")
}

/// Whether the workflows of the state in this folder are in Postgres.
pub fn has_state(state: &Path) -> bool {
    folder(state).join("shards").exists()
}

/// An error when a state has another number of shards than is asked for.
pub fn check_shards(state: &Path, asked: Option<u32>) -> anyhow::Result<()> {
    if let (Some(has), Some(asked)) = (shards_of(&folder(state))?, asked) {
        ensure!(
            has == asked,
            "this shop's workflows are in {has} history shards, which can't be changed: leave out \
             --shards, or start anew with --fresh"
        );
    }
    Ok(())
}

fn shards_of(folder: &Path) -> anyhow::Result<Option<u32>> {
    let file = folder.join("shards");
    if !file.exists() {
        return Ok(None);
    }
    let read = || format!("read the number of shards in {}", file.display());
    let text = fs::read_to_string(&file).with_context(read)?;
    Ok(Some(text.trim().parse().with_context(read)?))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

/// Makes the role that owns Temporal's databases, if it is not there.
fn make_role(postgres: &Access, task: &Task) -> anyhow::Result<()> {
    let statement = format!(
        "do $$ begin if not exists (select from pg_roles where rolname = '{ROLE}') then \
         create role {ROLE} login createdb; end if; end $$"
    );
    postgres.execute("postgres", &statement, &task.stop)
}

fn schema_tool(tool: &Path, postgres: SocketAddr, database: &str) -> Command {
    let mut command = deaf(tool);
    command.args(["--plugin", config::PLUGIN, "--user", ROLE, "--database", database]);
    let (host, port) = (postgres.ip().to_string(), postgres.port().to_string());
    command.args(["--endpoint", &host, "--port", &port]);
    command
}

/// Makes the namespace `default`, if the server that was just started has none, and waits until
/// it is known: the server looks for new ones every two seconds.
pub fn make_namespace(cli: &Cli, frontend: SocketAddr, stop: &Stop) -> anyhow::Result<()> {
    let retention = ["--retention", RETENTION];
    let mut refused = None;
    let known = stop.wait_for(Duration::from_secs(60), || {
        let Err(error) = cli.namespace("update", frontend, &retention) else { return Ok(true) };
        // Why it can't be made matters only if it never is known: it may have been made already.
        refused = cli.namespace("create", frontend, &retention).err().or(Some(error));
        Ok(false)
    })?;
    match refused {
        Some(error) if !known => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions_in(module: &str) -> Vec<String> {
        let file = places::root().join(module).join("go.mod");
        let text = fs::read_to_string(file).unwrap();
        let pinned = ["go.temporal.io/server ", "github.com/temporalio/ui-server/v2 "];
        let lines = text.lines().map(str::trim);
        lines
            .filter(|line| pinned.iter().any(|pinned| line.starts_with(pinned)))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn both_profiles_run_the_same_server_and_ui() {
        let of_the_cli = versions_in("tools/temporal");
        assert_eq!(of_the_cli.len(), 2);
        assert_eq!(of_the_cli, versions_in(MODULE.folder));
    }
}
