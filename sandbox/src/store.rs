//! The durable store: everything in memory, every change on disk before it is answered.
//!
//! Changes are made under one lock, in one order, and written by one thread that puts all that
//! queued into one transaction: a commit is shared by all who wait for it. Who only looks waits
//! as well, until all that could be seen is on disk: nobody is told what a crash would undo.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Mutex, MutexGuard, mpsc},
};

use anyhow::Context;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use crate::{
    idempotency::Stored,
    objects::{Charge, Delivery, Dispute, Endpoint, Event, Intent, PaymentMethod, Refund},
    outbox::Outbox,
};

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");

/// Everything that the sandbox knows.
#[derive(Default)]
pub struct State {
    pub intents: BTreeMap<String, Intent>,
    pub payment_methods: BTreeMap<String, PaymentMethod>,
    pub charges: BTreeMap<String, Charge>,
    pub refunds: BTreeMap<String, Refund>,
    pub disputes: BTreeMap<String, Dispute>,
    pub events: BTreeMap<String, Event>,
    pub endpoints: BTreeMap<String, Endpoint>,
    pub outbox: Outbox,
    pub keys: BTreeMap<String, Stored>,
    /// What changes by itself, by the time at which it does.
    due: BTreeSet<(i64, &'static str, String)>,
    writes: Vec<Write>,
}

enum Write {
    Put(String, Vec<u8>),
    Delete(String),
}

/// An object that the store keeps.
pub trait Kept: Serialize + Sized {
    /// What it is called on disk.
    const KIND: &'static str;
    /// Its id.
    fn id(&self) -> &str;
    /// When it changes by itself, Unix time in milliseconds.
    fn due_ms(&self) -> Option<i64>;
    /// Where it is kept.
    fn table(state: &mut State) -> &mut BTreeMap<String, Self>;
}

macro_rules! kept {
    ($($object:ty, $kind:literal, $table:ident, $due_ms:expr;)*) => {
        $(impl Kept for $object {
            const KIND: &'static str = $kind;
            fn id(&self) -> &str {
                &self.id
            }
            fn due_ms(&self) -> Option<i64> {
                let due_ms: fn(&Self) -> Option<i64> = $due_ms;
                due_ms(self)
            }
            fn table(state: &mut State) -> &mut BTreeMap<String, Self> {
                &mut state.$table
            }
        })*
    };
}

kept! {
    Intent, "intent", intents, Intent::due_ms;
    PaymentMethod, "payment_method", payment_methods, |_| None;
    Charge, "charge", charges, |_| None;
    Refund, "refund", refunds, |refund| refund.changes_ms;
    Dispute, "dispute", disputes, |_| None;
    Event, "event", events, |_| None;
    Endpoint, "endpoint", endpoints, |_| None;
}

impl State {
    /// Keeps an object as it is now.
    pub fn keep<T: Kept>(&mut self, object: T) {
        self.put(T::KIND, object.id(), &object);
        self.insert(object);
    }

    fn insert<T: Kept>(&mut self, object: T) {
        let id = object.id().to_owned();
        let due_ms = object.due_ms();
        let before = T::table(self).insert(id.clone(), object);
        if let Some(before_ms) = before.and_then(|before| before.due_ms()) {
            self.due.remove(&(before_ms, T::KIND, id.clone()));
        }
        self.due.extend(due_ms.map(|due_ms| (due_ms, T::KIND, id)));
    }

    /// Whether something changes by itself by `time_ms`.
    pub fn has_due(&self, time_ms: i64) -> bool {
        self.due.first().is_some_and(|(due_ms, ..)| *due_ms <= time_ms)
    }

    /// Takes what changes by itself by `time_ms`, the first of it: its kind and its id.
    pub fn take_due(&mut self, time_ms: i64) -> Option<(&'static str, String)> {
        if !self.has_due(time_ms) {
            return None;
        }
        self.due.pop_first().map(|(_, kind, id)| (kind, id))
    }

    /// Keeps a delivery as it is now, and forgets what is done and old.
    pub fn keep_delivery(&mut self, delivery: Delivery) {
        self.put("delivery", &delivery.id, &delivery);
        if let Some(old) = self.outbox.put(delivery) {
            self.delete("delivery", &old);
        }
    }

