//! How much one address and one session may report: enough for any shopper and for an office behind
//! one address, too little to drown the others in.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

use governor::{
    DefaultKeyedRateLimiter, NotUntil, Quota,
    clock::{Clock, DefaultClock, Reference},
};

use crate::problem::{Answer, Kind, Problem};

/// Reports of an address: so many at once, and so many a second after that.
const REPORTS: Quota = quota(300, 20);
/// Events of a session: so many at once, and so many a second after that.
const EVENTS: Quota = quota(300, 2);
/// After how many reports those are forgotten who have been silent long enough.
const FORGET_EVERY: u32 = 10_000;

const fn quota(at_once: u32, a_second: u32) -> Quota {
    match (NonZeroU32::new(a_second), NonZeroU32::new(at_once)) {
        (Some(a_second), Some(at_once)) => Quota::per_second(a_second).allow_burst(at_once),
        _ => panic!("a quota of nothing"),
    }
}

/// Who has reported how much lately.
pub struct Limits {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    sessions: DefaultKeyedRateLimiter<String>,
    reports: AtomicU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            addresses: DefaultKeyedRateLimiter::keyed(REPORTS),
            sessions: DefaultKeyedRateLimiter::keyed(EVENTS),
            reports: AtomicU32::new(0),
        }
    }
}

impl Limits {
    /// Lets a report of `client` in; loopback has no limit.
    pub fn admit_report(&self, client: IpAddr) -> Answer<()> {
        if self.reports.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.addresses.retain_recent();
            self.sessions.retain_recent();
        }
        if client.is_loopback() {
            return Ok(());
        }
        self.addresses.check_key(&client).map_err(|until| too_many(&until))
    }

    /// Lets so many events of a session in.
    pub fn admit_events(&self, session: &str, events: usize) -> Answer<()> {
        let Some(events) = u32::try_from(events).ok().and_then(NonZeroU32::new) else {
            return Ok(());
        };
        match self.sessions.check_key_n(&session.to_owned(), events) {
            Ok(admitted) => admitted.map_err(|until| too_many(&until)),
            // A report has fewer than may come at once.
            Err(_) => Err(Problem::new(Kind::TooManyReports)),
        }
    }
}

fn too_many<P: Reference>(until: &NotUntil<P>) -> Problem
where
    DefaultClock: Clock<Instant = P>,
{
    metrics::counter!("analytics_events_total", "outcome" => "too_many").increment(1);
    let wait = until.wait_time_from(DefaultClock::default().now());
    let seconds = u16::try_from(wait.as_secs() + 1).unwrap_or(u16::MAX);
    Problem::new(Kind::TooManyReports).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reports_too_much_is_refused_and_nobody_else() {
        let limits = Limits::default();
        let [flood, other]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let admitted = (0..1_000).filter(|_| limits.admit_report(flood).is_ok()).count();
        assert!((300..1_000).contains(&admitted), "{admitted}");
        assert!(limits.admit_report(other).is_ok());
        assert!((0..1_000).all(|_| limits.admit_report([127, 0, 0, 1].into()).is_ok()));
    }

    #[test]
    fn a_session_that_reports_too_much_is_refused_and_no_other() {
        let limits = Limits::default();
        let admitted = (0..20).filter(|_| limits.admit_events("flood", 50).is_ok()).count();
        assert!((6..20).contains(&admitted), "{admitted}");
        assert!(limits.admit_events("other", 50).is_ok());
        assert!(limits.admit_events("flood", 0).is_ok());
    }
}
