//! Many clients that send mutated requests at once, and what they were answered.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use fuzz::{Chance, mutate};
use system_tests::Answer;
use tokio::task::JoinSet;

use crate::{connection::Connection, request::Request};

/// Clients at once.
const CLIENTS: u64 = 16;
/// One in so many is mutated as bytes, and is then no request at all.
const NO_REQUEST: u64 = 20;
/// Requests that were told to come back, of which is looked whether they may.
const MOST_REPEATED: usize = 1_000;

/// Requests that are good, to be made bad.
pub struct Storm {
    requests: Vec<Request>,
    chance: Chance,
}

/// What came of them.
#[derive(Default)]
struct Outcome {
    /// How often each status was answered; nought is for no answer.
    answers: BTreeMap<u16, u64>,
    /// What was answered with an error of the server's own.
    errors: Vec<(Bad, Answer)>,
    /// What was told to come back.
    later: Vec<Bad>,
}

/// A request as it was sent.
#[derive(Clone)]
struct Bad {
    server: String,
    bytes: Vec<u8>,
    is_whole: bool,
}

impl Storm {
    pub const fn of(requests: Vec<Request>, chance: Chance) -> Self {
        Self { requests, chance }
    }

    /// Sends `count` requests to `whom`, and says what was answered.
    ///
    /// # Panics
    /// When one was answered with an error of the server's own, or told to come back and told so
    /// again when nothing else was going on.
    pub async fn rage(self, whom: &str, count: u64) {
        let began = Instant::now();
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let left = Arc::new(AtomicU64::new(count));
        let requests: Arc<[Request]> = self.requests.into();
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let client = Client {
                requests: Arc::clone(&requests),
                chance: self.chance.branch(number),
                left: Arc::clone(&left),
                outcome: Arc::clone(&outcome),
                connections: HashMap::new(),
            };
            clients.spawn(client.send_all());
        }
        clients.join_all().await;
        let mut outcome = std::mem::take(&mut *outcome.lock().unwrap());
        let took = began.elapsed();
        let later = outcome.later.len();
        outcome.come_back().await;
        outcome.keep_errors(whom);
        println!(
            "http, {whom}: {count} bad requests in {took:.0?}, answered {:?} (0: not at all), of \
             which {later} were told to come back and could; {} errors of the server's own",
            outcome.answers,
            outcome.errors.len()
        );
        let first = outcome.errors.first().map(|(bad, answer)| {
            let sent = String::from_utf8_lossy(&bad.bytes).into_owned();
            format!("{sent}\n\nwas answered\n\n{}{}", answer.head, answer.body)
        });
        assert_eq!(first, None, "{} answers of 5xx, kept in .holdfast/fuzz", outcome.errors.len());
        let unanswered = outcome.answers.get(&0).copied().unwrap_or_default();
        assert!(unanswered * 10 < count.max(10), "{unanswered} of {count} were not answered");
        let refused: u64 = outcome.answers.range(400..500).map(|(_, count)| count).sum();
        assert!(refused * 3 > count, "only {refused} of {count} were bad");
    }
}

struct Client {
    requests: Arc<[Request]>,
    chance: Chance,
    left: Arc<AtomicU64>,
    outcome: Arc<Mutex<Outcome>>,
    connections: HashMap<String, Connection>,
}

impl Client {
    async fn send_all(mut self) {
        let take = |left: u64| left.checked_sub(1);
        while self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            let bad = self.bad();
            let connection = self.connections.entry(bad.server.clone());
            let connection = connection.or_insert_with(|| Connection::to(&bad.server));
            let answer = connection.ask(&bad.bytes, bad.is_whole).await;
            self.outcome.lock().unwrap().add(bad, answer);
        }
    }

    fn bad(&mut self) -> Bad {
        let chance = &mut self.chance;
        let mut request = chance.pick(&self.requests).clone();
        for _ in 0..=chance.below(3) {
            request.mutate(chance.pick(&self.requests), chance);
        }
        let mut bytes = request.bytes();
        let is_whole = chance.below(NO_REQUEST) > 0;
        if !is_whole {
            mutate(&mut bytes, &chance.pick(&self.requests).bytes(), chance);
        }
        // Whoever says how long the body is may be wrong, and nobody answers to half a body.
        let is_whole = is_whole && !request.is_framed_by_hand();
        Bad { server: request.server, bytes, is_whole }
    }
}

impl Outcome {
    fn add(&mut self, bad: Bad, answer: Option<Answer>) {
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        *self.answers.entry(status).or_default() += 1;
        match answer {
            Some(answer) if answer.says_when_to_come_back() && self.later.len() < MOST_REPEATED => {
                self.later.push(bad);
            }
            Some(answer) if answer.status >= 500 => self.errors.push((bad, answer)),
            _ => {}
        }
    }

    /// Sends again, one after the other, what was told to come back.
    async fn come_back(&mut self) {
        for bad in std::mem::take(&mut self.later) {
            let answer = Connection::to(&bad.server).ask(&bad.bytes, bad.is_whole).await;
            if let Some(answer) = answer.filter(|answer| answer.status >= 500) {
                self.errors.push((bad, answer));
            }
        }
    }

    fn keep_errors(&self, whom: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.holdfast/fuzz");
        fs::create_dir_all(&folder).unwrap();
        for (number, (bad, _)) in self.errors.iter().enumerate() {
            fs::write(folder.join(format!("http-{whom}-{number}")), &bad.bytes).unwrap();
        }
    }
}