    /// Marks an object as changed.
    pub fn put(&mut self, kind: &str, id: &str, object: &impl Serialize) {
        if let Ok(bytes) = serde_json::to_vec(object) {
            self.writes.push(Write::Put(format!("{kind}/{id}"), bytes));
        }
    }

    /// Forgets an object.
    pub fn delete(&mut self, kind: &str, id: &str) {
        self.writes.push(Write::Delete(format!("{kind}/{id}")));
    }
}

type Commit = (Vec<Write>, oneshot::Sender<()>);

/// The store.
pub struct Store {
    state: Mutex<State>,
    writer: mpsc::Sender<Commit>,
}

impl Store {
    /// Opens the store in `folder`, making it if it is not there.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let database = Database::create(folder.join("sandbox.redb"))?;
        let state = load(&database)?;
        let (writer, queue) = mpsc::channel();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_all(&database, &queue))?;
        Ok(Self { state: Mutex::new(state), writer })
    }

    /// Looks at what is known, on disk or not: for what is looked at again before it is told.
    pub fn peek<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Looks at what is known; answers once all of that is on disk.
    pub async fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.change(|state| look(state)).await
    }

    /// Makes a change; answers once it is on disk.
    pub async fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (answer, on_disk) = {
            let mut state = self.lock();
            let answer = change(&mut state);
            let writes = std::mem::take(&mut state.writes);
            let (done, on_disk) = oneshot::channel();
            // Sent under the lock: the order on disk is the order in memory.
            drop(self.writer.send((writes, done)));
            (answer, on_disk)
        };
        drop(on_disk.await);
        answer
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Writes what queues, all that is there in one transaction. A store that can't write is no
/// store: the process ends, and what it had not answered has not happened.
fn write_all(database: &Database, queue: &mpsc::Receiver<Commit>) {
    while let Ok(first) = queue.recv() {
        let commits: Vec<Commit> = std::iter::once(first).chain(queue.try_iter()).collect();
        if let Err(error) = write(database, &commits) {
            tracing::error!(%error, "the store can't be written");
            std::process::exit(1);
        }
        for (_, done) in commits {
            let _ = done.send(()); // nobody waits any more: fine
        }
    }
}

fn write(database: &Database, commits: &[Commit]) -> anyhow::Result<()> {
    let mut writes = commits.iter().flat_map(|(writes, _)| writes).peekable();
    if writes.peek().is_none() {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    {
        let mut objects = transaction.open_table(OBJECTS)?;
        for write in writes {
            match write {
                Write::Put(key, bytes) => drop(objects.insert(key.as_str(), bytes.as_slice())?),
                Write::Delete(key) => drop(objects.remove(key.as_str())?),
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn load(database: &Database) -> anyhow::Result<State> {
    let transaction = database.begin_write()?;
    transaction.open_table(OBJECTS)?;
    transaction.commit()?;
    let mut state = State::default();
    let reading = database.begin_read()?;
    for entry in reading.open_table(OBJECTS)?.iter()? {
        let (key, bytes) = entry?;
        insert(&mut state, key.value(), bytes.value()).with_context(|| {
            format!("{} was written by another version of the sandbox", key.value())
        })?;
    }
    state.writes.clear();
    Ok(state)
}

fn insert(state: &mut State, key: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let (kind, id) = key.split_once('/').unwrap_or((key, ""));
    match kind {
        Intent::KIND => object::<Intent>(state, bytes)?,
        PaymentMethod::KIND => object::<PaymentMethod>(state, bytes)?,
        Charge::KIND => object::<Charge>(state, bytes)?,
        Refund::KIND => object::<Refund>(state, bytes)?,
        Dispute::KIND => object::<Dispute>(state, bytes)?,
        Event::KIND => object::<Event>(state, bytes)?,
        Endpoint::KIND => object::<Endpoint>(state, bytes)?,
        "delivery" => drop(state.outbox.put(serde_json::from_slice(bytes)?)),
        "key" => drop(state.keys.insert(id.to_owned(), serde_json::from_slice(bytes)?)),
        other => tracing::warn!(kind = other, "the store holds something unknown"),
    }
    Ok(())
}

fn object<T: Kept + DeserializeOwned>(state: &mut State, bytes: &[u8]) -> anyhow::Result<()> {
    state.insert::<T>(serde_json::from_slice(bytes)?);
    Ok(())
}
