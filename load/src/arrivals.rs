//! When things are done: a schedule that is drawn before anything is asked, and that waits for no
//! answer. A shop that is slow is not spared, and each latency counts from the time that was drawn.

use std::time::Duration;

use system_tests::Chance;
use tokio::time::Instant;

use crate::mix::share;

/// Times whose pauses are drawn independently of each other (a Poisson process).
#[derive(Clone, Debug)]
pub struct Arrivals {
    chance: Chance,
    mean_pause_s: f64,
    last: Instant,
}

impl Arrivals {
    /// From `began` on, with pauses of `mean_pause_s` seconds on average.
    pub const fn new(chance: Chance, mean_pause_s: f64, began: Instant) -> Self {
        Self { chance, mean_pause_s, last: began }
    }

    /// The next time.
    pub fn next(&mut self) -> Instant {
        let pause_s = -share(&mut self.chance).ln() * self.mean_pause_s;
        self.last += Duration::from_secs_f64(pause_s.max(0.0));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_has_the_same_schedule_and_another_has_another() {
        let began = Instant::now();
        let of = |seed| {
            let mut arrivals = Arrivals::new(Chance::of(seed), 1.0, began);
            (0..100).map(|_| arrivals.next()).collect::<Vec<_>>()
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert!(of(1).is_sorted());
    }

    #[test]
    fn pauses_are_exponential() {
        let began = Instant::now();
        let mut arrivals = Arrivals::new(Chance::of(3), 2.0, began);
        let (mut last, mut longer_than_mean) = (began, 0_u32);
        for _ in 0..100_000 {
            let next = arrivals.next();
            longer_than_mean += u32::from(next - last > Duration::from_secs(2));
            last = next;
        }
        let mean = (last - began).as_secs_f64() / 100_000.0;
        assert!((1.97..2.03).contains(&mean), "{mean}");
        // e^-1 of them
        assert!((36_000..37_600).contains(&longer_than_mean), "{longer_than_mean}");
    }
}
