//! The CLI's development server, kept in a file: one process, one writer, nothing to set up.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::{NewAttributes, cli::Cli, limits::DYNAMIC_CONFIG};

/// The file that everything is kept in.
pub fn file(state: &Path) -> PathBuf {
    state.join("temporal.db")
}

/// The development server reads search attributes from its file whenever it needs them, so that new
/// ones are known at once. Each eager start of a workflow then waits for its turn at the file, in which
/// the start is being written to the lists of workflows.
const READS_SEARCH_ATTRIBUTES: &str = "system.forceSearchAttributesCacheRefreshOnRead";

/// Starts server and UI.
pub fn command(
    cli: &Cli,
    file: &Path,
    (frontend, ui): (SocketAddr, Option<SocketAddr>),
    new_attributes: NewAttributes,
) -> Command {
    let mut command = cli.command();
    command.args(["server", "start-dev", "--log-level", "warn"]);
    command.args(["--ip", &frontend.ip().to_string(), "--port", &frontend.port().to_string()]);
    match ui {
        Some(ui) => {
            command.args(["--ui-ip", &ui.ip().to_string(), "--ui-port", &ui.port().to_string()]);
        }
        None => {
            command.arg("--headless");
        }
    }
    command.arg("--db-filename").arg(file);
    // `full`: what Temporal has acknowledged survives a power cut, as in Postgres and the
    // provider. It must not forget what they remember.
    for pragma in ["journal_mode=wal", "synchronous=full"] {
        command.args(["--sqlite-pragma", pragma]);
    }
    // What goes into searches; `worker setup` registers the same on servers that are not ours.
    for attribute in ["CheckoutState=Keyword", "OrderTotal=Int", "HoldExpiresAt=Datetime"] {
        command.args(["--search-attribute", attribute]);
    }
    for (key, value) in DYNAMIC_CONFIG {
        command.args(["--dynamic-config-value", &format!("{key}={value}")]);
    }
    let at_once = new_attributes == NewAttributes::KnownAtOnce;
    command.args(["--dynamic-config-value", &format!("{READS_SEARCH_ATTRIBUTES}={at_once}")]);
    command
}
