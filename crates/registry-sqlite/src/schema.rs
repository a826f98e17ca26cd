//! The database file: its lock, its connections and its schema.

use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tracing::info;

use crate::error::OpenError;

/// The migrations, each from the version before it; the first makes version 1.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_control_plane.sql"),
    include_str!("../migrations/0003_deleted_thing_groups.sql"),
    include_str!("../migrations/0004_topic_rules.sql"),
    include_str!("../migrations/0005_functions.sql"),
    include_str!("../migrations/0006_greengrass.sql"),
    include_str!("../migrations/0007_registration_jobs.sql"),
    include_str!("../migrations/0008_log_sinks.sql"),
];

/// Marks the file as ours (`LAND` in ASCII): <https://www.sqlite.org/pragma.html#pragma_application_id>.
const APPLICATION_ID: i64 = 0x4c41_4e44;

/// The name of the lock file, beside the database.
const LOCK_FILE: &str = "registry.lock";

/// Prepared statements that a connection keeps: as many as there are, at least.
pub(crate) const STATEMENTS_MAX: usize = 320;

/// How long a connection waits for another program that holds the database, as a backup does.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// Memory for pages of the writer, in KiB. More would not help: after a transaction that has split a page, SQLite goes through
/// all that it keeps, which with a large registry would cost each group of commits as much as its pages; and what is not kept
/// comes from the system's memory.
const WRITER_CACHE_KIB: u32 = 16_384;

/// Memory for pages of each reader, in KiB: those that are not in the mapped file yet.
const READER_CACHE_KIB: u32 = 16_384;

/// Bytes of the file that readers map: the most that SQLite allows. What is behind is read.
const READER_MAPPED_BYTES: u32 = 0x7fff_0000;

/// Pages of the write-ahead log after which the writer copies them into the database: 128 MiB.
const CHECKPOINT_PAGES: u32 = 32_768;

/// Takes the directory of the database for this process, until the file is closed.
pub(crate) fn lock(database: &Path) -> Result<File, OpenError> {
    let path = database.with_file_name(LOCK_FILE);
    let failed = |source| OpenError::Lock { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
            Err(OpenError::InUse { directory })
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Opens the connection that writes, and brings the schema to the version of this program.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| open_error(path, source);
    let mut connection = Connection::open(path).map_err(failed)?;
    keep_statements(&connection).map_err(failed)?;
    let version = schema_version(&connection, path)?;
    let settings = format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA synchronous = FULL;
        PRAGMA cache_size = -{WRITER_CACHE_KIB}; PRAGMA temp_store = MEMORY;
        PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
    );
    connection.execute_batch(&settings).map_err(failed)?;
    // SQLite answers with the mode that it uses, which is another where it cannot share memory with the readers.
    let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
    if mode.map_err(failed)? != "wal" {
        return Err(OpenError::NoWriteAheadLog { path: path.to_path_buf() });
    }
    migrate(&mut connection, path, version)?;
    Ok(connection)
}

/// Opens a connection that reads, after the writer's.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| open_error(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    keep_statements(&connection).map_err(failed)?;
    let settings = format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA cache_size = -{READER_CACHE_KIB};
        PRAGMA temp_store = MEMORY; PRAGMA mmap_size = {READER_MAPPED_BYTES};"
    );
    connection.execute_batch(&settings).map_err(failed)?;
    Ok(connection)
}

/// Has each statement prepared once. Without the stability guarantee SQLite prepares those with a join again for each value
/// that is bound, in case that another plan suits it better: a third of the time of a look-up.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// What SQLite's error means to who opens the database.
pub(crate) fn open_error(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_path_buf();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::Damaged { path, source: Box::new(source) }
        }
        _ => OpenError::Database { path, source: Box::new(source) },
    }
}

/// The schema version of the file, 0 for an empty one, before anything is written to it.
fn schema_version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let number = |sql: &str| -> Result<i64, OpenError> {
        connection.query_row(sql, [], |row| row.get(0)).map_err(|source| open_error(path, source))
    };
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT COUNT(*) FROM sqlite_schema")?;
    let known = version_of(MIGRATIONS.len());
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, version) if version > known => {
            Err(OpenError::NewerSchema { path: path.to_path_buf(), found: version, known })
        }
        (APPLICATION_ID, version) if version > 0 => Ok(version),
        _ => Err(OpenError::Foreign { path: path.to_path_buf() }),
    }
}

/// Carries out the migrations behind `version`, each in a transaction.
fn migrate(connection: &mut Connection, path: &Path, version: i64) -> Result<(), OpenError> {
    for (migration, sql) in (1..).map(version_of).zip(MIGRATIONS).filter(|(leads_to, _)| *leads_to > version)
    {
        let result = connection.transaction().and_then(|transaction| {
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", migration)?;
            transaction.commit()
        });
        result.map_err(|source| OpenError::Migration {
            path: path.to_path_buf(),
            version: migration,
            source: Box::new(source),
        })?;
        info!(schema.version = migration, path = %path.display(), "registry schema migrated");
    }
    Ok(())
}

/// The schema version after this many migrations.
fn version_of(migrations: usize) -> i64 {
    i64::try_from(migrations).unwrap_or(i64::MAX)
}
