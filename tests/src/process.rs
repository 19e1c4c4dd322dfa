//! A process of the product: started, killed, started again at the same addresses.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How long a process may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(60);

/// How a process is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// The binary.
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its settings: all of its environment, so that nobody's own leaks into a test.
    pub environment: Vec<(String, String)>,
    /// Where what it says goes.
    pub log: PathBuf,
}

/// A process that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    /// What it printed when it was ready: `listening name=address …`.
    pub listening: String,
}

impl Process {
    /// Starts `program` and waits until it says that it listens.
    ///
    /// # Panics
    /// When it does not; the end of its log says why.
    #[must_use]
    pub fn start(program: &Program) -> Self {
        let log = File::options().create(true).append(true).open(&program.log).unwrap();
        let mut command = Command::new(&program.binary);
        command.args(&program.arguments).env_clear().envs(program.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.try_clone().unwrap());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", program.binary.display()));
        let printed = lines_of(&mut child, log);
        let deadline = Instant::now() + LISTENS_WITHIN;
        let mut process = Self { child, log: program.log.clone(), listening: String::new() };
        while process.listening.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            match printed.recv_timeout(left) {
                Ok(line) if line.starts_with("listening") => process.listening = line,
                Ok(_) => {}
                Err(silence) => panic!(
                    "{} does not listen ({silence}):\n{}",
                    program.binary.display(),
                    process.end_of_log()
                ),
            }
        }
        process
    }

    /// The address that it gave this name.
    ///
    /// # Panics
    /// When it named none.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        let prefix = format!("{name}=");
        let mut words = self.listening.split_whitespace();
        let found = words.find_map(|word| word.strip_prefix(&prefix));
        found.unwrap_or_else(|| panic!("no {name} in '{}'", self.listening)).to_owned()
    }

    /// Its id, as proc(5) has it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to end, SIGTERM, and waits until it has; answers how long that took.
    ///
    /// # Panics
    /// When it does not within `limit`, or ends as if something had gone wrong.
    #[must_use]
    pub fn stop(mut self, limit: Duration) -> Duration {
        let id = i32::try_from(self.child.id()).expect("Linux has no larger ids");
        let asked = Instant::now();
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("it runs");
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours to wait for") {
                break status;
            }
            let end = self.end_of_log();
            assert!(asked.elapsed() < limit, "it does not end within {limit:?}:\n{end}");
            thread::sleep(Duration::from_millis(20));
        };
        let took = asked.elapsed();
        assert!(status.success(), "it ended with {status}:\n{}", self.end_of_log());
        took
    }

    fn end(&mut self) {
        // One that has ended by itself is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    fn end_of_log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs `program` to its end, which has to be a good one; answers what it printed.
///
/// # Panics
/// When it is not.
pub fn run_to_end(program: &Program) -> String {
    let output = Command::new(&program.binary)
        .args(&program.arguments)
        .env_clear()
        .envs(program.environment.iter().cloned())
        .output()
        .unwrap_or_else(|error| panic!("start {}: {error}", program.binary.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed: {said}", program.binary.display());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn lines_of(child: &mut Child, mut log: File) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                drop(writeln!(log, "{line}"));
                drop(sender.send(line));
            }
        });
    }
    lines
}
