//! `.sqlx`: what the queries' compile-time check knows of the database, made from the migrations.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    path::Path,
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, ensure};

use crate::{places, runner, servers::Servers, task::Task};

/// The crates whose queries are checked.
const CRATES: [&str; 2] = ["activities", "read_model"];

/// `cargo xtask prepare`
pub fn run() -> anyhow::Result<()> {
    let task = Task::of(3)?;
    let servers = Servers::postgres(&task)?;
    let made = describe(&servers, &task)?;
    let kept = places::root().join(".sqlx");
    for file in contents(&kept)?.keys() {
        fs::remove_file(kept.join(file)).with_context(|| format!("remove {file}"))?;
    }
    for (file, text) in &made {
        fs::write(kept.join(file), format!("{text}\n")).with_context(|| format!("write {file}"))?;
    }
    task.progress.finish();
    println!("{} queries are described in .sqlx", made.len());
    Ok(())
}

/// Fails when `.sqlx` is not what the migrations and the queries make of it.
pub fn verify(servers: &Servers, task: &Task) -> anyhow::Result<()> {
    task.progress.begin("checking every query against a migrated database");
    let made = describe(servers, task)?;
    let kept = contents(&places::root().join(".sqlx"))?;
    let differ: Vec<_> = made
        .keys()
        .chain(kept.keys())
        .filter(|file| made.get(*file) != kept.get(*file))
        .map(String::as_str)
        .collect();
    ensure!(
        differ.is_empty(),
        ".sqlx is not what the queries and migrations make of it ({} files differ): run \
         `cargo xtask prepare` and commit the result",
        differ.len()
    );
    task.progress.done("every query fits the migrated database");
    Ok(())
}

/// Has the compiler ask a migrated database about every query; answers the descriptions by file.
fn describe(servers: &Servers, task: &Task) -> anyhow::Result<BTreeMap<String, String>> {
    let url = servers.database_url("queries");
    migrate(servers, &url, task)?;

    let folder = servers.folder().join("queries");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut check = places::cargo();
    check.args(["check", "--quiet"]);
    let mut touched = Vec::new();
    for name in CRATES {
        // The compiler looks at a query only when it compiles its crate.
        touched.push(Touched::now(&places::root().join(name).join("src/lib.rs"))?);
        check.args(["--package", name]);
    }
    check.env("SQLX_OFFLINE", "false").env("DATABASE_URL", &url).env("SQLX_OFFLINE_DIR", &folder);
    runner::lines("check the queries", &mut check, &task.stop, |_| {})?;
    drop(touched);
    contents(&folder)
}

/// Makes the database by the migrations alone: the worker, which does it elsewhere, can't be built
/// while its queries are not described.
fn migrate(servers: &Servers, url: &str, task: &Task) -> anyhow::Result<()> {
    let psql = places::program("psql", &[]).context("psql is not on PATH: install it")?;
    let run = |what: &str, url: &str, arguments: [&OsStr; 2]| {
        let mut command = Command::new(&psql);
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
        runner::lines(what, command.arg(url).args(arguments), &task.stop, |_| {})
    };
    let make = ["--command".as_ref(), "create database queries".as_ref()];
    run("make a database", &servers.database_url("postgres"), make)?;
    let folder = places::root().join("migrations");
    let mut migrations: Vec<_> = fs::read_dir(&folder)
        .with_context(|| format!("read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    migrations.sort();
    for migration in migrations {
        let what = format!("apply {}", migration.display());
        run(&what, url, ["--file".as_ref(), migration.as_ref()])?;
    }
    Ok(())
}

/// A source file that looks changed for as long as this lives. After that it has the age that it
/// had, so that whatever was built of it before is not built again.
struct Touched {
    file: File,
    modified: SystemTime,
}

impl Touched {
    fn now(path: &Path) -> anyhow::Result<Self> {
        let touch = || -> std::io::Result<Self> {
            let file = File::options().append(true).open(path)?;
            let modified = file.metadata()?.modified()?;
            file.set_modified(SystemTime::now())?;
            Ok(Self { file, modified })
        };
        touch().with_context(|| format!("touch {}", path.display()))
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        // At worst something is built once more.
        drop(self.file.set_modified(self.modified));
    }
}

/// The query descriptions in a folder, by file name, without a line end at their end.
fn contents(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let read = || format!("read {}", folder.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(read)? {
        let path = entry.with_context(read)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with("query-") {
            let text = fs::read_to_string(&path).with_context(read)?;
            files.insert(name.to_owned(), text.trim_end().to_owned());
        }
    }
    Ok(files)
}
