//! What is printed: a line for each ratio, and below them the figures that they are made of.
#![expect(clippy::print_stdout, reason = "the benchmarks' results, and what parents wait for")]

use std::{net::SocketAddr, time::Duration};

use crate::machine;

/// Says that this process listens, to whoever started it.
pub fn listening(name: &str, address: SocketAddr) {
    println!("listening {name}={address}");
}

/// What is being done, for whoever waits.
pub fn progress(what: &str) {
    eprintln!("  … {what}");
}

/// The results so far.
#[derive(Default)]
pub struct Report {
    met: usize,
    missed: Vec<String>,
}

impl Report {
    /// What all figures were measured on.
    pub async fn conditions(quick: bool) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let others = machine::percent_in_use().await;
        let others = others.map_or("?".to_owned(), |percent| percent.to_string());
        println!("{cores} cores for everything, callers too; others use {others} % of them now");
        if cfg!(debug_assertions) {
            println!("an unoptimised build: what it measures is not the product");
        }
        if quick {
            println!("few rounds: enough to see that it runs, not to quote");
        }
        println!();
    }

    /// A ratio.
    pub fn ratio(name: &str, ratio: f64) {
        println!("{name}: {ratio:.2}x");
    }

    /// A ratio, with the most that it should be.
    pub fn ratio_with_goal(&mut self, name: &str, ratio: f64, at_most: f64) {
        println!("{name}: {ratio:.2}x (goal <= {at_most}x)");
        self.compare(name, ratio <= at_most);
    }

    /// A ratio, with the least that it should be.
    pub fn ratio_at_least(&mut self, name: &str, ratio: f64, at_least: f64) {
        println!("{name}: {ratio:.2}x (goal >= {at_least}x)");
        self.compare(name, ratio >= at_least);
    }

    /// A count, with the most that it should be.
    pub fn count(&mut self, name: &str, count: usize, at_most: usize) {
        let sign = if at_most == 0 { "" } else { "<= " };
        println!("{name}: {count} (goal {sign}{at_most})");
        self.compare(name, count <= at_most);
    }

    /// The figures that the lines above are made of.
    pub fn raw(figures: &str) {
        println!("    {figures}");
    }

    fn compare(&mut self, name: &str, met: bool) {
        if met {
            self.met += 1;
        } else {
            self.missed.push(name.to_owned());
        }
    }

    /// Says which goals were met.
    pub fn conclude(&self) {
        println!();
        match self.missed.as_slice() {
            [] => println!("all {} goals were met", self.met),
            missed => {
                println!("{} goals were met; missed: {}", self.met, missed.join("; "));
            }
        }
    }
}

/// The median; zero of nothing.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => figures[middle],
        _ => f64::midpoint(figures[middle - 1], figures[middle]),
    }
}

/// The median of durations, in milliseconds.
pub fn p50_ms(durations: impl IntoIterator<Item = Duration>) -> f64 {
    median(durations.into_iter().map(|duration| duration.as_secs_f64() * 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "halves are exact")]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([]), 0.0);
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
