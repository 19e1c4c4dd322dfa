//! A circuit breaker: a provider that can't be reached is not asked by everybody. After a few
//! failures in a row calls fail at once; now and then one call is let through to see whether it is
//! back. So an outage costs a worker a moment for each call, and not a slot for the length of a
//! timeout. Those that are sent away come back one after the other: each return costs Temporal
//! several writes, and hundreds at a time would slow those down who only want something held.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::metrics;

/// So many failures in a row open the circuit.
const OPENS_AFTER: u32 = 5;
/// How long it stays open the first time; twice as long after each call that failed to close it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long it stays open at the most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How far apart those come back that were sent away.
const SPACING: Duration = Duration::from_millis(100);
/// How long they stay away at the most, however many they are, but for their jitter.
const LONGEST_AWAY: Duration = Duration::from_secs(20);

/// The circuit of all calls of a process.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Circuit>);

impl Breaker {
    /// Lets a call through that may take up to `limit`, and whose end has to be [`Self::report`]ed.
    ///
    /// # Errors
    /// While the circuit is open: how long to leave the provider alone.
    pub fn admit(&self, limit: Duration) -> Result<(), Duration> {
        self.circuit().admit(Instant::now(), limit)
    }

    /// Tells how a call ended: whether the provider answered it, with whatever.
    pub fn report(&self, answered: bool) {
        let mut circuit = self.circuit();
        circuit.report(Instant::now(), answered);
        metrics::circuit_is_open(circuit.looks_at.is_some());
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Circuit {
    failures_in_a_row: u32,
    /// While it is open: when the next call may look.
    looks_at: Option<Instant>,
    /// When the last of those comes back that were sent away.
    last_back: Option<Instant>,
}

impl Circuit {
    fn admit(&mut self, now: Instant, limit: Duration) -> Result<(), Duration> {
        match self.looks_at {
            None => Ok(()),
            Some(at) if at > now => Err(self.away(now, (at - now).min(self.pause()))),
            Some(_) => {
                // This call looks. Should its end never be told, another one will.
                self.looks_at = Some(now + limit);
                Ok(())
            }
        }
    }

    /// How long somebody has to stay away, `at_least` for as long as the circuit is open.
    fn away(&mut self, now: Instant, at_least: Duration) -> Duration {
        let behind = self.last_back.map_or(now, |last| last + SPACING);
        let back = behind.max(now + at_least).min(now + LONGEST_AWAY);
        self.last_back = Some(back);
        back - now
    }

    fn report(&mut self, now: Instant, answered: bool) {
        if answered {
            if self.looks_at.is_some() {
                tracing::info!("the payment provider answers again");
            }
            *self = Self::default();
            return;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if self.failures_in_a_row >= OPENS_AFTER {
            if self.looks_at.is_none() {
                tracing::warn!("the payment provider can't be reached and is left alone");
            }
            self.looks_at = Some(now + self.pause());
        }
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures_in_a_row.saturating_sub(OPENS_AFTER).min(16);
        FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn opened(now: Instant) -> Circuit {
        let mut circuit = Circuit::default();
        for _ in 0..OPENS_AFTER {
            assert_eq!(circuit.admit(now, LIMIT), Ok(()));
            circuit.report(now, false);
        }
        circuit
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_answer_closes_it() {
        let now = Instant::now();
        let mut circuit = opened(now);
        assert_eq!(circuit.admit(now, LIMIT), Err(FIRST_PAUSE));
        let later = now + FIRST_PAUSE;
        assert_eq!(circuit.admit(later, LIMIT), Ok(()));
        circuit.report(later, true);
        for _ in 0..100 {
            assert_eq!(circuit.admit(later, LIMIT), Ok(()));
        }
    }

    #[test]
    fn failures_among_answers_leave_it_closed() {
        let now = Instant::now();
        let mut circuit = Circuit::default();
        for _ in 0..100 {
            for _ in 1..OPENS_AFTER {
                circuit.report(now, false);
            }
            circuit.report(now, true);
        }
        assert_eq!(circuit.admit(now, LIMIT), Ok(()));
    }

    #[test]
    fn one_call_at_a_time_looks_whether_the_provider_is_back() {
        let now = Instant::now();
        let mut circuit = opened(now);
        let later = now + FIRST_PAUSE;
        assert_eq!(circuit.admit(later, LIMIT), Ok(()));
        assert!(circuit.admit(later, LIMIT).is_err(), "another one looks already");
        circuit.report(later, false);
        assert!(circuit.admit(later + FIRST_PAUSE, LIMIT).is_err(), "it stays open for longer");
        assert_eq!(circuit.admit(later + FIRST_PAUSE * 2, LIMIT), Ok(()));
    }

    #[test]
    fn those_who_are_sent_away_come_back_one_after_the_other() {
        let now = Instant::now();
        let mut circuit = opened(now);
        let away: Vec<_> = (0..1_000).map(|_| circuit.admit(now, LIMIT).unwrap_err()).collect();
        assert_eq!(away[..3], [FIRST_PAUSE, FIRST_PAUSE + SPACING, FIRST_PAUSE + SPACING * 2]);
        assert_eq!(away[150], FIRST_PAUSE + SPACING * 150);
        assert_eq!(away[999], LONGEST_AWAY, "however many they are");
        let later = now + LONGEST_AWAY * 2;
        circuit.report(later, false);
        assert!(circuit.admit(later, LIMIT).unwrap_err() <= LONGEST_PAUSE, "they have been back");
        circuit.report(later, true);
        assert_eq!(circuit.admit(later, LIMIT), Ok(()));
    }

    #[test]
    fn a_look_that_is_given_up_does_not_keep_it_open_for_ever() {
        let now = Instant::now();
        let mut circuit = opened(now);
        assert_eq!(circuit.admit(now + FIRST_PAUSE, LIMIT), Ok(()));
        assert_eq!(circuit.admit(now + FIRST_PAUSE + LIMIT, LIMIT), Ok(()));
    }

    #[test]
    fn somebody_alone_is_not_sent_away_for_longer_than_the_longest_pause() {
        let mut now = Instant::now();
        let mut circuit = opened(now);
        for _ in 0..40 {
            circuit.report(now, false);
            let away = circuit.admit(now, LIMIT).unwrap_err();
            assert!(away <= LONGEST_PAUSE, "{away:?}");
            now += away;
        }
    }
}
