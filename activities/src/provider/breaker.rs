//! A circuit breaker: a provider that can't be reached is not asked by everybody. After a few
//! failures in a row calls fail at once; now and then one call is let through to see whether it is
//! back. So an outage costs a worker a moment for each call, and not a slot for the length of a
//! timeout.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// So many failures in a row open the circuit.
const OPENS_AFTER: u32 = 5;
/// How long it stays open the first time; twice as long after each call that failed to close it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long it stays open at the most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long others wait while one call looks whether the provider is back.
const LOOKING: Duration = Duration::from_millis(500);

/// Counts failures in a row. Shared by all calls of a process.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Circuit>);

#[derive(Debug, Default)]
struct Circuit {
    failures_in_a_row: u32,
    /// While it is open: when the next call may look.
    looks_at: Option<Instant>,
}

impl Breaker {
    /// Lets a call through that may take up to `limit`, and whose end has to be [`Self::report`]ed.
    ///
    /// # Errors
    /// While the circuit is open: how long to leave the provider alone.
    pub fn admit(&self, limit: Duration) -> Result<(), Duration> {
        let mut circuit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match circuit.looks_at {
            None => Ok(()),
            Some(at) if at > now => Err((at - now).min(LOOKING.max(circuit.pause()))),
            Some(_) => {
                // This call looks. Should its end never be told, another one will.
                circuit.looks_at = Some(now + limit);
                Ok(())
            }
        }
    }

    /// Tells how a call ended: whether the provider answered it, with whatever.
    pub fn report(&self, answered: bool) {
        let mut circuit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            if circuit.looks_at.is_some() {
                tracing::info!("the payment provider answers again");
            }
            *circuit = Circuit::default();
            return;
        }
        circuit.failures_in_a_row = circuit.failures_in_a_row.saturating_add(1);
        if circuit.failures_in_a_row >= OPENS_AFTER {
            if circuit.looks_at.is_none() {
                tracing::warn!("the payment provider can't be reached and is left alone");
            }
            circuit.looks_at = Some(Instant::now() + circuit.pause());
        }
    }
}

impl Circuit {
    fn pause(&self) -> Duration {
        let doublings = self.failures_in_a_row.saturating_sub(OPENS_AFTER).min(16);
        FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn opened() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..OPENS_AFTER {
            assert_eq!(breaker.admit(LIMIT), Ok(()));
            breaker.report(false);
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_answer_closes_it() {
        let breaker = opened();
        assert!(breaker.admit(LIMIT).is_err());
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(LIMIT), Ok(()));
        breaker.report(true);
        for _ in 0..100 {
            assert_eq!(breaker.admit(LIMIT), Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_among_answers_leave_it_closed() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 1..OPENS_AFTER {
                breaker.report(false);
            }
            breaker.report(true);
        }
        assert_eq!(breaker.admit(LIMIT), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_at_a_time_looks_whether_the_provider_is_back() {
        let breaker = opened();
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(LIMIT), Ok(()));
        assert!(breaker.admit(LIMIT).is_err());
        breaker.report(false);
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(breaker.admit(LIMIT).is_err(), "it stays open longer each time");
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(LIMIT), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_given_up_does_not_keep_it_open_for_ever() {
        let breaker = opened();
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(LIMIT), Ok(()));
        tokio::time::advance(LIMIT).await;
        assert_eq!(breaker.admit(LIMIT), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_sent_away_for_longer_than_the_longest_pause() {
        let breaker = opened();
        for _ in 0..20 {
            breaker.report(false);
        }
        let asked_to_wait = breaker.admit(LIMIT).unwrap_err();
        assert!(asked_to_wait <= LONGEST_PAUSE, "{asked_to_wait:?}");
    }
}
