use async_trait::async_trait;
use landfall_model::{LogSinkName, RegistrationRecord};
use landfall_registry::{Cursor, LogSinks, StorageError};
use rusqlite::params;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::ApplyError;
use crate::registration;
use crate::sql::{execute, first, statements};

statements! {
    POSITION = "SELECT position FROM log_sinks WHERE name = $1";
    SET_POSITION = "INSERT INTO log_sinks (name, position) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET position = $2";
    LAST_RECORD = "SELECT MAX(rid) FROM registrations";
}

#[async_trait]
impl LogSinks for SqliteRegistry {
    async fn log_sink_position(&self, sink: LogSinkName) -> Result<Option<Cursor>, StorageError> {
        self.look_up(|connection| {
            first(connection, POSITION, [sink.as_str()], |row| Ok(Cursor::new(row.get(0)?)))
        })
    }

    async fn last_record_position(&self) -> Result<Option<Cursor>, StorageError> {
        let last = self.look_up(|connection| {
            first(connection, LAST_RECORD, [], |row| Ok(row.get::<_, Option<i64>>(0)?))
        });
        Ok(last?.flatten().map(Cursor::new))
    }

    async fn records_behind(
        &self,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<(Cursor, RegistrationRecord)>, StorageError> {
        self.list(move |connection| registration::records_behind(connection, after, limit)).await
    }
}

pub(crate) fn set_position(
    apply: &mut Apply<'_>,
    sink: LogSinkName,
    position: Cursor,
) -> Result<(), ApplyError> {
    execute(apply.connection, SET_POSITION, params![sink.as_str(), position.get()])?;
    Ok(())
}
