//! How long a call to the provider that decided nothing waits for its next try.

use std::time::Duration;

/// The pause after the first failure; each further one doubles it.
const FIRST: Duration = Duration::from_millis(250);
/// The longest that pauses grow to.
const LONGEST: Duration = Duration::from_secs(10);
/// The longest that the provider may ask to be left alone: to the end of a hold would be giving up.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// The pause after failure number `failures`, from 1. `jitter` is from 0 to 1 and differs from order
/// to order, so that those that failed together do not come back together. When the provider
/// `asked` to be left alone, it is, for that long and up to half of it more.
pub fn before_next_try(failures: u32, jitter: f64, asked: Option<Duration>) -> Duration {
    let doubled = FIRST * 2u32.saturating_pow(failures.clamp(1, 7) - 1);
    let jittered = doubled.min(LONGEST).mul_f64(0.5 + jitter);
    asked.map_or(jittered, |asked| asked.min(LONGEST_ASKED).mul_f64(1.0 + jitter / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let pauses = |jitter| (1..9).map(move |failures| before_next_try(failures, jitter, None));
        let milliseconds: Vec<_> = pauses(0.5).map(|pause| pause.as_millis()).collect();
        assert_eq!(milliseconds, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        for ((least, middle), most) in pauses(0.0).zip(pauses(0.5)).zip(pauses(1.0)) {
            assert!(least < middle && middle < most && most <= LONGEST.mul_f64(1.5));
        }
    }

    #[test]
    fn a_provider_that_asks_to_be_left_alone_is_for_at_least_that_long() {
        let after = |jitter, seconds| {
            before_next_try(1, jitter, Some(Duration::from_secs(seconds))).as_secs_f64()
        };
        for jitter in [0.0, 0.3, 1.0] {
            assert!((7.0..=10.5).contains(&after(jitter, 7)));
            assert!((30.0..=45.0).contains(&after(jitter, 3_600)), "but not to the hold's end");
        }
    }
}
