//! What was measured: how long each kind of request took, counted from the time that was meant for
//! it, and how it was answered.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;

/// Longer than anything takes, in microseconds.
const LONGEST_US: u64 = 600_000_000;
/// Of what is known of wrong answers, so many are kept.
const KEPT_WRONGS: usize = 20;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    List,
    Page,
    Product,
    StockCheck,
    Put,
    Payment,
    Order,
    Events,
    /// From the PUT that was meant to the word that the stock is held, however often it was asked.
    Held,
    /// The same to the word that it can't be had.
    Refused,
    /// From the payment that was meant to the word that the order is paid.
    Paid,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::List,
        Self::Page,
        Self::Product,
        Self::StockCheck,
        Self::Put,
        Self::Payment,
        Self::Order,
        Self::Events,
        Self::Held,
        Self::Refused,
        Self::Paid,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list of products",
            Self::Page => "page of a product",
            Self::Product => "product",
            Self::StockCheck => "stock check",
            Self::Put => "PUT checkout",
            Self::Payment => "POST payment",
            Self::Order => "GET checkout",
            Self::Events => "event stream",
            Self::Held => "wanted to held",
            Self::Refused => "wanted to refused",
            Self::Paid => "pay to paid",
        }
    }

    /// Whether it is one request, and not the way of an order.
    pub const fn is_request(self) -> bool {
        !matches!(self, Self::Held | Self::Refused | Self::Paid)
    }

    /// Where in a second's figures it belongs.
    pub const fn group(self) -> Group {
        match self {
            Self::List | Self::Page | Self::Product => Group::Reads,
            Self::StockCheck => Group::StockChecks,
            Self::Put | Self::Payment | Self::Order | Self::Events => Group::Checkouts,
            Self::Held | Self::Refused => Group::Decided,
            Self::Paid => Group::Paid,
        }
    }
}

/// What is shown over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Reads,
    StockChecks,
    Checkouts,
    /// Orders that are held or refused.
    Decided,
    Paid,
}

impl Group {
    pub const ALL: [Self; 5] =
        [Self::Reads, Self::StockChecks, Self::Checkouts, Self::Decided, Self::Paid];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Reads => "product reads",
            Self::StockChecks => "stock checks",
            Self::Checkouts => "requests about checkouts",
            Self::Decided => "orders held or refused",
            Self::Paid => "orders paid",
        }
    }
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be, a refusal included.
    Answered,
    /// 429 or 503, with when to come back.
    ComeBack,
    /// In a way that no client can make sense of, or with an error of the shop's.
    Wrong,
    /// Not at all: the connection was lost, could not be had, or the time was over.
    Lost,
}

/// One kind's figures.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Microseconds, of those that were answered or lost.
    pub latency: Histogram<u64>,
    pub answered: u64,
    pub come_back: u64,
    pub wrong: u64,
    pub lost: u64,
}

/// One group's figures since they were taken last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lately {
    pub answered: u64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Collects, from everybody.
pub struct Recorder {
    tallies: [Mutex<Tally>; Kind::ALL.len()],
    lately: [Mutex<Histogram<u64>>; Group::ALL.len()],
    /// Microseconds by which requests were sent later than meant.
    late: Mutex<Histogram<u64>>,
    /// Microseconds until somebody was told to come back.
    shed: Mutex<Histogram<u64>>,
    sent: AtomicU64,
    wrongs: Mutex<Vec<String>>,
}

impl Recorder {
    pub fn new() -> Self {
        Self {
            tallies: Kind::ALL.map(|_| Mutex::new(Tally::new())),
            lately: Group::ALL.map(|_| Mutex::new(histogram(2))),
            late: Mutex::new(histogram(3)),
            shed: Mutex::new(histogram(3)),
            sent: AtomicU64::new(0),
            wrongs: Mutex::default(),
        }
    }

