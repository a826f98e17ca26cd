use async_trait::async_trait;
use landfall_model::{
    AttributeName, ConnectionAttribute, Description, PropagatingAttribute, PropagationSource, TaggedResource,
    ThingType, ThingTypeId, ThingTypeName, UnixTime, UserPropertyKey,
};
use landfall_registry::{Conflict, Page, PageRequest, StorageError, ThingTypeChange, ThingTypes};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, execute, exists, first, page, statements};
use crate::{event, tag};

const TABLE: &str = "thing_types";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rid, name, type_id, description, searchable, propagating, deprecated, created
            FROM thing_types ",
            $rest
        )
    };
}

statements! {
    BY_NAME = select!("WHERE name = $1");
    LIST = select!("WHERE rid > $1 ORDER BY rid LIMIT $2");
    LIST_BACK = select!("WHERE rid < $1 ORDER BY rid DESC LIMIT $2");
    INSERT = "INSERT INTO thing_types
        (rid, name, type_id, description, searchable, propagating, deprecated, created)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE = "UPDATE thing_types SET propagating = $1, deprecated = $2 WHERE rid = $3";
    DELETE = "DELETE FROM thing_types WHERE rid = $1";
    A_THING = "SELECT rid FROM things WHERE thing_type = $1 LIMIT 1";
}

#[async_trait]
impl ThingTypes for SqliteRegistry {
    async fn thing_type(&self, name: &ThingTypeName) -> Result<Option<ThingType>, StorageError> {
        self.look_up(|connection| Ok(read(connection, name)?.map(|(_, thing_type)| thing_type)))
    }

    async fn thing_types(&self, request: PageRequest) -> Result<Page<ThingType>, StorageError> {
        let listing = Listing { ascending: LIST, descending: LIST_BACK };
        self.list(move |connection| page(connection, listing, &[], request, from_fields, TABLE)).await
    }
}

/// The row of a thing type, if it exists.
pub(crate) fn rid(connection: &Connection, name: &ThingTypeName) -> Result<Option<i64>, ReadError> {
    Ok(read(connection, name)?.map(|(rid, _)| rid))
}

