//! The alert rules, held to their tests by Prometheus's own tool.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use nix::unistd::Uid;

use crate::{places, runner, task::Task};

/// Where the rules are.
const RULES: &str = "deploy/prometheus";

/// Checks the rules, and makes each of them fire.
pub fn check(task: &Task) -> anyhow::Result<()> {
    task.progress.begin("making every alert fire");
    let promtool = promtool(task)?;
    for (what, file) in [("check", "alerts.yml"), ("test", "alerts_test.yml")] {
        let mut command = Command::new(&promtool);
        command.current_dir(places::root().join(RULES)).args([what, "rules", file]);
        runner::lines(&format!("promtool {what} rules"), &mut command, &task.stop, |_| {})?;
    }
    task.progress.done("every alert fires when it has to, and none when all is well");
    Ok(())
}

/// On PATH, or taken out of Debian's package: installing that one would start a server.
fn promtool(task: &Task) -> anyhow::Result<PathBuf> {
    if let Some(found) = places::program("promtool", &[]) {
        return Ok(found);
    }
    let cached = places::cache()?.join("prometheus");
    let promtool = cached.join("usr/bin/promtool");
    if !promtool.is_file() {
        unpack_package(&cached, task).context(
            "the alerts are tested with promtool: put it on PATH (it comes with Prometheus)",
        )?;
    }
    Ok(promtool)
}

fn unpack_package(folder: &Path, task: &Task) -> anyhow::Result<()> {
    let apt = places::program("apt-get", &[]).context("there is no apt-get on PATH")?;
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let tell = |line: &str| task.progress.tell(line);
    if Uid::effective().is_root() {
        // A fresh machine knows of no packages.
        let mut update = Command::new(&apt);
        runner::lines("apt-get update", update.arg("update"), &task.stop, tell)?;
    }
    let mut download = Command::new(apt);
    download.current_dir(folder).args(["download", "prometheus"]);
    runner::lines("apt-get download prometheus", &mut download, &task.stop, tell)?;
    let package = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get has brought no package")?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(&package).arg(folder);
    runner::lines("dpkg-deb --extract", &mut unpack, &task.stop, tell)
}
