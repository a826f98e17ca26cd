use async_trait::async_trait;
use landfall_model::{AttributeName, ThingType, ThingTypeName};
use landfall_registry::{StorageError, ThingTypes};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, execute, first, statements};

const TABLE: &str = "thing_types";

statements! {
    BY_NAME = "SELECT rid, name, searchable, created FROM thing_types WHERE name = $1";
    INSERT = "INSERT INTO thing_types (rid, name, searchable, created) VALUES ($1, $2, $3, $4)";
}

#[async_trait]
impl ThingTypes for SqliteRegistry {
    async fn thing_type(&self, name: &ThingTypeName) -> Result<Option<ThingType>, StorageError> {
        self.look_up(|connection| Ok(read(connection, name)?.map(|(_, thing_type)| thing_type)))
    }
}

/// The thing type with its row id.
pub(crate) fn read(
    connection: &Connection,
    name: &ThingTypeName,
) -> Result<Option<(i64, ThingType)>, ReadError> {
    first(connection, BY_NAME, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        let thing_type = ThingType {
            name: fields.parse(1, "name", ThingTypeName::parse)?,
            searchable_attributes: fields.parse(2, "searchable", searchable_from_json)?,
            created_at: fields.time(3, "created")?,
        };
        Ok((fields.rid(), thing_type))
    })
}

pub(crate) fn ensure(apply: &mut Apply<'_>, thing_type: &ThingType) -> Result<(), ApplyError> {
    let ThingType { name, searchable_attributes, created_at } = thing_type;
    if apply.find_thing_type(name)?.is_some() {
        return Ok(());
    }
    let rid = apply.row_ids.next(*created_at)?;
    let searchable: Vec<_> = searchable_attributes.iter().map(AttributeName::as_str).collect();
    let searchable = serde_json::json!(searchable).to_string();
    execute(apply.connection, INSERT, params![rid, name.as_str(), searchable, created_at.as_millis()])?;
    apply.rows.thing_type = Some((rid, thing_type.clone()));
    Ok(())
}

fn searchable_from_json(json: &str) -> Result<Vec<AttributeName>, String> {
    let names: Vec<&str> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    names.into_iter().map(|name| AttributeName::parse(name).map_err(|error| error.to_string())).collect()
}
