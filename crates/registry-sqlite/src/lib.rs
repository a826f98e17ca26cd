//! The embedded adapter of the registry: SQLite in one file, with group commit.
//!
//! One thread writes. It takes all transactions that wait, each in a savepoint of its own so that a conflict fails alone,
//! and makes them durable by one fsync before it tells anyone. Reads go on beside it, each as of one moment: look-ups on
//! the task that asks, listings on the runtime's blocking threads. There is one file for each noun, with its statements,
//! its changes and its reads.

mod apply;
mod billing_group;
mod ca_certificate;
mod certificate;
mod config;
mod delivery;
mod destination;
mod error;
mod event;
mod event_configuration;
mod event_source_mapping;
mod function;
mod greengrass;
mod issuer;
mod layer;
mod log_sink;
mod logging;
mod policy;
mod readers;
mod registration;
mod registration_code;
mod registration_job;
mod row_id;
mod rows;
mod schema;
mod sql;
mod tag;
mod thing;
mod thing_group;
mod thing_type;
mod topic_rule;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use landfall_registry::{CommitError, CommitObserver, Committed, Registry, StorageError, Transaction};
use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tracing::error;

pub use config::Config;
pub use error::OpenError;

use self::error::ReadError;
use self::readers::Readers;
use self::row_id::RowIds;
use self::rows::Rows;
use self::writer::{Done, Observers, Submission, Work, Writer};

/// The registry in an SQLite database.
///
/// Dropping it carries out what was handed over and waits for that, which can take seconds; [`SqliteRegistry::close`] does
/// the same without blocking the thread.
pub struct SqliteRegistry {
    readers: Readers,
    observers: Arc<Observers>,
    writer: Mutex<Option<OpenWriter>>,
    /// Last, so that the directory is free when everything else is closed.
    _lock: File,
}

/// The way to the writer, as long as commits are taken.
struct OpenWriter {
    submissions: mpsc::Sender<Submission>,
    thread: JoinHandle<()>,
}

impl SqliteRegistry {
    /// Opens the database, makes it if there is none, and brings an older one to the schema of this version.
    ///
    /// # Errors
    /// Another process uses the directory, the file is no database of ours or newer than this program, or the system
    /// does not let it be opened.
    pub fn open(config: Config) -> Result<Arc<Self>, OpenError> {
        Self::open_with(config, |_| Ok(()))
    }

    /// Opens with more settings of the writer's connection.
    fn open_with(
        config: Config,
        set: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Arc<Self>, OpenError> {
        let Config { path, readers, listing_readers, transactions_max, group_max, group_pause } = config;
        let lock = schema::lock(&path)?;
        let connection = schema::open_writer(&path)?;
        set(&connection).map_err(|source| schema::open_error(&path, source))?;
        let row_ids = RowIds::load(&connection).map_err(|error| OpenError::Database {
            path: path.clone(),
            source: Box::new(StorageError::from(error)),
        })?;
        let readers = Readers::new(open_readers(&path, readers)?, open_readers(&path, listing_readers)?);

        let observers = Arc::new(Observers::default());
        let (submissions, waiting) = mpsc::channel(transactions_max.clamp(1, Semaphore::MAX_PERMITS));
        let writer = Writer {
            connection,
            row_ids,
            rows: Rows::default(),
            observers: Arc::clone(&observers),
            group_max: group_max.max(1),
            group_pause,
            careful_groups: 0,
        };
        let thread = writer.spawn(waiting).map_err(OpenError::Thread)?;
        let writer = Mutex::new(Some(OpenWriter { submissions, thread }));
        Ok(Arc::new(Self { readers, observers, writer, _lock: lock }))
    }

    /// Takes no more commits, and returns when those that were handed over are done. Reads go on.
    ///
    /// Cancel safety: what was handed over is carried out even if the future is dropped.
    pub async fn close(&self) {
        if let Some(writer) = self.take_writer() {
            drop(writer.submissions);
            let joined = spawn_blocking(move || join(writer.thread)).await;
            if let Err(error) = joined {
                error!(error = %error, "the registry's writer was not waited for");
            }
        }
    }

    /// Reads at once: for what takes microseconds.
    fn look_up<T>(&self, read: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, StorageError> {
        self.readers.look_up(read)
    }

    /// Reads on a thread that may block.
    async fn list<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.readers.list(read).await
    }

    fn submissions(&self) -> Result<mpsc::Sender<Submission>, StorageError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().map(|writer| writer.submissions.clone()).ok_or(StorageError::Closed)
    }

    fn take_writer(&self) -> Option<OpenWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[async_trait]
impl Registry for SqliteRegistry {
    /// When [`Config::transactions_max`] transactions wait, this waits for its place, in the order of the callers.
    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let (reply, outcome) = oneshot::channel();
        let submissions = self.submissions()?;
        let sent = submissions.send(Submission { work: Work::new(transaction), reply }).await;
        sent.map_err(|_| StorageError::Closed)?;
        drop(submissions);
        let Done { result, work } = outcome.await.map_err(|_| StorageError::Closed)?;
        drop(work);
        result
    }

    fn observe(&self, observer: Arc<dyn CommitObserver>) {
        self.observers.add(observer);
    }
}

impl Drop for SqliteRegistry {
    fn drop(&mut self) {
        if let Some(writer) = self.take_writer() {
            drop(writer.submissions);
            join(writer.thread);
        }
    }
}

fn open_readers(path: &Path, count: usize) -> Result<Vec<Connection>, OpenError> {
    (0..count.max(1)).map(|_| schema::open_reader(path)).collect()
}

/// Waits for the writer, unless this is the writer: an observer that owned the registry was its last owner.
fn join(writer: JoinHandle<()>) {
    if writer.thread().id() != thread::current().id() && writer.join().is_err() {
        error!("the registry's writer panicked");
    }
}
