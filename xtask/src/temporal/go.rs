//! Programs that are built with Go, once for all checkouts of this user.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, bail};

use crate::{places, runner, task::Task};

/// A Go module of ours that pins programs.
pub struct Module {
    /// Its folder, from the checkout's root.
    pub folder: &'static str,
    /// What is built from it, for the reader.
    pub what: &'static str,
    /// How long that takes, for the reader.
    pub lasts: &'static str,
    /// What else would do, when there is no Go.
    pub instead: &'static str,
    /// What its builds are kept under.
    pub kept_as: &'static str,
    /// What is built from it.
    pub programs: &'static [Program],
}

/// A program of a module.
pub struct Program {
    /// What it is called when it is built.
    pub name: &'static str,
    /// Its Go package.
    pub package: &'static str,
}

impl Module {
    /// Where the programs lie: named by what they are built from, outside the checkout.
    pub fn built_folder(&self) -> anyhow::Result<PathBuf> {
        let read = |file: &str| {
            let path = self.path().join(file);
            fs::read(&path).with_context(|| format!("read {}", path.display()))
        };
        let fingerprint = places::fingerprint(&[&read("go.mod")?, &read("go.sum")?]);
        Ok(places::cache()?.join(format!("{}-{fingerprint}", self.kept_as)))
    }

    /// Whether all of them are there.
    pub fn is_built(&self) -> anyhow::Result<bool> {
        let folder = self.built_folder()?;
        Ok(self.programs.iter().all(|program| folder.join(program.name).exists()))
    }

    /// Builds them; answers their folder.
    pub fn build(&self, task: &Task) -> anyhow::Result<PathBuf> {
        let Some(go) = places::program("go", &["/usr/local/go/bin", "/usr/lib/go/bin"]) else {
            bail!(
                "{} has to be built once, and there is no Go on PATH: install Go 1.26.4 or newer \
                 (https://go.dev/dl), or {}",
                self.what,
                self.instead
            );
        };
        task.progress.begin(&format!("building {}, once: {}", self.what, self.lasts));
        let folder = self.built_folder()?;
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let packages = self.count_packages(&go);
        let began = Instant::now();
        let mut compiled = 0;
        for program in self.programs {
            self.build_program(&go, program, &folder, task, &mut |task| {
                compiled += 1;
                let of = packages.map_or_else(String::new, |packages| format!(" of {packages}"));
                let seconds = began.elapsed().as_secs();
                let what = self.what;
                task.progress
                    .tell(&format!("building {what}: package {compiled}{of}, {seconds} s"));
            })?;
        }
        Ok(folder)
    }

    fn build_program(
        &self,
        go: &Path,
        program: &Program,
        folder: &Path,
        task: &Task,
        compiled: &mut impl FnMut(&Task),
    ) -> anyhow::Result<()> {
        let built = folder.join(program.name);
        // Two checkouts may build at once: each writes its own file, and the last rename wins.
        let unfinished = folder.join(format!("{}-{}", program.name, std::process::id()));
        let mut command = Command::new(go);
        command.current_dir(self.path());
        command.args(["build", "-v", "-trimpath", "-ldflags=-s -w", "-o"]);
        command.arg(&unfinished).arg(program.package);
        let what = format!("build {} with Go", self.what);
        let outcome = runner::lines(&what, &mut command, &task.stop, |line| {
            if !line.starts_with("go:") {
                compiled(task);
            }
        });
        if let Err(error) = outcome {
            drop(fs::remove_file(&unfinished));
            return Err(error);
        }
        fs::rename(&unfinished, &built).with_context(|| format!("write {}", built.display()))
    }

    fn count_packages(&self, go: &Path) -> Option<usize> {
        let mut list = Command::new(go);
        list.current_dir(self.path()).args(["list", "-deps"]);
        list.args(self.programs.iter().map(|program| program.package));
        let output = list.output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).lines().count())
    }

    fn path(&self) -> PathBuf {
        places::root().join(self.folder)
    }
}
