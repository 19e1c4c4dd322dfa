//! What came of a load, as it is written down.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    machine::{Taken, Watched},
    numbers::ms_of,
    plots,
    quiet::Afterwards,
    recorder::{Kind, Recorder},
    rush::Rush,
    text,
    watch::Second,
};

/// Points of a curve of percentiles for each halving of what is left.
const POINTS_A_HALVING: u32 = 4;

/// What was run.
#[derive(Clone, Debug, Serialize)]
pub struct Conditions {
    /// How to have it again.
    pub command: String,
    pub seed: u64,
    pub shoppers: u32,
    pub minutes: f64,
    pub hold_ttl_s: f64,
    pub cores: usize,
    pub optimised: bool,
    /// Connections that shoppers may share, and that were opened, streams included.
    pub connections: usize,
    pub connections_opened: usize,
}

/// The whole of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub conditions: Conditions,
    /// How long the load lasted, from the first shopper to the last who left the till.
    pub lasted_s: f64,
    pub requests: u64,
    pub kinds: Vec<OfKind>,
    /// By how much requests were sent later than they were meant to be.
    pub late: Spread,
    /// How long it took until somebody was told to come back.
    pub shed: Spread,
    /// Orders, as shoppers know them.
    pub told: ToldOf,
    /// Orders by the state that they ended in, as operators see them; `nowhere` are those that the
    /// shop does not know.
    pub ended: BTreeMap<String, u64>,
    pub drop: Option<Rush>,
    pub afterwards: Option<Afterwards>,
    /// What a virtual shopper takes of our memory, in bytes.
    pub shopper_bytes: u64,
    pub processes: Vec<OfProcess>,
    /// What is not as it has to be: such a load has failed.
    pub violations: Vec<String>,
    /// Wrong answers, some of them.
    pub wrong_answers: Vec<String>,
    pub seconds: Vec<Second>,
}

/// How a kind of request fared.
#[derive(Clone, Debug, Serialize)]
pub struct OfKind {
    pub name: &'static str,
    pub is_request: bool,
    pub answered: u64,
    pub come_back: u64,
    pub wrong: u64,
    pub lost: u64,
    /// Of those that were answered or lost, from the time that was meant.
    pub latency: Spread,
    /// The percentile from 0 to 1, and the milliseconds that so many stay below.
    pub percentiles: Vec<(f64, f64)>,
}

/// A distribution, in milliseconds.
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

/// How many orders shoppers were told what of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToldOf {
    pub wanted: u64,
    pub acknowledged: u64,
    pub refused: u64,
    pub paid: u64,
}

/// What a process took while the load went on.
#[derive(Clone, Debug, Serialize)]
pub struct OfProcess {
    pub name: &'static str,
    pub memory_at_first_mib: f64,
    pub memory_at_most_mib: f64,
    pub memory_at_last_mib: f64,
    pub cpu_s: f64,
}

impl Spread {
    pub fn of(latencies: &Histogram<u64>) -> Self {
        let at = |quantile| ms_of(Duration::from_micros(latencies.value_at_quantile(quantile)));
        Self {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms_of(Duration::from_micros(latencies.max())),
        }
    }
}

impl OfKind {
    /// All kinds of which there was any.
    pub fn all(recorder: &Recorder) -> Vec<Self> {
        let of = |kind: Kind| {
            let tally = recorder.tally(kind);
            Self {
                name: kind.name(),
                is_request: kind.is_request(),
                answered: tally.answered,
                come_back: tally.come_back,
                wrong: tally.wrong,
                lost: tally.lost,
                latency: Spread::of(&tally.latency),
                percentiles: percentiles(&tally.latency),
            }
        };
        let happened = |of: &Self| of.answered + of.come_back + of.wrong + of.lost > 0;
        Kind::ALL.map(of).into_iter().filter(happened).collect()
    }
}

fn percentiles(latencies: &Histogram<u64>) -> Vec<(f64, f64)> {
    let points = latencies.iter_quantiles(POINTS_A_HALVING);
    let point = |at: hdrhistogram::iterators::IterationValue<u64>| {
        let ms = ms_of(Duration::from_micros(at.value_iterated_to()));
        (at.quantile_iterated_to(), ms)
    };
    points.map(point).collect()
}

impl OfProcess {
    /// What each process took, from these seconds on.
    pub fn all(processes: &[Watched], seconds: &[Second]) -> Vec<Self> {
        let of = |(place, process): (usize, &Watched)| {
            let taken = || seconds.iter().filter_map(move |second| second.taken.get(place));
            let (first, last) = (taken().next()?, taken().next_back()?);
            let most = taken().map(|taken: &Taken| taken.memory_mib).fold(0.0, f64::max);
            Some(Self {
                name: process.name,
                memory_at_first_mib: first.memory_mib,
                memory_at_most_mib: most,
                memory_at_last_mib: last.memory_mib,
                cpu_s: last.cpu_s - first.cpu_s,
            })
        };
        processes.iter().enumerate().filter_map(of).collect()
    }
}

