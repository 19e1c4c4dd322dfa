//! The configuration files of server and UI.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{DATABASE, ROLE, VISIBILITY, write};
use crate::{places, ports, temporal::limits};

/// The server's way to speak to Postgres: the one that prepares each statement once. The other,
/// `postgres12`, takes a round trip more for each.
pub const PLUGIN: &str = "postgres12_pgx";

/// How many connections each service keeps to workflows and histories.
const CONNECTIONS: u32 = 20;
/// And to the lists of workflows.
const VISIBILITY_CONNECTIONS: u32 = 10;

/// What the files are made of.
pub struct Config {
    pub postgres: SocketAddr,
    pub shards: u32,
    pub frontend: SocketAddr,
    pub ui: Option<SocketAddr>,
    pub ports: Ports,
}

/// The ports on which the services find one another: gRPC, membership.
pub struct Ports {
    history: [u16; 2],
    matching: [u16; 2],
    worker: [u16; 2],
    frontend_membership: u16,
}

impl Ports {
    /// Free ones.
    pub fn free() -> anyhow::Result<Self> {
        let mut ports = ports::several_free(7)?.into_iter();
        let mut next = || ports.next().context("one more free port");
        Ok(Self {
            history: [next()?, next()?],
            matching: [next()?, next()?],
            worker: [next()?, next()?],
            frontend_membership: next()?,
        })
    }
}

impl Config {
    /// What the UI's file is called, without its ending.
    pub const UI_ENVIRONMENT: &str = "shop";

    /// The server's file.
    pub fn server_file(folder: &Path) -> PathBuf {
        folder.join("server.yaml")
    }

    /// The folder of the UI's file.
    pub fn ui_folder(folder: &Path) -> PathBuf {
        folder.join("ui")
    }

    /// Writes the files.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let limits = folder.join("limits.yaml");
        write(&limits, &limits::yaml())?;
        write(&Self::server_file(folder), &self.server(&limits))?;
        if let Some(ui) = self.ui {
            let folder = Self::ui_folder(folder);
            places::make_private(&folder)?;
            write(&folder.join(format!("{}.yaml", Self::UI_ENVIRONMENT)), &self.ui(ui))?;
        }
        Ok(())
    }

    /// The server: all services in one process, no metrics, no archive.
    fn server(&self, limits: &Path) -> String {
        let Self { shards, frontend, ports, .. } = self;
        let ip = frontend.ip();
        let rpc = |[grpc, membership]: [u16; 2]| {
            format!(
                "    rpc: {{ grpcPort: {grpc}, membershipPort: {membership}, bindOnIP: 127.0.0.1 }}"
            )
        };
        format!(
            "log: {{ stdout: true, level: warn }}
persistence:
  defaultStore: default
  visibilityStore: visibility
  numHistoryShards: {shards}
  datastores:
    default:
{default}
    visibility:
{visibility}
global:
  membership: {{ maxJoinDuration: 30s, broadcastAddress: 127.0.0.1 }}
services:
  frontend:
    rpc: {{ grpcPort: {port}, membershipPort: {membership}, bindOnIP: \"{ip}\" }}
  history:
{history}
  matching:
{matching}
  worker:
{worker}
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation:
    active:
      enabled: true
      initialFailoverVersion: 1
      rpcName: frontend
      rpcAddress: \"{frontend}\"
dynamicConfigClient: {{ filepath: '{limits}', pollInterval: 1m }}
",
            limits = limits.to_string_lossy().replace('\'', "''"),
            default = self.store(DATABASE, CONNECTIONS),
            visibility = self.store(VISIBILITY, VISIBILITY_CONNECTIONS),
            port = frontend.port(),
            membership = ports.frontend_membership,
            history = rpc(ports.history),
            matching = rpc(ports.matching),
            worker = rpc(ports.worker),
        )
    }

    /// A database of the server's.
    fn store(&self, database: &str, connections: u32) -> String {
        format!(
            "      sql:
        pluginName: {PLUGIN}
        databaseName: {database}
        connectAddr: \"{address}\"
        connectProtocol: tcp
        user: {ROLE}
        maxConns: {connections}
        maxIdleConns: {connections}
        maxConnLifetime: 1h",
            address = self.postgres,
        )
    }

    fn ui(&self, ui: SocketAddr) -> String {
        format!(
            "temporalGrpcAddress: \"{frontend}\"
host: \"{host}\"
port: {port}
enableUi: true
defaultNamespace: default
disableNewsFetch: true
hideLogs: true
# Served without TLS, on this machine only.
cors: {{ cookieInsecure: true, allowOrigins: [\"http://{ui}\"] }}
",
            frontend = self.frontend,
            host = ui.ip(),
            port = ui.port(),
        )
    }
}