/// The thing type with its row id.
pub(crate) fn read(
    connection: &Connection,
    name: &ThingTypeName,
) -> Result<Option<(i64, ThingType)>, ReadError> {
    first(connection, BY_NAME, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &ThingTypeChange) -> Result<(), ApplyError> {
    match change {
        ThingTypeChange::Ensure { thing_type, tags, event } => {
            if apply.find_thing_type(&thing_type.name)?.is_some() {
                return Ok(());
            }
            let rid = insert(apply, thing_type)?;
            event.iter().try_for_each(|event| event::append(apply, event, None))?;
            tag::set(apply.connection, rid, tags, || TaggedResource::ThingType(thing_type.name.clone()))
        }
        ThingTypeChange::Insert(thing_type) => {
            if apply.find_thing_type(&thing_type.name)?.is_some() {
                return Err(Conflict::ThingTypeExists(thing_type.name.clone()).into());
            }
            insert(apply, thing_type).map(drop)
        }
        ThingTypeChange::Update { expected, propagating_attributes, deprecated_at } => {
            let rid = find_as(apply, expected)?;
            let deprecated = deprecated_at.map(UnixTime::as_millis);
            let row = params![propagating_to_json(propagating_attributes), deprecated, rid];
            execute(apply.connection, UPDATE, row)?;
            apply.rows.forget();
            Ok(())
        }
        ThingTypeChange::Delete { expected } => delete(apply, expected),
    }
}

/// Inserts a thing type, and gives its row.
fn insert(apply: &mut Apply<'_>, thing_type: &ThingType) -> Result<i64, ApplyError> {
    let ThingType {
        name,
        id,
        description,
        searchable_attributes,
        propagating_attributes,
        deprecated_at,
        created_at,
    } = thing_type;
    let rid = apply.row_ids.next(*created_at)?;
    let searchable: Vec<_> = searchable_attributes.iter().map(AttributeName::as_str).collect();
    let row = params![
        rid,
        name.as_str(),
        id.as_bytes(),
        description.as_ref().map(Description::as_str),
        json!(searchable).to_string(),
        propagating_to_json(propagating_attributes),
        deprecated_at.map(UnixTime::as_millis),
        created_at.as_millis(),
    ];
    execute(apply.connection, INSERT, row)?;
    apply.rows.thing_type = Some((rid, thing_type.clone()));
    Ok(rid)
}

fn delete(apply: &mut Apply<'_>, expected: &ThingType) -> Result<(), ApplyError> {
    let rid = find_as(apply, expected)?;
    let name = || expected.name.clone();
    if expected.deprecated_at.is_none() {
        return Err(Conflict::ThingTypeNotDeprecated(name()).into());
    }
    if exists(apply.connection, A_THING, [rid])? {
        return Err(Conflict::ThingTypeInUse(name()).into());
    }
    tag::remove_all(apply.connection, rid)?;
    apply.delete(DELETE, rid)
}

/// The row of a thing type that must be so.
fn find_as(apply: &mut Apply<'_>, expected: &ThingType) -> Result<i64, ApplyError> {
    match apply.find_thing_type(&expected.name)? {
        None => Err(Conflict::ThingTypeNotFound(expected.name.clone()).into()),
        Some((rid, found)) if found == expected => Ok(*rid),
        Some(_) => Err(Conflict::ThingTypeChanged(expected.name.clone()).into()),
    }
}

fn from_fields(fields: &Fields<'_>) -> Result<ThingType, ReadError> {
    Ok(ThingType {
        name: fields.parse(1, "name", ThingTypeName::parse)?,
        id: ThingTypeId::from_bytes(fields.get(2, "type_id")?),
        description: fields.parse_if_any(3, "description", Description::parse)?,
        searchable_attributes: fields.parse(4, "searchable", searchable_from_json)?,
        propagating_attributes: fields.parse(5, "propagating", propagating_from_json)?,
        deprecated_at: fields.time_if_any(6, "deprecated")?,
        created_at: fields.time(7, "created")?,
    })
}

fn searchable_from_json(json: &str) -> Result<Vec<AttributeName>, String> {
    let names: Vec<&str> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    names.into_iter().map(|name| AttributeName::parse(name).map_err(|error| error.to_string())).collect()
}

// Words are stored: none may change its meaning.
const OF_THING: &str = "thing";
const OF_CONNECTION: &str = "connection";

fn propagating_to_json(attributes: &[PropagatingAttribute]) -> String {
    let row = |PropagatingAttribute { key, source }: &PropagatingAttribute| match source {
        PropagationSource::Thing(name) => json!([key.as_str(), OF_THING, name.as_str()]),
        PropagationSource::Connection(name) => json!([key.as_str(), OF_CONNECTION, name.as_str()]),
    };
    json!(attributes.iter().map(row).collect::<Vec<_>>()).to_string()
}

fn propagating_from_json(json: &str) -> Result<Vec<PropagatingAttribute>, String> {
    let rows: Vec<(&str, &str, &str)> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let attribute = |(key, kind, name): (&str, &str, &str)| {
        let source = match kind {
            OF_THING => AttributeName::parse(name).map(PropagationSource::Thing).map_err(|e| e.to_string()),
            OF_CONNECTION => {
                ConnectionAttribute::parse(name).map(PropagationSource::Connection).map_err(|e| e.to_string())
            }
            _ => Err(format!("{kind} is no kind of source of this version")),
        };
        let key = UserPropertyKey::parse(key).map_err(|error| error.to_string())?;
        Ok(PropagatingAttribute { key, source: source? })
    };
    rows.into_iter().map(attribute).collect()
}