    /// A request is sent, so much later than it was meant to be.
    pub fn sent(&self, late: Duration) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        locked(&self.late).saturating_record(micros(late));
    }

    /// It was answered, or not, so long after it was meant to be sent.
    pub fn ended(&self, kind: Kind, outcome: Outcome, took: Duration) {
        let took = micros(took);
        let mut tally = locked(&self.tallies[kind as usize]);
        match outcome {
            Outcome::Answered => tally.answered += 1,
            Outcome::ComeBack => tally.come_back += 1,
            Outcome::Wrong => tally.wrong += 1,
            Outcome::Lost => tally.lost += 1,
        }
        match outcome {
            Outcome::Answered | Outcome::Lost => {
                tally.latency.saturating_record(took);
                drop(tally);
                locked(&self.lately[kind.group() as usize]).saturating_record(took);
            }
            Outcome::ComeBack => locked(&self.shed).saturating_record(took),
            Outcome::Wrong => {}
        }
    }

    /// What a wrong answer was.
    pub fn wrong(&self, what: String) {
        let mut wrongs = locked(&self.wrongs);
        if wrongs.len() < KEPT_WRONGS {
            wrongs.push(what);
        }
    }

    /// The figures of a kind.
    pub fn tally(&self, kind: Kind) -> Tally {
        locked(&self.tallies[kind as usize]).clone()
    }

    /// How a group has fared since this was asked last.
    pub fn lately(&self, group: Group) -> Lately {
        let mut lately = locked(&self.lately[group as usize]);
        let figures = Lately {
            answered: lately.len(),
            p50: Duration::from_micros(lately.value_at_quantile(0.5)),
            p99: Duration::from_micros(lately.value_at_quantile(0.99)),
        };
        lately.reset();
        figures
    }

    /// By how much requests were sent later than meant, in microseconds.
    pub fn late(&self) -> Histogram<u64> {
        locked(&self.late).clone()
    }

    /// How long it took until somebody was told to come back, in microseconds.
    pub fn shed(&self) -> Histogram<u64> {
        locked(&self.shed).clone()
    }

    /// Requests that were sent.
    pub fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Some of what was wrong.
    pub fn wrongs(&self) -> Vec<String> {
        locked(&self.wrongs).clone()
    }

    /// How many of all kinds were told to come back, got no answer, and a wrong one.
    pub fn trouble(&self) -> [u64; 3] {
        let mut sum = [0; 3];
        for tally in &self.tallies {
            let tally = locked(tally);
            for (sum, of) in sum.iter_mut().zip([tally.come_back, tally.lost, tally.wrong]) {
                *sum += of;
            }
        }
        sum
    }
}

impl Tally {
    fn new() -> Self {
        Self { latency: histogram(3), answered: 0, come_back: 0, wrong: 0, lost: 0 }
    }
}

fn histogram(significant_digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, significant_digits).expect("these bounds make sense")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_was_told_to_come_back_does_not_make_what_was_answered_look_faster() {
        let recorder = Recorder::new();
        for _ in 0..99 {
            recorder.ended(Kind::Put, Outcome::ComeBack, MS);
        }
        recorder.ended(Kind::Put, Outcome::Answered, 800 * MS);
        let tally = recorder.tally(Kind::Put);
        assert_eq!((tally.answered, tally.come_back, tally.latency.len()), (1, 99, 1));
        assert!(tally.latency.value_at_quantile(0.5) > 799_000);
        assert_eq!(recorder.shed().len(), 99);
        assert_eq!(recorder.trouble(), [99, 0, 0]);
    }

    #[test]
    fn what_was_never_answered_counts_as_long_as_it_was_waited_for() {
        let recorder = Recorder::new();
        recorder.ended(Kind::Product, Outcome::Lost, 15_000 * MS);
        let slowest = recorder.tally(Kind::Product).latency.max();
        assert!((15_000_000..15_020_000).contains(&slowest), "{slowest}");
    }

    #[test]
    fn each_second_has_figures_of_its_own() {
        let recorder = Recorder::new();
        recorder.ended(Kind::List, Outcome::Answered, 5 * MS);
        recorder.ended(Kind::Product, Outcome::Answered, 5 * MS);
        recorder.ended(Kind::StockCheck, Outcome::Answered, 5 * MS);
        assert_eq!(recorder.lately(Group::Reads).answered, 2);
        let next = recorder.lately(Group::Reads);
        assert_eq!((next.answered, next.p99), (0, Duration::ZERO));
    }
}