impl Report {
    /// The whole of it for people.
    pub fn text(&self) -> String {
        text::of(self)
    }

    /// Writes text, JSON and plots into this folder.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let json = serde_json::to_string_pretty(self).context("write the report as JSON")?;
        let files =
            [("report.txt".to_owned(), self.text()), ("report.json".to_owned(), json + "\n")];
        for (name, content) in files.into_iter().chain(plots::all(self)) {
            let file = folder.join(name);
            std::fs::write(&file, content).with_context(|| format!("write {}", file.display()))?;
        }
        Ok(())
    }

    /// An error when something was not as it has to be: a violation, or a wrong answer. Being slow,
    /// or telling shoppers to come back, is none.
    ///
    /// # Errors
    /// See above.
    pub fn conclude(&self) -> anyhow::Result<()> {
        let wrong: u64 = self.kinds.iter().map(|kind| kind.wrong).sum();
        let violations = self.violations.len();
        ensure!(
            wrong == 0 && violations == 0,
            "{violations} violations and {wrong} wrong answers: see above"
        );
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::{
        recorder::{Group, Outcome},
        watch::GroupSecond,
    };

    /// A load in which nothing was wrong.
    pub fn report() -> Report {
        let recorder = Recorder::new();
        for ms in 1..=1_000 {
            recorder.sent(Duration::ZERO);
            recorder.ended(Kind::Product, Outcome::Answered, Duration::from_millis(ms));
            recorder.ended(Kind::Held, Outcome::Answered, Duration::from_millis(2 * ms));
        }
        recorder.ended(Kind::Put, Outcome::ComeBack, Duration::from_millis(1));
        let second = |at_s| Second {
            at_s,
            groups: vec![
                GroupSecond { answered: 500, p50_ms: 5.0, p99_ms: 50.0 };
                Group::ALL.len()
            ],
            come_back: 1,
            lost: 0,
            held: 7,
            taken: vec![Taken { memory_mib: 100.0 + f64::from(at_s), cpu_s: f64::from(at_s) }],
        };
        let seconds: Vec<_> = (1..=3).map(second).collect();
        let processes = [Watched { name: "shop", id: 1 }];
        Report {
            conditions: Conditions {
                command: "cargo xtask load".to_owned(),
                seed: 1,
                shoppers: 10,
                minutes: 0.05,
                hold_ttl_s: 300.0,
                cores: 2,
                optimised: false,
                connections: 8,
                connections_opened: 3,
            },
            lasted_s: 3.0,
            requests: recorder.requests(),
            kinds: OfKind::all(&recorder),
            late: Spread::of(&recorder.late()),
            shed: Spread::of(&recorder.shed()),
            told: ToldOf { wanted: 3, acknowledged: 2, refused: 1, paid: 1 },
            ended: [("paid".to_owned(), 1), ("expired".to_owned(), 1)].into(),
            drop: None,
            afterwards: Some(Afterwards { held_ms: 20.0, paid_ms: 120.0 }),
            shopper_bytes: 600,
            processes: OfProcess::all(&processes, &seconds),
            violations: Vec::new(),
            wrong_answers: recorder.wrongs(),
            seconds,
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let report = report();
        let product = report.kinds.iter().find(|kind| kind.name == "product").unwrap();
        let Spread { p50_ms, p99_ms, max_ms, .. } = product.latency;
        for (is, has_to_be) in [(p50_ms, 500.0), (p99_ms, 990.0), (max_ms, 1_000.0)] {
            assert!((is / has_to_be - 1.0).abs() < 0.002, "{is} {has_to_be}");
        }
        assert!(product.percentiles.is_sorted());
        assert!(product.percentiles.iter().any(|(quantile, _)| *quantile > 0.999));
        assert!(report.kinds.iter().all(|kind| kind.name != "stock check"), "there was none");
    }

    #[test]
    fn a_load_fails_by_a_violation_or_a_wrong_answer_and_not_by_being_shed() {
        assert!(report().conclude().is_ok());
        let violation = Report { violations: vec!["oversold".to_owned()], ..report() };
        assert!(violation.conclude().is_err());
        let mut wrong = report();
        wrong.kinds[0].wrong = 1;
        assert!(wrong.conclude().is_err());
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "these are exact")]
    fn memory_at_its_most_and_time_are_those_of_the_load() {
        let shop = &report().processes[0];
        assert_eq!((shop.memory_at_first_mib, shop.memory_at_most_mib), (101.0, 103.0));
        assert_eq!(shop.cpu_s, 2.0);
    }
}
