//! Processes of the product: killed when the plan says so, and started again when they die, as
//! `cargo xtask up` does.

use std::{
    fs::File,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use system_tests::Program;
use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{Instant, sleep},
};

/// Between a death that nobody planned and the next start.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a process may take to find that what it stands on is not there, and give up.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(60);

/// A death that nobody planned.
#[derive(Clone, Debug)]
pub struct Death {
    /// Who, when and how.
    pub what: String,
    /// Whether it may be: it ended by itself, with an error, before it had come up.
    pub is_at_start: bool,
}

/// A process that is kept running.
pub struct Kept {
    wanted: watch::Sender<bool>,
    deaths: Arc<Mutex<Vec<Death>>>,
}

impl Kept {
    /// Starts it, and starts it again whenever it has died.
    pub fn start(program: Program) -> Self {
        let (wanted, is_wanted) = watch::channel(true);
        let deaths = Arc::default();
        tokio::spawn(keep(program, is_wanted, Arc::clone(&deaths)));
        Self { wanted, deaths }
    }

    /// SIGKILL, and no new life before [`Kept::bring_back`].
    pub fn kill(&self) {
        self.wanted.send_replace(false);
    }

    /// Starts it again.
    pub fn bring_back(&self) {
        self.wanted.send_replace(true);
    }

    /// The deaths that nobody planned.
    pub fn deaths(&self) -> Vec<Death> {
        self.deaths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep(program: Program, mut wanted: watch::Receiver<bool>, deaths: Arc<Mutex<Vec<Death>>>) {
    let note = |what: String, is_at_start: bool| {
        let death = Death { what, is_at_start };
        deaths.lock().unwrap_or_else(PoisonError::into_inner).push(death);
    };
    while is_wanted(&mut wanted).await {
        let name = program.binary.file_name().unwrap_or_default().to_string_lossy();
        let started = Instant::now();
        let mut child = match spawn(&program) {
            Ok(child) => child,
            Err(error) => {
                note(format!("{name} does not start: {error:#}"), false);
                sleep(PAUSE).await;
                continue;
            }
        };
        let ended = tokio::select! {
            status = child.wait() => Some(status),
            () = is_unwanted(&mut wanted) => None,
        };
        if let Some(status) = ended {
            let lived = started.elapsed();
            let gave_up = status.as_ref().is_ok_and(|status| status.code() == Some(1));
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            let what = format!("{name} ended by itself after {:.1} s: {how}", lived.as_secs_f64());
            note(what, gave_up && lived < GIVES_UP_WITHIN);
            sleep(PAUSE).await;
        } else {
            drop(child.kill().await);
        }
    }
}

/// Waits for it; false when nobody is left who could want it.
async fn is_wanted(wanted: &mut watch::Receiver<bool>) -> bool {
    wanted.wait_for(|wanted| *wanted).await.is_ok()
}

async fn is_unwanted(wanted: &mut watch::Receiver<bool>) {
    drop(wanted.wait_for(|wanted| !*wanted).await);
}

/// Starts a process that dies with us.
fn spawn(program: &Program) -> anyhow::Result<Child> {
    command(program)?
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {}", program.binary.display()))
}

/// Runs it to its end, which has to be a good one.
pub async fn run_to_end(program: &Program) -> anyhow::Result<()> {
    let status = command(program)?.status().await?;
    let binary = program.binary.display();
    anyhow::ensure!(status.success(), "{binary} failed ({status}): see {}", program.log.display());
    Ok(())
}

fn command(program: &Program) -> anyhow::Result<Command> {
    let open = || File::options().create(true).append(true).open(&program.log);
    let mut command = Command::new(&program.binary);
    command.args(&program.arguments).env_clear().envs(program.environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
    Ok(command)
}
