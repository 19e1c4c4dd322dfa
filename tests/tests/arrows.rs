//! Which crate may know which. `domain ← workflows ← activities ← worker` and
//! `domain ← read_model ← api → workflows`: the API never reaches what does the sagas' work, and
//! what decides knows nothing of what it is decided for.
#![allow(clippy::unwrap_used, reason = "a test says by panicking that something is not as it was")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Our crates, and which others of ours each may name in its manifest.
const MAY_NAME: [(&str, &[&str]); 17] = [
    ("domain", &[]),
    ("workflows", &["domain"]),
    ("activities", &["domain", "failpoints", "workflows"]),
    ("worker", &["activities", "domain", "failpoints", "startup", "workflows"]),
    ("read_model", &["domain"]),
    ("api", &["domain", "failpoints", "read_model", "startup", "workflows"]),
    ("holdfast", &["activities", "api", "read_model", "startup", "worker"]),
    ("sandbox", &["failpoints", "startup"]),
    ("startup", &[]),
    // Where tests have any of them wait.
    ("failpoints", &[]),
    // Holds the decisions that the product makes against every interleaving, and needs no more.
    ("model", &["domain"]),
    ("xtask", &[]),
    // Every crate's unit tests stand on it.
    ("fuzz", &[]),
    // Looks at all of it from outside.
    ("soak", &["startup", "system-tests"]),
    ("load", &["startup", "system-tests"]),
    // These two look at all of it.
    ("bench", EVERYTHING),
    ("system-tests", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "activities",
    "api",
    "domain",
    "failpoints",
    "fuzz",
    "read_model",
    "startup",
    "system-tests",
    "worker",
    "workflows",
];

/// What a crate must not reach, however many crates lie between.
const MUST_NOT_REACH: [(&str, &[&str]); 8] = [
    ("domain", &["reqwest", "sqlx", "temporalio-common", "tokio"]),
    ("model", &["reqwest", "sqlx", "temporalio-common", "tokio"]),
    ("fuzz", &["serde_json", "tokio", "uuid"]),
    ("workflows", &["sqlx", "temporalio-client", "temporalio-sdk", "temporalio-sdk-core"]),
    ("read_model", &["temporalio-client", "temporalio-common", "temporalio-sdk"]),
    ("api", &["activities", "temporalio-sdk", "temporalio-sdk-core", "worker"]),
    ("sandbox", &["domain", "sqlx", "temporalio-sdk", "workflows"]),
    ("xtask", &["axum", "reqwest", "sqlx", "temporalio-client", "temporalio-sdk", "tokio"]),
];

#[test]
fn a_crate_of_ours_names_no_other_than_it_may() {
    let crates = Crates::read();
    let ours = crates.ours();
    let listed: BTreeSet<&str> = MAY_NAME.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, listed, "every crate of the workspace has its line in MAY_NAME");
    for (name, may) in MAY_NAME {
        let named: BTreeSet<_> = crates.named_by(name).intersection(&ours).copied().collect();
        let may: BTreeSet<_> = may.iter().copied().collect();
        let too_many: Vec<_> = named.difference(&may).collect();
        assert!(too_many.is_empty(), "{name} must not know {too_many:?}");
    }
}

#[test]
fn a_crate_of_ours_reaches_nothing_that_it_must_not() {
    let crates = Crates::read();
    for (name, never) in MUST_NOT_REACH {
        for never in never {
            if let Some(way) = crates.way(name, never) {
                panic!("{name} reaches {never}: {}", way.join(" → "));
            }
        }
    }
}

/// The way is looked for and found where there is one: a graph read wrongly would allow anything.
#[test]
fn the_worker_reaches_the_database_and_the_sdk() {
    let crates = Crates::read();
    for (name, reached) in [("worker", "sqlx"), ("worker", "temporalio-sdk"), ("api", "axum")] {
        assert!(crates.way(name, reached).is_some(), "{name} reaches {reached}");
    }
}

/// The crates that this workspace is built from, and what each of them is built from.
struct Crates {
    names: BTreeMap<String, String>,
    members: Vec<String>,
    /// Normal and build dependencies, by package id; what only tests use is not in it.
    needs: BTreeMap<String, Vec<String>>,
}

impl Crates {
    fn read() -> Self {
        let metadata = metadata(&["--filter-platform", &host()]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let each = |value: &Value| value.as_array().unwrap().clone();
        let needs = |node: &Value| {
            let used = |dependency: &&Value| {
                each(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
            };
            let dependencies = each(&node["deps"]);
            dependencies.iter().filter(used).map(|needed| text(&needed["pkg"])).collect()
        };
        let packages = each(&metadata["packages"]);
        let nodes = each(&metadata["resolve"]["nodes"]);
        Self {
            names: packages.iter().map(|one| (text(&one["id"]), text(&one["name"]))).collect(),
            members: each(&metadata["workspace_members"]).iter().map(text).collect(),
            needs: nodes.iter().map(|node| (text(&node["id"]), needs(node))).collect(),
        }
    }

    fn ours(&self) -> BTreeSet<&str> {
        self.members.iter().map(|id| self.names[id].as_str()).collect()
    }

    fn id(&self, name: &str) -> &str {
        let found = self.members.iter().find(|id| self.names[*id] == name);
        found.unwrap_or_else(|| panic!("the workspace has no {name}"))
    }

    fn named_by(&self, name: &str) -> BTreeSet<&str> {
        self.needs[self.id(name)].iter().map(|id| self.names[id].as_str()).collect()
    }

    /// The shortest way from a crate of ours to the crate `to`, if there is one.
    fn way<'a>(&'a self, from: &str, to: &'a str) -> Option<Vec<&'a str>> {
        let start = self.id(from);
        let mut came_from = BTreeMap::from([(start, start)]);
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            if self.names[at] == to {
                let mut way = vec![to];
                let mut back = at;
                while back != start {
                    back = came_from[back];
                    way.insert(0, &self.names[back]);
                }
                return Some(way);
            }
            for next in self.needs.get(at).into_iter().flatten() {
                came_from.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    at
                });
            }
        }
        None
    }
}

fn metadata(arguments: &[&str]) -> Value {
    let mut cargo = cargo();
    cargo.args(["metadata", "--format-version", "1", "--offline", "--locked"]).args(arguments);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The platform that is built for: crates for others need not even be here.
fn host() -> String {
    let output = cargo().args(["--version", "--verbose"]).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo names its host").to_owned()
}

fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}
