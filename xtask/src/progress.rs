//! What is being done: a bar on a terminal, plain lines elsewhere.

use std::{
    cell::Cell,
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a plain log hears of a step that takes long.
const PLAIN_EVERY: Duration = Duration::from_secs(20);

/// One step of several, as the reader sees it.
pub struct Progress {
    bar: Option<ProgressBar>,
    said: Cell<Instant>,
}

impl Progress {
    /// A bar of `steps`, or lines.
    pub fn of(steps: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{spinner} [{bar:24}] {pos}/{len} {wide_msg} {elapsed}",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
            let bar = ProgressBar::new(steps).with_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, said: Cell::new(Instant::now()) }
    }

    /// Begins a step.
    pub fn begin(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => eprintln!("  … {what}"),
        }
        self.said.set(Instant::now());
    }

    /// Ends it, with what came of it.
    pub fn done(&self, what: &str) {
        match &self.bar {
            Some(bar) => {
                bar.println(format!("  ✓ {what}"));
                bar.inc(1);
            }
            None => eprintln!("  ✓ {what}"),
        }
    }

    /// A line of what a step prints.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => println!("{text}"),
        }
    }

    /// Says how far a long step is.
    pub fn tell(&self, how_far: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(how_far.to_owned()),
            None if self.said.get().elapsed() >= PLAIN_EVERY => {
                eprintln!("  … {how_far}");
                self.said.set(Instant::now());
            }
            None => {}
        }
    }

    /// Gives the terminal to somebody who draws on it: cargo.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
