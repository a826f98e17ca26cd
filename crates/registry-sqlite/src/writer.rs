//! The one writer: a thread that commits all that waits in one transaction.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use landfall_registry::{CommitError, CommitObserver, Committed, StorageError, Transaction};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::apply::Apply;
use crate::error::{ApplyError, ReadError, is_full};
use crate::event::{self, Draft};
use crate::row_id::RowIds;
use crate::rows::Rows;
use crate::sql::{execute, statements};
use crate::thing_group;

statements! {
    BEGIN = "BEGIN IMMEDIATE";
    COMMIT = "COMMIT";
    ROLLBACK = "ROLLBACK";
    SAVEPOINT = "SAVEPOINT one";
    RELEASE = "RELEASE SAVEPOINT one";
    ROLLBACK_TO = "ROLLBACK TO SAVEPOINT one";
    // With an empty write-ahead log the next start has nothing to read.
    CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)";
}

/// A transaction that waits, with where to tell what became of it.
pub(crate) struct Submission {
    pub(crate) work: Work,
    pub(crate) reply: oneshot::Sender<Done>,
}

/// A transaction, with what the committer has made to spare the writer.
pub(crate) struct Work {
    transaction: Transaction,
    drafts: Vec<Option<Draft>>,
}

/// What became of a transaction. The work goes back to the committer, who frees what it has allocated: that is cheaper than
/// to free the memory of other threads in the one that writes.
pub(crate) struct Done {
    pub(crate) result: Result<Committed, CommitError>,
    pub(crate) work: Work,
}

/// Those who hear of each commit.
#[derive(Default)]
pub(crate) struct Observers(Mutex<Vec<Arc<dyn CommitObserver>>>);

/// The owner of the connection that writes.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) row_ids: RowIds,
    pub(crate) rows: Rows,
    pub(crate) observers: Arc<Observers>,
    pub(crate) group_max: usize,
    pub(crate) group_pause: Duration,
    /// How many groups are still written with a savepoint for each transaction: when one conflicts, others soon will, as in a
    /// fleet whose things were created beforehand.
    pub(crate) careful_groups: u32,
}

/// How many groups after a conflict are written with savepoints.
const CAREFUL_GROUPS: u32 = 16;

/// What became of each transaction of a group that was committed.
type Outcomes = Vec<Result<Committed, ApplyError>>;

impl Work {
    pub(crate) fn new(transaction: Transaction) -> Self {
        let drafts = event::drafts(&transaction);
        Self { transaction, drafts }
    }
}

