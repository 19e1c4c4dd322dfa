//! `cargo xtask up`: the whole shop on this machine.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail};

use crate::{
    children::{Record, Running},
    cluster::{self, Access, Binaries},
    places, ports, runner,
    service::{Restart, Service},
    settings::{READY_WITHIN, Settings},
    stop::{Stop, Stopped},
    task::Task,
    temporal::{self, Choice, NewAttributes},
};

/// What `up` can be asked for.
#[derive(clap::Args)]
pub struct Options {
    /// Empties the state first: orders, stock, workflows, payments.
    #[arg(long)]
    fresh: bool,
    /// Builds optimised.
    #[arg(long)]
    release: bool,
    /// Runs API and worker as two processes instead of one.
    #[arg(long)]
    split: bool,
    #[command(flatten)]
    temporal: Choice,
}

/// Everything that was started, in this order.
struct Shop {
    services: Vec<Service>,
    record: Record,
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Last started, first stopped: nothing loses what it stands on.
        while let Some(mut service) = self.services.pop() {
            service.running.stop();
        }
        self.record.remove();
    }
}

/// Runs the shop until it is told to stop.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let task = Task::of(if options.split { 7 } else { 6 })?;
    let started = start(options, &task);
    task.progress.finish();
    let (mut shop, settings) = match started {
        // Being stopped half-way is no failure: everything that was started has been stopped.
        Err(error) if error.is::<Stopped>() => return Ok(()),
        started => started?,
    };
    announce(&settings);
    shop.look_after(&task.stop)?;
    eprintln!("stopping");
    drop(shop);
    eprintln!(
        "stopped; the state is in {} and goes on with the next `cargo xtask up`",
        places::state().display()
    );
    Ok(())
}

fn start(options: &Options, task: &Task) -> anyhow::Result<(Shop, Settings)> {
    let state = places::state();
    places::make_private(&state)?;
    let record = Record::at(state.join("running"));
    let left = record.end_leftovers()?;
    if !left.is_empty() {
        task.progress.done(&format!("ended what an earlier run left behind: {}", left.join(", ")));
    }
    let mut settings = Settings::read()?;
    options.temporal.check_against(&settings)?;
    let binaries = match settings.database_url {
        Some(_) => None,
        None => Some(cluster::binaries(task)?),
    };
    if options.fresh {
        empty(binaries.as_ref(), &settings, task)?;
        // The token went with the rest.
        settings = Settings::read()?;
    }
    let temporal = match settings.own_temporal {
        None => None,
        Some(own) => {
            options.temporal.check_state(&state)?;
            Some((temporal::Programs::of(options.temporal.profile, task)?, own))
        }
    };
    build(options.release, task)?;

    let logs = state.join("logs");
    places::make_private(&logs)?;
    let mut shop = Shop { services: Vec::new(), record };
    let postgres =
        binaries.map(|binaries| shop.start_postgres(binaries, &logs, task)).transpose()?;
    let database_url = if let Some(postgres) = &postgres {
        postgres.url("holdfast")
    } else {
        task.progress.done("Postgres: the server at DATABASE_URL");
        settings.database_url.clone().context("DATABASE_URL is not set")?
    };
    match temporal {
        None => task.progress.done("Temporal: the server at TEMPORAL_ADDRESS"),
        Some((programs, own)) => {
            let place = temporal::Place {
                frontend: own.frontend,
                ui: Some(own.ui),
                state: &state,
                logs: &logs,
                postgres: postgres.as_ref(),
                new_attributes: NewAttributes::KnownSoon,
            };
            shop.start_temporal(programs, options.temporal, &place, task)?;
        }
    }
    let program = Program { settings: &settings, database_url, release: options.release };
    program.set_up(task)?;
    let log = |name: &str| logs.join(format!("{name}.log"));
    let sandbox = program.command("sandbox", &[]);
    shop.serve("sandbox", sandbox, &log("sandbox"), (settings.sandbox, "/"), task)?;
    if options.split {
        shop.add("worker", program.command("worker", &["run"]), &log("worker"))?;
        task.progress.done("worker");
    }
    let name = if options.split { "api" } else { "holdfast" };
    let serving = program.command(name, &[]);
    shop.serve(name, serving, &log(name), (settings.shop, "/readyz"), task)?;
    Ok((shop, settings))
}

