//! What all shoppers share, and how they ask.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use system_tests::{
    Told,
    kept_alive::{EventStream, Head, Request},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    goods::Goods,
    limits::Room,
    pool::{Pool, Taken},
    recorder::{Kind, Outcome, Recorder},
};

/// How long a browser waits for an answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// As much of a wrong answer is shown.
const SHOWN: usize = 300;

/// What all shoppers share.
pub struct World {
    pub goods: Goods,
    pub recorder: Recorder,
    pub pool: Pool,
    pub hold_ttl: Duration,
    /// Those who are at the till.
    pub at_the_till: TaskTracker,
    streams: Arc<Semaphore>,
    told: Mutex<Vec<Told>>,
}

/// What was said to a request.
pub enum Said<T> {
    This(T),
    ComeBack(Duration),
    /// Nothing that can be used.
    Nothing,
}

/// What somebody who knows the request makes of its answer.
pub enum Judged<T> {
    Right(T),
    ComeBack(Duration),
    Wrong(&'static str),
}

/// An event stream, and its place among those that there may be.
pub struct Listening {
    pub stream: EventStream,
    _place: OwnedSemaphorePermit,
}

impl World {
    pub fn new(goods: Goods, pool: Pool, room: Room, hold_ttl: Duration) -> Self {
        Self {
            goods,
            recorder: Recorder::new(),
            pool,
            hold_ttl,
            at_the_till: TaskTracker::new(),
            streams: Arc::new(Semaphore::new(room.streams.min(Semaphore::MAX_PERMITS))),
            told: Mutex::default(),
        }
    }

    /// Sends a request that was meant to be sent at `due`, and measures from then.
    pub async fn ask<T>(
        &self,
        kind: Kind,
        due: Instant,
        request: &Request,
        judge: impl FnOnce(&Head, &[u8]) -> Judged<T>,
    ) -> Said<T> {
        self.recorder.sent(due.elapsed());
        let answered = timeout(ANSWERS_WITHIN, self.exchange(request)).await;
        let took = due.elapsed();
        let Ok(Ok((taken, head))) = answered else {
            self.recorder.ended(kind, Outcome::Lost, took);
            return Said::Nothing;
        };
        let body = taken.wire.body();
        let judged = match (head.status, head.retry_after) {
            (429 | 503, Some(after)) => Judged::ComeBack(after),
            (429 | 503, None) => Judged::Wrong("it does not say when to come back"),
            (500.., _) => Judged::Wrong("an error of the shop's"),
            _ => judge(&head, body),
        };
        let (outcome, said) = match judged {
            Judged::Right(this) => (Outcome::Answered, Said::This(this)),
            Judged::ComeBack(after) => (Outcome::ComeBack, Said::ComeBack(after)),
            Judged::Wrong(why) => {
                let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
                let status = head.status;
                self.recorder.wrong(format!("{}: {why}: {status} {text}", kind.name()));
                (Outcome::Wrong, Said::Nothing)
            }
        };
        if head.goes_on {
            self.pool.give_back(taken);
        }
        self.recorder.ended(kind, outcome, took);
        said
    }

    async fn exchange(&self, request: &Request) -> io::Result<(Taken<'_>, Head)> {
        let mut taken = self.pool.take().await?;
        let head = taken.wire.exchange(request).await?;
        Ok((taken, head))
    }

    /// Opens an event stream that was meant to be opened at `due`; None when there is none to be
    /// had, or when as many are open as there may be.
    pub async fn listen(&self, due: Instant, request: &Request) -> Option<Listening> {
        let place = Arc::clone(&self.streams).try_acquire_owned().ok()?;
        self.recorder.sent(due.elapsed());
        let opening = async {
            let wire = self.pool.connect().await?;
            EventStream::open(wire, request).await
        };
        let opened = timeout(ANSWERS_WITHIN, opening).await;
        let (outcome, listening) = match opened {
            Ok(Ok((head, stream))) if head.status == 200 => {
                (Outcome::Answered, Some(Listening { stream, _place: place }))
            }
            // An order that has ended meanwhile.
            Ok(Ok((head, _))) if head.status == 204 => (Outcome::Answered, None),
            Ok(Ok((head, _))) if head.retry_after.is_some() => (Outcome::ComeBack, None),
            Ok(Ok((head, _))) => {
                self.recorder.wrong(format!("{}: {head:?}", Kind::Events.name()));
                (Outcome::Wrong, None)
            }
            Ok(Err(_)) | Err(_) => (Outcome::Lost, None),
        };
        self.recorder.ended(Kind::Events, outcome, due.elapsed());
        listening
    }

    /// Keeps what a shopper was told of an order.
    pub fn tell(&self, told: Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    /// What shoppers were told of their orders so far.
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
