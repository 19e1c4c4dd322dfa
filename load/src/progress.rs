//! How it goes, on stderr: a bar on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    numbers::{grouped, short_ms},
    recorder::Group,
    watch::Second,
};

/// How often a plain log hears of it.
const PLAIN_EVERY_S: u32 = 10;

/// What the reader sees. Copies show the same.
#[derive(Clone)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// For something that takes about so long.
    pub fn of(lasts: Duration) -> Self {
        Self(stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len} s {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
            ProgressBar::new(lasts.as_secs()).with_style(style)
        }))
    }

    /// A step that begins.
    pub fn says(&self, what: &str) {
        match &self.0 {
            Some(bar) => bar.println(format!("  … {what}")),
            None => eprintln!("  … {what}"),
        }
    }

    /// A second that has passed, and all trouble so far.
    pub fn second(&self, second: &Second, [come_back, lost, wrong]: [u64; 3]) {
        let [reads, checks, checkouts, decided, _] = Group::ALL.map(|group| group as usize);
        let group = |place: usize| second.groups[place];
        let rate = group(reads).answered + group(checks).answered + group(checkouts).answered;
        let text = format!(
            "{} answers/s, p99 of reads {} ms, of holds {} ms; {} units held; {} told to come \
             back, {} without an answer, {} wrong",
            grouped(rate),
            short_ms(group(reads).p99_ms),
            short_ms(group(decided).p99_ms),
            second.held,
            grouped(come_back),
            grouped(lost),
            grouped(wrong),
        );
        match &self.0 {
            Some(bar) => {
                bar.set_position(second.at_s.into());
                bar.set_message(text);
            }
            None if second.at_s.is_multiple_of(PLAIN_EVERY_S) => {
                eprintln!("  … {} s: {text}", second.at_s);
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
