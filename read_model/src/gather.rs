//! Many callers' look-ups as one: while a statement is with Postgres, the next one's keys gather.
//! Nobody waits for a timer: who comes alone asks alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::ReadError;

/// The most that one statement is asked for.
const MOST_AT_ONCE: usize = 1_000;

/// How long one statement may take, the way to a connection included: everybody behind it waits.
/// Postgres ends statements sooner; this is for a connection that has gone silent.
const PATIENCE: Duration = Duration::from_secs(6);

/// What there is of some keys.
type Looking<Key, Found> = BoxFuture<'static, Result<BTreeMap<Key, Found>, ReadError>>;

/// Gathers look-ups by key.
pub struct Gather<Key, Found>(mpsc::UnboundedSender<Asked<Key, Found>>);

/// Looks for keys, on connections of a pool.
struct LookUp<Look> {
    look: Look,
    /// How many connections may turn out to be lost: all of the pool's, when Postgres was started
    /// again since they were used. The next one is new.
    connections: u32,
}

struct Asked<Key, Found> {
    key: Key,
    found: oneshot::Sender<Result<Option<Found>, ReadError>>,
}

impl<Key, Found> Gather<Key, Found>
where
    Key: Clone + Ord + Send + 'static,
    Found: Clone + Send + 'static,
{
    /// Starts gathering for `look`, which looks for all of its keys in one statement, on one of
    /// `connections`, as long as anybody can ask.
    #[must_use]
    pub fn start(
        connections: u32,
        look: impl Fn(Vec<Key>) -> Looking<Key, Found> + Send + Sync + 'static,
    ) -> Self {
        let (sender, queue) = mpsc::unbounded_channel();
        tokio::spawn(run(queue, LookUp { look, connections }));
        Self(sender)
    }

    /// What there is of `key`, as it is after this was asked.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn look(&self, key: Key) -> Result<Option<Found>, ReadError> {
        let (sender, found) = oneshot::channel();
        let asked = Asked { key, found: sender };
        self.0.send(asked).map_err(|_| ReadError::Unanswered)?;
        found.await.map_err(|_| ReadError::Unanswered)?
    }
}

impl<Look> LookUp<Look> {
    /// Looks, and on another connection when one turns out to be lost: reading twice does no harm.
    async fn of<Key: Clone, Found>(&self, keys: Vec<Key>) -> Result<BTreeMap<Key, Found>, ReadError>
    where
        Look: Fn(Vec<Key>) -> Looking<Key, Found>,
    {
        for _ in 0..self.connections {
            match in_time((self.look)(keys.clone())).await {
                Err(error) if error.is_of_the_connection() => {
                    tracing::warn!(%error, "looking again, on another connection");
                }
                looked => return looked,
            }
        }
        in_time((self.look)(keys)).await
    }
}

async fn in_time<T>(look: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
    tokio::time::timeout(PATIENCE, look).await.unwrap_or(Err(ReadError::Silent))
}

async fn run<Key, Found, Look>(
    mut queue: mpsc::UnboundedReceiver<Asked<Key, Found>>,
    look_up: LookUp<Look>,
) where
    Key: Clone + Ord + Send + 'static,
    Found: Clone + Send + 'static,
    Look: Fn(Vec<Key>) -> Looking<Key, Found>,
{
    let mut asked = Vec::new();
    while queue.recv_many(&mut asked, MOST_AT_ONCE).await > 0 {
        let keys: BTreeSet<_> = asked.iter().map(|asked| asked.key.clone()).collect();
        let found = look_up.of(keys.into_iter().collect()).await.map_err(Arc::new);
        for Asked { key, found: waiting } in asked.drain(..) {
            let answer = match &found {
                Ok(found) => Ok(found.get(&key).cloned()),
                // One row can't be read: it must not stand in the way of the others.
                Err(error) if error.is_of_one_row() => {
                    look_up.of(vec![key.clone()]).await.map(|mut found| found.remove(&key))
                }
                Err(error) => Err(ReadError::OfAll(Arc::clone(error))),
            };
            // Whoever asked may be gone.
            drop(waiting.send(answer));
        }
    }
}