/// Our binaries, with the settings that they get.
struct Program<'a> {
    settings: &'a Settings,
    database_url: String,
    release: bool,
}

impl Program<'_> {
    /// Makes the command anew whenever it is started.
    fn command(&self, name: &str, arguments: &'static [&str]) -> impl Fn() -> Command + 'static {
        let environment = self.settings.environment(&self.database_url);
        let binary = places::binaries(self.release).join(name);
        move || {
            let mut command = Command::new(&binary);
            command.current_dir(places::root()).args(arguments);
            for (name, value) in &environment {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
            command
        }
    }

    /// Migrates, registers, seeds.
    fn set_up(&self, task: &Task) -> anyhow::Result<()> {
        task.progress
            .begin("migrating the database, registering search attributes, seeding the catalogue");
        let mut command = self.command("worker", &["setup", "--demo-catalogue"])();
        let mut said = None;
        runner::lines("worker setup", &mut command, &task.stop, |line| {
            if let Some(error) = line.strip_prefix("error: ") {
                said = Some(error.to_owned());
            }
        })
        .map_err(|error| match said {
            Some(said) => anyhow::anyhow!(said),
            None => error,
        })?;
        task.progress.done("database migrated, search attributes registered, catalogue seeded");
        Ok(())
    }
}

impl Shop {
    fn start_postgres(
        &mut self,
        binaries: Binaries,
        logs: &Path,
        task: &Task,
    ) -> anyhow::Result<Access> {
        task.progress.begin("starting Postgres");
        let data = binaries.folder(&places::state(), "postgres");
        binaries.init(&data)?;
        let log = logs.join("postgres.log");
        let cluster = binaries.start(&data, &log, &[], &task.stop)?;
        let access = cluster.access;
        task.progress.done(&format!(
            "Postgres {}: {} (data in {})",
            binaries.version,
            access.url("holdfast"),
            data.display()
        ));
        let restart: Restart = {
            let (log, address) = (log.clone(), access.address);
            Box::new(move || binaries.server(&data, address, &log, &[]))
        };
        self.keep(cluster.server, restart, log)?;
        Ok(access)
    }

    fn start_temporal(
        &mut self,
        programs: temporal::Programs,
        choice: Choice,
        place: &temporal::Place<'_>,
        task: &Task,
    ) -> anyhow::Result<()> {
        let server = temporal::Server::prepare(programs, choice, place, task)?;
        task.progress.begin("starting the Temporal server");
        let running = server.start(&task.stop)?;
        let restart = server.clone();
        self.keep(running, Box::new(move || restart.process()), server.log())?;
        server.keep_for_a_month()?;
        if let Some(ui) = server.ui() {
            self.keep((ui.start)()?, ui.start, ui.log)?;
        }
        let ui = place.ui.map_or_else(String::new, |ui| format!(", UI http://{ui}"));
        let kept_in = server.kept_in();
        task.progress.done(&format!("Temporal: {}{ui} (kept in {kept_in})", place.frontend));
        Ok(())
    }

    /// Starts a process of ours and waits until it answers `path` at `address`.
    fn serve(
        &mut self,
        name: &'static str,
        command: impl Fn() -> Command + 'static,
        log: &Path,
        (address, path): (SocketAddr, &str),
        task: &Task,
    ) -> anyhow::Result<()> {
        task.progress.begin(&format!("starting {name}"));
        self.add(name, command, log)?;
        let ready = task.stop.wait_for(READY_WITHIN, || {
            let service = self.services.last_mut().context("a service that was just added")?;
            if let Some(status) = service.running.ended()? {
                bail!("{name} ended at once ({status}): {}", last_line(log));
            }
            Ok(ports::get_status(address, path) == Some(200))
        })?;
        anyhow::ensure!(ready, "{name} is not ready after a minute: {}", last_line(log));
        task.progress.done(&format!("{name}: http://{address}"));
        Ok(())
    }

    fn add(
        &mut self,
        name: &'static str,
        command: impl Fn() -> Command + 'static,
        log: &Path,
    ) -> anyhow::Result<()> {
        let restart: Restart = {
            let log = log.to_path_buf();
            Box::new(move || Running::start(name, command(), &log))
        };
        self.keep(restart()?, restart, log.to_path_buf())
    }

    fn keep(&mut self, running: Running, restart: Restart, log: PathBuf) -> anyhow::Result<()> {
        self.services.push(Service::new(running, restart, log));
        self.record.write(self.services.iter().map(|service| &service.running))
    }

    /// Starts again what dies, until it is time to stop.
    fn look_after(&mut self, stop: &Stop) -> anyhow::Result<()> {
        let mut pause = Duration::ZERO;
        while !stop.asked() {
            // Either answer means: look again.
            drop(stop.wait_for(Duration::from_millis(200).max(pause), || Ok(false)));
            pause = Duration::ZERO;
            let mut restarted = false;
            for service in &mut self.services {
                let Some(status) = service.running.ended()? else { continue };
                if stop.asked() {
                    return Ok(());
                }
                pause = pause.max(service.bring_back(status)?);
                restarted = true;
            }
            if restarted {
                self.record.write(self.services.iter().map(|service| &service.running))?;
            }
        }
        Ok(())
    }
}

fn build(release: bool, task: &Task) -> anyhow::Result<()> {
    task.progress.begin("building (the first time takes some minutes)");
    let mut cargo = places::cargo();
    cargo.args(["build", "--workspace", "--bins"]);
    // What measures the shop, or shakes it, is no part of it.
    cargo.args(["--exclude", "xtask", "--exclude", "bench", "--exclude", "soak"]);
    if release {
        cargo.arg("--release");
    }
    task.progress.suspend(|| runner::run("cargo build", &mut cargo, &task.stop))?;
    task.progress.done("built");
    Ok(())
}

/// Empties the state that is ours.
fn empty(binaries: Option<&Binaries>, settings: &Settings, task: &Task) -> anyhow::Result<()> {
    let state = places::state();
    match binaries {
        Some(binaries) => {
            let data = binaries.folder(&state, "postgres");
            remove(&data)?;
        }
        None => task
            .progress
            .done("--fresh leaves the database at DATABASE_URL as it is: it is not ours to empty"),
    }
    if settings.own_temporal.is_none() {
        task.progress.done("--fresh leaves the Temporal server at TEMPORAL_ADDRESS as it is: it is not ours to empty");
    }
    for entry in fs::read_dir(&state).with_context(|| format!("read {}", state.display()))? {
        let path = entry.with_context(|| format!("read {}", state.display()))?.path();
        // Tests that are under way, and the tools that they installed, are not the shop's.
        let not_the_shops = ["test", "schemathesis"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !not_the_shops {
            remove(&path)?;
        } else if path.is_file() {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    task.progress.done("emptied the state");
    Ok(())
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("empty {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let line =
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it has said nothing");
    format!("{line} (its log is {})", log.display())
}

fn announce(settings: &Settings) {
    println!("shop                http://{}", settings.shop);
    println!("API docs            http://{}/docs", settings.shop);
    match settings.own_temporal {
        Some(own) => println!("Temporal UI         http://{}", own.ui),
        None => println!("Temporal UI         the one of the server at TEMPORAL_ADDRESS"),
    }
    println!("sandbox console     http://{}", settings.sandbox);
    println!("operator dashboard  http://{}  token {}", settings.operator, settings.operator_token);
    println!("logs                {}", places::state().join("logs").display());
    println!("ready");
}
