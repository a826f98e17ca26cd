use async_trait::async_trait;
use landfall_model::{
    CodeSha256, FunctionDescription, LayerLicense, LayerName, LayerVersion, LayerVersionId, RuntimeName,
};
use landfall_registry::{Conflict, LayerChange, Layers, Page, PageRequest, StorageError};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, execute, first, page, statements};

const TABLE: &str = "layers";
const VERSIONS_TABLE: &str = "layer_versions";

/// The first column is the position in a listing.
macro_rules! select {
    ($position:literal, $from:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $position,
            ", l.name, v.version, v.description, v.code, v.code_size, v.runtimes, v.license, v.created, v.deleted
            FROM ",
            $from,
            " ",
            $rest
        )
    };
}

// A cross join keeps the order: from the versions of the one layer, in their order, to its name.
macro_rules! select_versions {
    ($rest:literal) => {
        concat!(
            select!(
                "v.version",
                "layer_versions v CROSS JOIN layers l",
                "WHERE v.layer = (SELECT rid FROM layers WHERE name = $1) AND v.deleted = 0 AND l.rid = v.layer "
            ),
            $rest
        )
    };
}

macro_rules! select_layers {
    ($rest:literal) => {
        concat!(
            select!(
                "l.rid",
                "layers l CROSS JOIN layer_versions v",
                "WHERE v.layer = l.rid AND v.version =
                (SELECT MAX(n.version) FROM layer_versions n WHERE n.layer = l.rid AND n.deleted = 0) "
            ),
            $rest
        )
    };
}

statements! {
    VERSION = select!(
        "l.rid",
        "layers l JOIN layer_versions v ON v.layer = l.rid",
        "WHERE l.name = $1 AND v.version = $2"
    );
    VERSIONS = select_versions!("AND v.version > $2 ORDER BY v.version LIMIT $3");
    VERSIONS_BACK = select_versions!("AND v.version < $2 ORDER BY v.version DESC LIMIT $3");
    LAYERS = select_layers!("AND l.rid > $1 ORDER BY l.rid LIMIT $2");
    LAYERS_BACK = select_layers!("AND l.rid < $1 ORDER BY l.rid DESC LIMIT $2");
    LAST = "SELECT rid, last_version FROM layers WHERE name = $1";
    INSERT = "INSERT INTO layers (rid, name, last_version) VALUES ($1, $2, $3)";
    SET_LAST = "UPDATE layers SET last_version = $1 WHERE rid = $2";
    INSERT_VERSION = "INSERT INTO layer_versions
        (layer, version, description, code, code_size, runtimes, license, created, deleted)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)";
    DELETE_VERSION = "UPDATE layer_versions SET deleted = 1
        WHERE layer = (SELECT rid FROM layers WHERE name = $1) AND version = $2 AND deleted = 0";
}

#[async_trait]
impl Layers for SqliteRegistry {
    async fn layer_version(&self, id: &LayerVersionId) -> Result<Option<LayerVersion>, StorageError> {
        self.look_up(|connection| read(connection, id))
    }

    async fn layer_versions(
        &self,
        layer: &LayerName,
        request: PageRequest,
    ) -> Result<Page<LayerVersion>, StorageError> {
        let layer = layer.clone();
        self.list(move |connection| {
            let listing = Listing { ascending: VERSIONS, descending: VERSIONS_BACK };
            page(connection, listing, &[&layer.as_str()], request, from_fields, VERSIONS_TABLE)
        })
        .await
    }

    async fn next_layer_version(&self, layer: &LayerName) -> Result<u64, StorageError> {
        self.look_up(|connection| Ok(next(last(connection, layer)?)))
    }

    async fn layers(&self, request: PageRequest) -> Result<Page<LayerVersion>, StorageError> {
        let listing = Listing { ascending: LAYERS, descending: LAYERS_BACK };
        self.list(move |connection| page(connection, listing, &[], request, from_fields, VERSIONS_TABLE))
            .await
    }
}

