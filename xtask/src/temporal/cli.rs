//! Temporal's CLI: the development server is a part of it, and every server is asked with it.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::go::{Module, Program};
use crate::{places, ports, task::Task};

/// The CLI that we build, and the oldest on PATH that will do.
const VERSION: [u32; 3] = [1, 8, 2];

const MODULE: Module = Module {
    folder: "tools/temporal",
    what: "the Temporal server",
    lasts: "about four minutes on two cores",
    instead: "put `temporal` 1.8.2 or newer on PATH, or set TEMPORAL_ADDRESS",
    kept_as: "temporal",
    programs: &[Program { name: NAME, package: "github.com/temporalio/cli/cmd/temporal" }],
};
const NAME: &str = "temporal";

/// The CLI, wherever it was found.
#[derive(Clone)]
pub struct Cli(PathBuf);

impl Cli {
    /// Finds it: built before, new enough on PATH, or built now.
    pub fn find(task: &Task) -> anyhow::Result<Self> {
        if MODULE.is_built()? {
            return Ok(Self(MODULE.built_folder()?.join(NAME)));
        }
        if let Some(on_path) = places::program(NAME, &[]).filter(|cli| is_new_enough(cli)) {
            return Ok(Self(on_path));
        }
        Ok(Self(MODULE.build(task)?.join(NAME)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The CLI, deaf to the settings of a user's own Temporal.
    pub fn command(&self) -> Command {
        deaf(&self.0)
    }

    /// Whether the frontend there is up.
    pub fn finds_healthy(&self, frontend: SocketAddr) -> bool {
        ports::answers(frontend)
            && self
                .command()
                .args(["operator", "cluster", "health", "--address", &frontend.to_string()])
                .args(["--command-timeout", "2s"])
                .output()
                .is_ok_and(|output| output.status.success())
    }

    /// Does something with the namespace `default`: `create`, `update`.
    pub fn namespace(
        &self,
        verb: &str,
        frontend: SocketAddr,
        options: &[&str],
    ) -> anyhow::Result<()> {
        let output = self
            .command()
            .args(["operator", "namespace", verb, "--namespace", "default"])
            .args(["--address", &frontend.to_string(), "--command-timeout", "10s"])
            .args(options)
            .output()
            .context("run the Temporal CLI")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(
            output.status.success(),
            "{verb} Temporal's namespace 'default': {}",
            errors.trim()
        );
        Ok(())
    }
}

/// A program of Temporal's that hears none of the settings that a user has for another one.
pub fn deaf(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("TEMPORAL_") || name.starts_with("SQL_"))
        {
            command.env_remove(name);
        }
    }
    command
}

fn is_new_enough(cli: &Path) -> bool {
    let Ok(output) = Command::new(cli).arg("--version").output() else { return false };
    version(&String::from_utf8_lossy(&output.stdout)).is_some_and(|version| version >= VERSION)
}

/// `temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)` → 1.8.2.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers =
        text.strip_prefix("temporal version ")?.split([' ', '.', '-']).map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(version("temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)"), Some([1, 8, 2]));
        assert!(version("temporal version 1.10.0 (Server 1.32.0)").unwrap() > VERSION);
        assert!(version("temporal version 1.7.9").unwrap() < VERSION);
        assert_eq!(version("Temporal CLI 0.0.0-DEV"), None);
    }
}
