//! The durable store: everything in memory, every change on disk before it is answered.
//!
//! Changes are made under one lock, in one order, and written by one thread that puts all that
//! queued into one transaction: a commit is shared by all who wait for it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, mpsc},
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use crate::{
    idempotency::Stored,
    objects::{Delivery, Endpoint, Event, Intent, Refund},
};

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");

/// Everything that the sandbox knows.
#[derive(Default)]
pub struct State {
    pub intents: BTreeMap<String, Intent>,
    pub refunds: BTreeMap<String, Refund>,
    pub events: BTreeMap<String, Event>,
    pub endpoints: BTreeMap<String, Endpoint>,
    pub deliveries: BTreeMap<String, Delivery>,
    pub keys: BTreeMap<String, Stored>,
    writes: Vec<Write>,
}

enum Write {
    Put(String, Vec<u8>),
    Delete(String),
}

impl State {
    /// Marks an object as changed.
    pub fn put(&mut self, kind: &str, id: &str, object: &impl Serialize) {
        if let Ok(bytes) = serde_json::to_vec(object) {
            self.writes.push(Write::Put(format!("{kind}/{id}"), bytes));
        }
    }

    /// Keeps a changed intent.
    pub fn put_intent(&mut self, intent: Intent) {
        self.put("intent", &intent.id, &intent);
        self.intents.insert(intent.id.clone(), intent);
    }

    /// Keeps a changed delivery; one that is done and old needs no keeping.
    pub fn put_delivery(&mut self, delivery: Delivery) {
        self.put("delivery", &delivery.id, &delivery);
        self.deliveries.insert(delivery.id.clone(), delivery);
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

    /// Looks at what is known.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Makes a change; answers once it is on disk.
    pub async fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (answer, on_disk) = {
            let mut state = self.lock();
            let answer = change(&mut state);
            let writes = std::mem::take(&mut state.writes);
            let (done, on_disk) = oneshot::channel();
            if !writes.is_empty() {
                // Sent under the lock: the order on disk is the order in memory.
                drop(self.writer.send((writes, done)));
            }
            (answer, on_disk)
        };
        // Without writes the sender is gone at once, and so is the wait.
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
    let transaction = database.begin_write()?;
    {
        let mut objects = transaction.open_table(OBJECTS)?;
        for write in commits.iter().flat_map(|(writes, _)| writes) {
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
        let Some((kind, id)) = key.value().split_once('/') else {
            continue;
        };
        let (id, bytes) = (id.to_owned(), bytes.value());
        match kind {
            "intent" => insert(&mut state.intents, id, bytes)?,
            "refund" => insert(&mut state.refunds, id, bytes)?,
            "event" => insert(&mut state.events, id, bytes)?,
            "endpoint" => insert(&mut state.endpoints, id, bytes)?,
            "delivery" => insert(&mut state.deliveries, id, bytes)?,
            "key" => insert(&mut state.keys, id, bytes)?,
            other => tracing::warn!(kind = other, "the store holds something unknown"),
        }
    }
    Ok(state)
}

fn insert<T: DeserializeOwned>(
    objects: &mut BTreeMap<String, T>,
    id: String,
    bytes: &[u8],
) -> anyhow::Result<()> {
    objects.insert(id, serde_json::from_slice(bytes)?);
    Ok(())
}
