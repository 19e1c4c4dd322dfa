//! What is drawn of a load.

use crate::{
    numbers::float,
    recorder::Group,
    report::Report,
    svg::{Axis, Chart, Line},
    watch::{GroupSecond, Second},
};

/// The finest percentile that is drawn.
const FINEST: f64 = 0.999_99;

/// All plots, by the names of their files.
pub fn all(report: &Report) -> [(String, String); 3] {
    [
        ("latency.svg".to_owned(), latency(report)),
        ("rates.svg".to_owned(), rates(&report.seconds)),
        ("p99.svg".to_owned(), p99(&report.seconds)),
    ]
}

/// Latency over percentile, each further nine as wide as the last.
fn latency(report: &Report) -> String {
    let line = |(name, percentiles): (&'static str, &Vec<(f64, f64)>)| {
        let shown = percentiles.iter().filter(|(quantile, _)| *quantile <= FINEST);
        let points = shown.map(|(quantile, ms)| (nines(*quantile), logarithm(*ms)));
        Line { name, points: points.collect() }
    };
    let kinds = report.kinds.iter().filter(|kind| kind.answered + kind.lost > 0);
    let kinds: Vec<_> = kinds.map(|kind| (kind.name, &kind.percentiles)).collect();
    let all = || kinds.iter().flat_map(|(_, percentiles)| percentiles.iter().map(|(_, ms)| *ms));
    let marks = [0.0, 0.9, 0.99, 0.999, 0.999_9, FINEST];
    let names = ["0", "90", "99", "99.9", "99.99", "99.999"];
    let marks = marks.into_iter().zip(names).map(|(at, name)| (nines(at), name.to_owned()));
    let x = Axis { name: "percentile", from: 0.0, to: nines(FINEST), marks: marks.collect() };
    let y = Axis::logarithmic("ms", all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    let title = "Milliseconds from the time that was meant";
    Chart { title, x, y, lines: kinds.into_iter().map(line).collect() }.draw()
}

/// Answers a second, over time.
fn rates(seconds: &[Second]) -> String {
    let groups = groups(seconds, |group| (group.answered > 0).then_some(float(group.answered)));
    let come_back = Line {
        name: "told to come back",
        points: seconds
            .iter()
            .map(|second| (f64::from(second.at_s), float(second.come_back)))
            .collect(),
    };
    let lines: Vec<_> = groups.into_iter().chain([come_back]).collect();
    let most = lines.iter().flat_map(|line| &line.points).map(|(_, rate)| *rate);
    let y = Axis::linear("a second", most.fold(0.0, f64::max));
    Chart { title: "Answers a second", x: time(seconds), y, lines }.draw()
}

/// The 99th percentile of each second.
fn p99(seconds: &[Second]) -> String {
    let of = |group: GroupSecond| (group.answered > 0).then(|| logarithm(group.p99_ms));
    let lines = groups(seconds, of);
    let all = || seconds.iter().flat_map(|second| &second.groups).filter(|it| it.answered > 0);
    let least = all().map(|group| group.p99_ms).fold(f64::MAX, f64::min);
    let most = all().map(|group| group.p99_ms).fold(0.0, f64::max);
    let title = "99th percentile of each second";
    let y = Axis::logarithmic("ms", least, most);
    Chart { title, x: time(seconds), y, lines }.draw()
}

fn groups(seconds: &[Second], of: impl Fn(GroupSecond) -> Option<f64>) -> Vec<Line> {
    let line = |group: Group| {
        let point = |second: &Second| {
            Some((f64::from(second.at_s), of(*second.groups.get(group as usize)?)?))
        };
        Line { name: group.name(), points: seconds.iter().filter_map(point).collect() }
    };
    Group::ALL.map(line).into_iter().filter(|line| !line.points.is_empty()).collect()
}

fn time(seconds: &[Second]) -> Axis {
    let last = seconds.last().map_or(1, |second| second.at_s);
    Axis::linear("seconds since the load began", f64::from(last))
}

/// 0.9 is one nine, 0.99 are two.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile.min(FINEST)).log10()
}

fn logarithm(ms: f64) -> f64 {
    ms.max(1e-3).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn every_plot_has_its_lines() {
        let [latency, rates, p99] = all(&report()).map(|(_, svg)| svg);
        assert_eq!(latency.matches("<polyline").count(), 2, "product, and wanted to held");
        assert_eq!(rates.matches("<polyline").count(), Group::ALL.len() + 1);
        assert_eq!(p99.matches("<polyline").count(), Group::ALL.len());
        for svg in [latency, rates, p99] {
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn a_load_without_a_second_has_empty_plots() {
        let empty = Report { seconds: Vec::new(), kinds: Vec::new(), ..report() };
        for (_, svg) in all(&empty) {
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
