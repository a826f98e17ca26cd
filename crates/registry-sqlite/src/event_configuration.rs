use std::collections::BTreeSet;

use async_trait::async_trait;
use landfall_model::{EventConfigurations, EventType, UnixTime};
use landfall_registry::{ReadEventConfigurations, StorageError};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, execute, first, statements};

const TABLE: &str = "event_configurations";

statements! {
    READ = "SELECT id, enabled, created, modified FROM event_configurations WHERE id = 1";
    SET = "INSERT INTO event_configurations (id, enabled, created, modified) VALUES (1, $1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET enabled = $1, created = $2, modified = $3";
}

#[async_trait]
impl ReadEventConfigurations for SqliteRegistry {
    async fn event_configurations(&self) -> Result<EventConfigurations, StorageError> {
        self.look_up(read)
    }
}

/// Which events are told.
pub(crate) fn read(connection: &Connection) -> Result<EventConfigurations, ReadError> {
    let found = first(connection, READ, [], |row| from_fields(&Fields::new(TABLE, row)?))?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn update(
    apply: &mut Apply<'_>,
    changes: &[(EventType, bool)],
    at: UnixTime,
) -> Result<(), ApplyError> {
    let mut configurations = read(apply.connection)?;
    configurations.update(changes, at);
    let EventConfigurations { enabled, created_at, modified_at } = configurations;
    let enabled: Vec<_> = enabled.into_iter().map(EventType::as_str).collect();
    let row = params![
        json!(enabled).to_string(),
        created_at.map(UnixTime::as_millis),
        modified_at.map(UnixTime::as_millis),
    ];
    execute(apply.connection, SET, row)?;
    apply.rows.forget();
    Ok(())
}

fn from_fields(fields: &Fields<'_>) -> Result<EventConfigurations, ReadError> {
    Ok(EventConfigurations {
        enabled: fields.parse(1, "enabled", enabled_from_json)?,
        created_at: fields.time_if_any(2, "created")?,
        modified_at: fields.time_if_any(3, "modified")?,
    })
}

fn enabled_from_json(json: &str) -> Result<BTreeSet<EventType>, String> {
    let words: Vec<&str> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    words.into_iter().map(|word| EventType::parse(word).map_err(|error| error.to_string())).collect()
}
