//! More than this process can carry: the rest is told to come back, at once and not all at the same
//! time, so that who is let in is answered soon.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;

use crate::problem::{Kind, Problem};

/// Requests under way at once, at the most, on one listener.
const AT_ONCE: usize = 4_096;
/// How long what is ready to go on may wait until it does. Past it, whoever comes would wait as
/// long, and longer with each further one.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How often is noted that all that was ready had its turn.
const NOTED_EVERY: Duration = Duration::from_millis(25);
/// Whoever is told to come back does so within so many seconds.
const COME_BACK_WITHIN_S: u16 = 5;

/// How much a listener lets in.
#[derive(Clone)]
pub struct Gate {
    slots: Arc<Semaphore>,
    pace: Option<Arc<Pace>>,
}

impl Gate {
    /// Of a listener that takes no more while this process is behind.
    pub fn at_pace(pace: Arc<Pace>) -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), pace: Some(pace) }
    }

    /// Of a listener that does: those who look after the shop are let in first.
    pub fn of_number() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), pace: None }
    }
}

/// Whether this process keeps up with what there is to do.
pub struct Pace {
    began: Instant,
    /// Milliseconds after `began` at which all that was ready last had its turn.
    noted_ms: AtomicU64,
}

impl Pace {
    /// Notes it from now on, for as long as somebody asks.
    pub fn watch() -> Arc<Self> {
        let pace = Arc::new(Self { began: Instant::now(), noted_ms: AtomicU64::new(0) });
        let noting = Arc::downgrade(&pace);
        tokio::spawn(async move {
            // A task that sleeps stands in line with all that is ready when it wakes.
            while let Some(pace) = noting.upgrade() {
                pace.noted_ms.store(pace.now_ms(), Ordering::Relaxed);
                drop(pace);
                tokio::time::sleep(NOTED_EVERY).await;
            }
        });
        pace
    }

    fn is_behind(&self) -> bool {
        let waits_ms = self.now_ms().saturating_sub(self.noted_ms.load(Ordering::Relaxed));
        Duration::from_millis(waits_ms) > LONGEST_WAIT
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Lets a request in, or tells it to come back.
pub async fn shed(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if gate.pace.as_ref().is_some_and(|pace| pace.is_behind()) {
        return come_back();
    }
    match gate.slots.try_acquire() {
        Ok(_slot) => next.run(request).await,
        Err(_none_left) => come_back(),
    }
}

fn come_back() -> Response {
    let spread = getrandom::u32().unwrap_or_default() % u32::from(COME_BACK_WITHIN_S);
    let seconds = 1 + u16::try_from(spread).unwrap_or_default();
    Problem::new(Kind::Overloaded).retry_after(seconds).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::{
        Router,
        body::Body,
        http::{StatusCode, header::RETRY_AFTER},
        middleware::from_fn_with_state,
        routing::get,
    };
    use tower::ServiceExt;

    use super::*;

    fn router(gate: Gate) -> Router {
        let route = get(|| async { "let in" });
        Router::new().route("/", route).route_layer(from_fn_with_state(gate, shed))
    }

    async fn ask(router: &Router) -> Response {
        router.clone().oneshot(Request::new(Body::empty())).await.unwrap()
    }

    #[tokio::test]
    async fn while_what_is_ready_waits_too_long_nobody_else_is_let_in() {
        let shop = router(Gate::at_pace(Pace::watch()));
        let operators = router(Gate::of_number());
        tokio::time::sleep(NOTED_EVERY).await;
        // Nothing else has its turn meanwhile, as when thousands are ahead of it.
        std::thread::sleep(LONGEST_WAIT + Duration::from_millis(200));
        let refused = ask(&shop).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key(RETRY_AFTER));
        assert_eq!(ask(&operators).await.status(), StatusCode::OK);
        let deadline = Instant::now() + Duration::from_secs(30);
        while ask(&shop).await.status() != StatusCode::OK {
            assert!(Instant::now() < deadline, "it does not end by itself");
            tokio::time::sleep(NOTED_EVERY).await;
        }
    }

    #[tokio::test]
    async fn those_who_are_one_too_many_are_told_different_times_to_come_back() {
        let gate = Gate::of_number();
        let taken = gate.slots.clone().acquire_many_owned(AT_ONCE.try_into().unwrap());
        let taken = taken.await.unwrap();
        let router = router(gate);
        let mut told = BTreeSet::new();
        for _ in 0..100 {
            let refused = ask(&router).await;
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
            let seconds = refused.headers()[RETRY_AFTER].to_str().unwrap().parse::<u16>().unwrap();
            assert!((1..=COME_BACK_WITHIN_S).contains(&seconds), "{seconds}");
            told.insert(seconds);
        }
        assert!(told.len() > 1, "{told:?}");
        drop(taken);
        assert_eq!(ask(&router).await.status(), StatusCode::OK);
    }
}
