//! The report for people.

use std::fmt::Write;

use crate::{
    numbers::{float, grouped, short_ms},
    report::{OfKind, Report, Spread},
    rush::Rush,
};

/// As much is shown of a long list.
const SHOWN: usize = 30;

/// The report as text.
pub fn of(report: &Report) -> String {
    let mut text = String::new();
    conditions(&mut text, report);
    kinds(&mut text, report);
    if let Some(rush) = &report.drop {
        the_drop(&mut text, rush);
    }
    orders(&mut text, report);
    processes(&mut text, report);
    list(&mut text, "wrong answers", &report.wrong_answers);
    list(&mut text, "VIOLATIONS", &report.violations);
    let wrong: u64 = report.kinds.iter().map(|kind| kind.wrong).sum();
    let violations = report.violations.len();
    line(&mut text, format_args!("{violations} violations, {wrong} wrong answers"));
    text
}

fn conditions(text: &mut String, report: &Report) {
    let of = &report.conditions;
    line(text, format_args!("{}", of.command));
    let build = if of.optimised {
        "an optimised build"
    } else {
        "an unoptimised build: what it measures is not the product"
    };
    line(text, format_args!("{} cores for everything, the load too; {build}", of.cores));
    line(
        text,
        format_args!(
            "{} shoppers, {:.0} s; {} requests, {:.0} a second; {} connections were opened, {} may \
             be shared at once",
            grouped(of.shoppers.into()),
            report.lasted_s,
            grouped(report.requests),
            float(report.requests) / report.lasted_s.max(0.001),
            grouped(of.connections_opened as u64),
            grouped(of.connections as u64),
        ),
    );
    text.push('\n');
}

fn kinds(text: &mut String, report: &Report) {
    line(text, format_args!("milliseconds from the time that was meant for a request"));
    line(
        text,
        format_args!(
            "{:18} {:>11} {:>9} {:>6} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "", "answered", "come back", "lost", "wrong", "p50", "p90", "p99", "p99.9", "max"
        ),
    );
    for kind in &report.kinds {
        let OfKind { name, answered, come_back, lost, wrong, latency, .. } = kind;
        line(
            text,
            format_args!(
                "{name:18} {:>11} {:>9} {:>6} {:>6} {}",
                grouped(*answered),
                grouped(*come_back),
                grouped(*lost),
                grouped(*wrong),
                spread(latency),
            ),
        );
    }
    line(text, format_args!("{:54} {}", "sent later than meant", spread(&report.late)));
    line(text, format_args!("{:54} {}", "until told to come back", spread(&report.shed)));
    text.push('\n');
}

fn spread(of: &Spread) -> String {
    let figures = [of.p50_ms, of.p90_ms, of.p99_ms, of.p999_ms, of.max_ms];
    figures.map(|ms| format!("{:>9}", short_ms(ms))).join(" ")
}

fn the_drop(text: &mut String, rush: &Rush) {
    let Rush { shoppers, units, won, lost, undecided, held, workflows, lasted_ms } = rush;
    line(
        text,
        format_args!(
            "the drop: {} shoppers on {units} units; {held} held, {won} told so, {} told that it is \
             gone, {undecided} never told; {workflows} workflows; all within {} s, {:.0} decided a \
             second",
            grouped((*shoppers).into()),
            grouped(*lost),
            float(*lasted_ms) / 1e3,
            float(won + lost) * 1e3 / float(*lasted_ms).max(1.0),
        ),
    );
    text.push('\n');
}

fn orders(text: &mut String, report: &Report) {
    let told = &report.told;
    line(
        text,
        format_args!(
            "orders, as shoppers know them: {} wanted, {} acknowledged, {} refused, {} paid",
            grouped(told.wanted),
            grouped(told.acknowledged),
            grouped(told.refused),
            grouped(told.paid),
        ),
    );
    let ended: Vec<_> =
        report.ended.iter().map(|(state, many)| format!("{} {state}", grouped(*many))).collect();
    line(text, format_args!("as operators see them: {}", ended.join(", ")));
    let held = report.seconds.iter().map(|second| second.held).max().unwrap_or_default();
    line(text, format_args!("units held at once, at the most: {held}"));
    if let Some(after) = &report.afterwards {
        line(
            text,
            format_args!(
                "once it was over, an order was held in {} ms and paid in {} ms",
                short_ms(after.held_ms),
                short_ms(after.paid_ms)
            ),
        );
    }
    text.push('\n');
}

fn processes(text: &mut String, report: &Report) {
    for of in &report.processes {
        line(
            text,
            format_args!(
                "{:8} {:.1} s of CPU time; memory {:.0} MiB at first, {:.0} at the most, {:.0} at \
                 the last",
                of.name,
                of.cpu_s,
                of.memory_at_first_mib,
                of.memory_at_most_mib,
                of.memory_at_last_mib
            ),
        );
    }
    line(text, format_args!("a virtual shopper takes {} bytes", grouped(report.shopper_bytes)));
    text.push('\n');
}

fn list(text: &mut String, name: &str, what: &[String]) {
    if what.is_empty() {
        return;
    }
    line(text, format_args!("{name}:"));
    for one in what.iter().take(SHOWN) {
        line(text, format_args!("  {one}"));
    }
    if what.len() > SHOWN {
        line(text, format_args!("  and {} more, in report.json", what.len() - SHOWN));
    }
    text.push('\n');
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // A String takes whatever is written to it.
    let _ok = writeln!(text, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn a_report_says_how_each_kind_fared_and_what_was_wrong() {
        let text = of(&report());
        for part in [
            "an unoptimised build",
            "wanted to held",
            "1 expired, 1 paid",
            "0 violations, 0 wrong answers",
        ] {
            assert!(text.contains(part), "no '{part}' in\n{text}");
        }
        let violations = (0..50).map(|number| format!("violation {number}")).collect();
        let text = of(&Report { violations, ..report() });
        assert!(text.contains("violation 29") && !text.contains("violation 30"));
        assert!(text.contains("and 20 more"), "{text}");
    }

    #[test]
    fn a_drop_is_told_in_a_line() {
        let rush = Rush { shoppers: 20_000, units: 100, won: 100, held: 100, ..Rush::default() };
        let rush = Rush { lost: 19_900, workflows: 103, lasted_ms: 2_000, ..rush };
        let text = of(&Report { drop: Some(rush), ..report() });
        assert!(text.contains("20,000 shoppers on 100 units; 100 held"), "{text}");
        assert!(text.contains("10000 decided a second"), "{text}");
    }
}
