use async_trait::async_trait;
use landfall_model::RegistrationCode;
use landfall_registry::{RegistrationCodes, StorageError};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::error::{ApplyError, ReadError};
use crate::sql::{execute, first, statements};

/// The setting that has the code.
const SETTING: &str = "registration_code";

statements! {
    READ = "SELECT value FROM settings WHERE name = $1";
    ENSURE = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    DELETE = "DELETE FROM settings WHERE name = $1";
}

#[async_trait]
impl RegistrationCodes for SqliteRegistry {
    async fn registration_code(&self) -> Result<Option<RegistrationCode>, StorageError> {
        self.look_up(read)
    }
}

pub(crate) fn ensure(connection: &Connection, code: &RegistrationCode) -> Result<(), ApplyError> {
    execute(connection, ENSURE, params![SETTING, code.as_bytes()])?;
    Ok(())
}

pub(crate) fn delete(connection: &Connection) -> Result<(), ApplyError> {
    execute(connection, DELETE, [SETTING])?;
    Ok(())
}

fn read(connection: &Connection) -> Result<Option<RegistrationCode>, ReadError> {
    first(connection, READ, [SETTING], |row| {
        let bytes = row.get(0).map_err(|error| ReadError::Inconsistent {
            table: "settings",
            column: "value",
            row: 0,
            problem: error.to_string(),
        })?;
        Ok(RegistrationCode::from_bytes(bytes))
    })
}
