use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use landfall_registry::{CommitError, Conflict, StorageError};
use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the registry could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the registry open.
    #[error("another server uses the directory {}: stop that one, or choose another directory", .directory.display())]
    InUse {
        /// The directory of the database.
        directory: PathBuf,
    },
    /// The lock file could not be made or locked.
    #[error("cannot lock {}", .path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A newer version of the program wrote the database.
    #[error(
        "{} has schema version {found}, and this version of landfall knows versions up to {known}: \
         run the landfall that wrote it or a newer one, or restore a backup of before the upgrade",
        .path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version that is known.
        known: i64,
    },
    /// The file is a database of another program.
    #[error("{} is the database of another program: move it away, or choose another directory", .path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The file is no database, or damaged.
    #[error("{} is no SQLite database or is damaged: restore a backup, or move it away to begin anew", .path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The file system cannot do what several connections to one database need.
    #[error(
        "{} is on a file system without the shared memory of a write-ahead log: choose a directory on a local disk",
        .path.display()
    )]
    NoWriteAheadLog {
        /// The database.
        path: PathBuf,
    },
    /// A migration of the schema failed; the database is as it was.
    #[error("cannot bring {} to schema version {version}", .path.display())]
    Migration {
        /// The database.
        path: PathBuf,
        /// The version to which the migration leads.
        version: i64,
        /// What SQLite says.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Anything else that SQLite reports.
    #[error("cannot open {}", .path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The writer's thread could not be started.
    #[error("cannot start the registry's writer")]
    Thread(#[source] io::Error),
}

/// A read that failed.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// As SQLite reports it.
    Sqlite(rusqlite::Error),
    /// A value is not what this version writes.
    Inconsistent { table: &'static str, column: &'static str, row: i64, problem: String },
}

/// A change that was not made.
#[derive(Debug)]
pub(crate) enum ApplyError {
    /// Its precondition does not hold.
    Conflict(Conflict),
    /// The storage failed.
    Storage(ReadError),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<ReadError> for ApplyError {
    fn from(error: ReadError) -> Self {
        Self::Storage(error)
    }
}

impl From<Conflict> for ApplyError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<ReadError> for StorageError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) if is_full(&error) => Self::Full,
            ReadError::Sqlite(error) => Self::Failed(Box::new(error)),
            ReadError::Inconsistent { table, column, row, problem } => {
                Self::Inconsistent { table, column, row, problem }
            }
        }
    }
}

impl From<ApplyError> for CommitError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Conflict(conflict) => Self::Conflict(conflict),
            ApplyError::Storage(error) => Self::Storage(error.into()),
        }
    }
}

/// Whether SQLite found no space on the disk.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