/// A version of a layer, unless it was deleted.
pub(crate) fn read(connection: &Connection, id: &LayerVersionId) -> Result<Option<LayerVersion>, ReadError> {
    let found = read_with_end(connection, id)?;
    Ok(found.filter(|(_, is_deleted)| !is_deleted).map(|(version, _)| version))
}

/// A version of a layer, even if it was deleted.
pub(crate) fn read_ever(
    connection: &Connection,
    id: &LayerVersionId,
) -> Result<Option<LayerVersion>, ReadError> {
    Ok(read_with_end(connection, id)?.map(|(version, _)| version))
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &LayerChange) -> Result<(), ApplyError> {
    match change {
        LayerChange::Publish(version) => publish(apply, version),
        LayerChange::DeleteVersion { id } => {
            let LayerVersionId { layer, version } = id;
            match execute(apply.connection, DELETE_VERSION, params![layer.as_str(), count(*version)])? {
                0 => Err(Conflict::LayerVersionNotFound(id.clone()).into()),
                _ => Ok(()),
            }
        }
    }
}

fn publish(apply: &mut Apply<'_>, version: &LayerVersion) -> Result<(), ApplyError> {
    let LayerVersion { id, description, code, code_size, compatible_runtimes, license, created_at } = version;
    let LayerVersionId { layer, version: number } = id;
    let last = last(apply.connection, layer)?;
    if *number != next(last) {
        return Err(Conflict::LayerVersionNumber(layer.clone()).into());
    }
    let rid = match last {
        Some((rid, _)) => {
            execute(apply.connection, SET_LAST, params![count(*number), rid])?;
            rid
        }
        None => {
            let rid = apply.row_ids.next(*created_at)?;
            execute(apply.connection, INSERT, params![rid, layer.as_str(), count(*number)])?;
            rid
        }
    };
    let row = params![
        rid,
        count(*number),
        description.as_str(),
        code.as_bytes(),
        count(*code_size),
        runtimes_to_json(compatible_runtimes),
        license.as_ref().map(LayerLicense::as_str),
        created_at.as_millis(),
    ];
    execute(apply.connection, INSERT_VERSION, row)?;
    Ok(())
}

/// The row of a layer with the number of the last version that it ever had, if it ever had one.
fn last(connection: &Connection, layer: &LayerName) -> Result<Option<(i64, u64)>, ReadError> {
    first(connection, LAST, [layer.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), fields.count(1, "last_version")?))
    })
}

/// The number of the version after the last one.
fn next(last: Option<(i64, u64)>) -> u64 {
    last.map_or(LayerVersion::NUMBER_FIRST, |(_, last)| last + 1)
}

/// A version of a layer, and whether it was deleted.
fn read_with_end(
    connection: &Connection,
    id: &LayerVersionId,
) -> Result<Option<(LayerVersion, bool)>, ReadError> {
    first(connection, VERSION, params![id.layer.as_str(), count(id.version)], |row| {
        let fields = Fields::new(VERSIONS_TABLE, row)?;
        Ok((from_fields(&fields)?, fields.get(9, "deleted")?))
    })
}

fn from_fields(fields: &Fields<'_>) -> Result<LayerVersion, ReadError> {
    Ok(LayerVersion {
        id: LayerVersionId {
            layer: fields.of(TABLE).parse(1, "name", LayerName::parse)?,
            version: fields.count(2, "version")?,
        },
        description: fields.parse(3, "description", FunctionDescription::parse)?,
        code: CodeSha256::from_sha256(fields.get(4, "code")?),
        code_size: fields.count(5, "code_size")?,
        compatible_runtimes: fields.parse(6, "runtimes", runtimes_from_json)?,
        license: fields.parse_if_any(7, "license", LayerLicense::parse)?,
        created_at: fields.time(8, "created")?,
    })
}

fn runtimes_to_json(runtimes: &[RuntimeName]) -> String {
    json!(runtimes.iter().map(|runtime| runtime.as_str()).collect::<Vec<_>>()).to_string()
}

fn runtimes_from_json(json: &str) -> Result<Vec<RuntimeName>, String> {
    let names: Vec<String> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    names.iter().map(|name| RuntimeName::parse(name).map_err(|error| error.to_string())).collect()
}