impl Writer {
    /// Starts the thread. It ends when every sender is gone and what was handed over is done.
    pub(crate) fn spawn(mut self, mut submissions: mpsc::Receiver<Submission>) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("registry-writer".to_owned()).spawn(move || {
            let mut group = Vec::with_capacity(self.group_max);
            let mut before = 0;
            while self.take(&mut group, &mut submissions) > 0 {
                if before.max(group.len()) > 1 {
                    self.gather(&mut group, &mut submissions);
                }
                before = group.len();
                self.commit(&mut group);
            }
            self.close();
        })
    }

    /// Takes what waits, or waits for something to come, and says how much that is: none at the end.
    ///
    /// What deleted groups have left is swept as long as nothing waits, and a little for each group of commits, so that it
    /// comes to an end under load, too.
    fn take(&self, group: &mut Vec<Submission>, submissions: &mut mpsc::Receiver<Submission>) -> usize {
        let mut is_to_sweep = self.sweep();
        while is_to_sweep && submissions.is_empty() && !submissions.is_closed() {
            is_to_sweep = self.sweep();
        }
        submissions.blocking_recv_many(group, self.group_max)
    }

    /// Sweeps a little, in a transaction of its own, and says whether there may be more.
    fn sweep(&self) -> bool {
        let swept = self.sweep_one().unwrap_or_else(|error| {
            warn!(error = %error, "cannot sweep the members of a deleted group; this is tried again after the next commit");
            false
        });
        if let Err(error) = self.roll_back() {
            warn!(error = %error, "cannot roll back a sweep; this is tried again before the next group");
        }
        swept
    }

    fn sweep_one(&self) -> rusqlite::Result<bool> {
        let Some(deleted) = thing_group::to_sweep(&self.connection)? else { return Ok(false) };
        execute(&self.connection, BEGIN, [])?;
        thing_group::sweep(&self.connection, deleted)?;
        execute(&self.connection, COMMIT, [])?;
        Ok(true)
    }

    /// Waits a moment, and takes what has come meanwhile.
    fn gather(&self, group: &mut Vec<Submission>, submissions: &mut mpsc::Receiver<Submission>) {
        if group.len() < self.group_max && !self.group_pause.is_zero() {
            thread::sleep(self.group_pause);
            while group.len() < self.group_max
                && let Ok(submission) = submissions.try_recv()
            {
                group.push(submission);
            }
        }
    }

    /// Commits a group, then tells the observers, then the committers.
    fn commit(&mut self, group: &mut Vec<Submission>) {
        match self.write(group) {
            Ok(outcomes) => {
                let observers = self.observers.all();
                for (submission, outcome) in group.drain(..).zip(outcomes) {
                    if let Ok(committed) = &outcome {
                        tell(&observers, &submission.work.transaction, committed);
                    }
                    answer(submission, outcome.map_err(CommitError::from));
                }
            }
            // On a full disk each transaction is tried alone: one that needs no space, or frees some, succeeds.
            Err(error) if is_full(&error) && group.len() > 1 => {
                for submission in group.drain(..) {
                    self.commit(&mut vec![submission]);
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for submission in group.drain(..) {
                    let error = if is_full(&error) {
                        StorageError::Full
                    } else {
                        StorageError::Failed(Box::new(Arc::clone(&error)))
                    };
                    answer(submission, Err(error.into()));
                }
            }
        }
    }

    /// Writes a group: all that do not conflict are durable when this returns, or none is and it fails.
    ///
    /// A savepoint for each transaction costs a tenth of the work, for which nearly always nobody has a use. So a group is
    /// first written without; when one in it fails, all is rolled back and written again, each with its savepoint.
    fn write(&mut self, group: &[Submission]) -> rusqlite::Result<Outcomes> {
        if self.careful_groups == 0 {
            let outcomes = self.attempt(|writer| writer.write_together(group))?;
            if let Some(outcomes) = outcomes {
                return Ok(outcomes);
            }
            self.careful_groups = CAREFUL_GROUPS;
        }
        let outcomes = self.attempt(|writer| writer.write_each(group).map(Some))?.unwrap_or_default();
        if outcomes.iter().any(Result::is_err) {
            self.careful_groups = CAREFUL_GROUPS;
        } else {
            self.careful_groups = self.careful_groups.saturating_sub(1);
        }
        Ok(outcomes)
    }

    /// Commits what `write` has written, unless that has failed or given up.
    fn attempt(
        &mut self,
        write: impl FnOnce(&mut Self) -> rusqlite::Result<Option<Outcomes>>,
    ) -> rusqlite::Result<Option<Outcomes>> {
        self.roll_back()?;
        execute(&self.connection, BEGIN, [])?;
        let result = write(self).and_then(|outcomes| {
            if outcomes.is_some() {
                execute(&self.connection, COMMIT, [])?;
            }
            Ok(outcomes)
        });
        if !matches!(result, Ok(Some(_))) {
            self.rows.forget();
            if let Err(error) = self.roll_back() {
                warn!(error = %error, "cannot roll back a group; this is tried again before the next one");
            }
        }
        result
    }

    /// Rolls back what is left of a group, unless SQLite did so by itself, as it does after some errors.
    fn roll_back(&self) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        execute(&self.connection, ROLLBACK, []).map(drop)
    }

    /// Writes the transactions of a group, or gives up when one fails.
    fn write_together(&mut self, group: &[Submission]) -> rusqlite::Result<Option<Outcomes>> {
        let mut outcomes = Vec::with_capacity(group.len());
        for Submission { work, .. } in group {
            let apply = Apply::new(&self.connection, &mut self.row_ids, &mut self.rows, &work.drafts);
            match apply.all(&work.transaction) {
                Ok(committed) => outcomes.push(Ok(committed)),
                Err(ApplyError::Storage(ReadError::Sqlite(error))) if self.connection.is_autocommit() => {
                    return Err(error);
                }
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(outcomes))
    }

    fn write_each(&mut self, group: &[Submission]) -> rusqlite::Result<Outcomes> {
        group.iter().map(|submission| self.write_one(&submission.work)).collect()
    }

    /// Writes one transaction, which fails alone; the outer error is one by which the whole group fails.
    fn write_one(&mut self, work: &Work) -> rusqlite::Result<Result<Committed, ApplyError>> {
        execute(&self.connection, SAVEPOINT, [])?;
        let apply = Apply::new(&self.connection, &mut self.row_ids, &mut self.rows, &work.drafts);
        let outcome = apply.all(&work.transaction);
        match outcome {
            Ok(_) => {}
            Err(ApplyError::Storage(ReadError::Sqlite(error))) if self.connection.is_autocommit() => {
                return Err(error);
            }
            Err(_) => {
                self.rows.forget();
                execute(&self.connection, ROLLBACK_TO, [])?;
            }
        }
        execute(&self.connection, RELEASE, [])?;
        Ok(outcome)
    }

    fn close(self) {
        // The first column says whether a reader was in the way.
        match self.connection.query_row(CHECKPOINT, [], |row| row.get::<_, bool>(0)) {
            Ok(false) => {}
            Ok(true) => {
                warn!("a reader kept the write-ahead log from being emptied; the next start reads it")
            }
            Err(error) => warn!(error = %error, "cannot empty the write-ahead log; the next start reads it"),
        }
    }
}

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn CommitObserver>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    fn all(&self) -> Vec<Arc<dyn CommitObserver>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tells the observers what was committed. One that panics must not end the writer, on which everyone waits.
fn tell(observers: &[Arc<dyn CommitObserver>], transaction: &Transaction, committed: &Committed) {
    for observer in observers {
        let tell = || {
            observer.committed(transaction.changes());
            committed.events.iter().for_each(|event| observer.appended(event));
            committed.activated.iter().for_each(|principal| observer.activated(principal));
        };
        if catch_unwind(AssertUnwindSafe(tell)).is_err() {
            error!("an observer of commits panicked");
        }
    }
}

/// Tells the committer, unless it has gone away.
fn answer(submission: Submission, result: Result<Committed, CommitError>) {
    let Submission { work, reply } = submission;
    let _ = reply.send(Done { result, work });
}
