//! Many callers' small transactions as one: while a batch is with Postgres, the next one gathers.
//!
//! Nobody waits for a timer: who comes alone is a batch of one. Each shard has one batch on its way,
//! so that batches of the same rows do not queue for each other's locks.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Instant,
};

use futures::future::BoxFuture;
use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};

use crate::{ChangeSink, Changes, Database, database::DatabaseError, metrics};

/// The most that one transaction takes: what is gained by more is less than what the members wait.
const MOST_AT_ONCE: usize = 1_000;

/// Answers each member of a batch, in its order, in one transaction.
pub type Work<Ask, Answer> =
    for<'c> fn(
        &'c mut PgConnection,
        &'c [Ask],
    ) -> BoxFuture<'c, Result<(Vec<Answer>, Changes), DatabaseError>>;

/// Gathers calls into batches.
pub struct Batches<Ask, Answer> {
    shards: Vec<mpsc::UnboundedSender<Member<Ask, Answer>>>,
}

struct Member<Ask, Answer> {
    ask: Ask,
    asked_at: Instant,
    answer: oneshot::Sender<Result<Answer, DatabaseError>>,
}

impl<Ask, Answer> Batches<Ask, Answer>
where
    Ask: Clone + Send + Sync + 'static,
    Answer: Send + 'static,
{
    /// Starts `shards` batches side by side that do `work` and tell `changes` of it. In metrics
    /// they go by `name`.
    #[must_use]
    pub fn start(
        name: &'static str,
        shards: usize,
        database: &Database,
        changes: &ChangeSink,
        work: Work<Ask, Answer>,
    ) -> Self {
        let shard = |_| {
            let (sender, queue) = mpsc::unbounded_channel();
            let shard = Shard { name, database: database.clone(), changes: changes.clone(), work };
            tokio::spawn(shard.run(queue));
            sender
        };
        Self { shards: (0..shards).map(shard).collect() }
    }

    /// Has `ask` done in the next batch of its shard, that of `key`. It is done even when nobody
    /// waits for the answer any more.
    ///
    /// # Errors
    /// Why the transaction could not be done. After an error of the commit it is not known whether
    /// it was.
    pub async fn call(&self, key: impl Hash, ask: Ask) -> Result<Answer, DatabaseError> {
        let mut hash = DefaultHasher::new();
        key.hash(&mut hash);
        let shard = usize::try_from(hash.finish() % self.shards.len() as u64).unwrap_or_default();
        let (answer, answered) = oneshot::channel();
        self.shards[shard]
            .send(Member { ask, asked_at: Instant::now(), answer })
            .map_err(|_| DatabaseError::Unanswered)?;
        answered.await.map_err(|_| DatabaseError::Unanswered)?
    }
}

struct Shard<Ask, Answer> {
    name: &'static str,
    database: Database,
    changes: ChangeSink,
    work: Work<Ask, Answer>,
}

impl<Ask, Answer> Shard<Ask, Answer>
where
    Ask: Clone + Send + Sync + 'static,
    Answer: Send + 'static,
{
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Member<Ask, Answer>>) {
        let mut batch = Vec::new();
        while queue.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
            let batch = std::mem::take(&mut batch);
            metrics::batch_begins(self.name, batch.iter().map(|member| member.asked_at));
            self.answer(batch).await;
        }
    }

    /// Answers every member. A batch that fails because of one of them is halved, so that it fails
    /// alone.
    async fn answer(&self, batch: Vec<Member<Ask, Answer>>) {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            match self.transact(&part).await {
                Ok(answers) => {
                    for (member, answer) in part.into_iter().zip(answers) {
                        // Whoever asked may be gone.
                        drop(member.answer.send(Ok(answer)));
                    }
                }
                Err(error) if part.len() > 1 && error.is_of_one_member() => {
                    tracing::warn!(%error, members = part.len(), "a batch is halved");
                    let half = part.split_off(part.len() / 2);
                    parts.extend([half, part]);
                }
                Err(error) => {
                    let error = Arc::new(error);
                    for member in part {
                        let error = DatabaseError::OfTheBatch(Arc::clone(&error));
                        drop(member.answer.send(Err(error)));
                    }
                }
            }
        }
    }

    async fn transact(&self, part: &[Member<Ask, Answer>]) -> Result<Vec<Answer>, DatabaseError> {
        let asked: Vec<_> = part.iter().map(|member| member.ask.clone()).collect();
        let (work, name) = (self.work, self.name);
        let done = self.database.transact(move |connection| {
            Box::pin(async move {
                let answers = work(connection, &asked).await?;
                failpoints::reached(["transaction", name, "uncommitted"], &[&name]).await;
                Ok(answers)
            })
        });
        let (answers, changes) = done.await?;
        self.changes.tell(changes);
        Ok(answers)
    }
}
