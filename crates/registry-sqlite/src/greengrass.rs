use async_trait::async_trait;
use landfall_model::{
    CertificateId, GreengrassContent, GreengrassCore, GreengrassId, GreengrassKind, GreengrassLogLevel,
    GreengrassLogger, GreengrassName, GreengrassNewest, GreengrassPartId, GreengrassResource,
    GreengrassServiceRole, GreengrassVersion, GreengrassVersionId, GreengrassVersionRef, LogPlace,
    LoggedComponent, RoleArn, Tag, TagKey, TagValue, ThingName,
};
use landfall_registry::{
    Conflict, Cursor, Greengrass, GreengrassChange, Order, Page, PageRequest, StorageError,
};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, every, execute, first, page, snapshot, statements};

const TABLE: &str = "greengrass";
const VERSIONS_TABLE: &str = "greengrass_versions";
const ROLE_TABLE: &str = "greengrass_service_role";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rid, kind, resource_id, name, tags, created, modified, versions, version_id, version_created,
            content FROM greengrass ",
            $rest
        )
    };
}

macro_rules! select_version {
    ($rest:literal) => {
        concat!(
            "SELECT number, version_id, created, content FROM greengrass_versions WHERE resource = $1 ",
            $rest
        )
    };
}

statements! {
    BY_ID = select!("WHERE resource_id = $1 AND kind = $2");
    LIST = select!("WHERE kind = $1 AND rid > $2 ORDER BY rid LIMIT $3");
    LIST_BACK = select!("WHERE kind = $1 AND rid < $2 ORDER BY rid DESC LIMIT $3");
    INSERT = "INSERT INTO greengrass (rid, kind, resource_id, name, tags, created, modified, versions, version_id,
        version_created, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (resource_id) DO NOTHING";
    RENAME = "UPDATE greengrass SET name = $1, modified = $2 WHERE resource_id = $3 AND kind = $4";
    DELETE = "DELETE FROM greengrass WHERE rid = $1";
    OLDER = select_version!("AND version_id = $2");
    LIST_OLDER = select_version!("AND number > $2 ORDER BY number LIMIT $3");
    LIST_OLDER_BACK = select_version!("AND number < $2 ORDER BY number DESC LIMIT $3");
    KEEP_NEWEST = "INSERT INTO greengrass_versions (resource, number, version_id, created, content)
        SELECT rid, versions, version_id, version_created, content FROM greengrass WHERE rid = $1 AND versions > 0";
    SET_NEWEST = "UPDATE greengrass SET versions = versions + 1, version_id = $1, version_created = $2,
        content = $3 WHERE rid = $4";
    DELETE_OLDER = "DELETE FROM greengrass_versions WHERE resource = $1";
    ROLE = "SELECT id, role, associated FROM greengrass_service_role WHERE id = 1";
    SET_ROLE = "INSERT INTO greengrass_service_role (id, role, associated) VALUES (1, $1, $2)
        ON CONFLICT (id) DO UPDATE SET role = $1, associated = $2";
    ENSURE_ROLE = "INSERT INTO greengrass_service_role (id, role, associated) VALUES (1, $1, $2)
        ON CONFLICT (id) DO UPDATE SET role = $1, associated = $2 WHERE greengrass_service_role.role <> $1";
    REMOVE_ROLE = "DELETE FROM greengrass_service_role WHERE id = 1";
}

#[async_trait]
impl Greengrass for SqliteRegistry {
    async fn greengrass_resource(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
    ) -> Result<Option<GreengrassResource>, StorageError> {
        self.look_up(|connection| Ok(read(connection, kind, id)?.map(|row| row.resource)))
    }

    async fn greengrass_resources(
        &self,
        kind: GreengrassKind,
        request: PageRequest,
    ) -> Result<Page<GreengrassResource>, StorageError> {
        let listing = Listing { ascending: LIST, descending: LIST_BACK };
        self.list(move |connection| {
            page(connection, listing, &[&kind_code(kind)], request, from_fields, TABLE)
        })
        .await
    }

    async fn greengrass_version(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
        version: GreengrassVersionId,
    ) -> Result<Option<GreengrassVersion>, StorageError> {
        self.look_up(|connection| {
            snapshot(connection, |connection| {
                let Some(Row { rid, resource, .. }) = read(connection, kind, id)? else { return Ok(None) };
                match resource.newest {
                    GreengrassNewest::Version(newest) if newest.id == version => Ok(Some(newest)),
                    GreengrassNewest::Version(_) | GreengrassNewest::None(_) => {
                        first(connection, OLDER, params![rid, version.as_bytes()], |row| {
                            older_from_fields(&Fields::new(VERSIONS_TABLE, row)?, kind)
                        })
                    }
                }
            })
        })
    }

    async fn greengrass_versions(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
        request: PageRequest,
    ) -> Result<Page<GreengrassVersion>, StorageError> {
        self.list(move |connection| {
            snapshot(connection, |connection| match read(connection, kind, id)? {
                Some(row) => versions(connection, row, kind, request),
                None => Ok(Page::from_rows(Vec::new(), request.limit)),
            })
        })
        .await
    }

    async fn greengrass_service_role(&self) -> Result<Option<GreengrassServiceRole>, StorageError> {
        self.look_up(|connection| {
            first(connection, ROLE, [], |row| {
                let fields = Fields::new(ROLE_TABLE, row)?;
                let role = fields.parse(1, "role", RoleArn::parse)?;
                Ok(GreengrassServiceRole { role, associated_at: fields.time(2, "associated")? })
            })
        })
    }
}

/// A row of [`TABLE`].
struct Row {
    rid: i64,
    /// How many versions it has had, which is the number of its newest.
    versions: i64,
    resource: GreengrassResource,
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &GreengrassChange) -> Result<(), ApplyError> {
    match change {
        GreengrassChange::Ensure(resource) => ensure(apply, resource),
        GreengrassChange::AddVersion { id, version } => add_version(apply.connection, *id, version),
        GreengrassChange::Rename { kind, id, name, at } => {
            let row = params![name.as_str(), at.as_millis(), id.as_bytes(), kind_code(*kind)];
            match execute(apply.connection, RENAME, row)? {
                0 => Err(Conflict::GreengrassNotFound { kind: *kind, id: *id }.into()),
                _ => Ok(()),
            }
        }
        GreengrassChange::Delete { kind, id } => {
            let Row { rid, .. } = find(apply.connection, *kind, *id)?;
            execute(apply.connection, DELETE_OLDER, [rid])?;
            apply.delete(DELETE, rid)
        }
        GreengrassChange::SetServiceRole(role) => set_role(apply.connection, SET_ROLE, role),
        GreengrassChange::EnsureServiceRole(role) => set_role(apply.connection, ENSURE_ROLE, role),
        GreengrassChange::RemoveServiceRole => {
            execute(apply.connection, REMOVE_ROLE, [])?;
            Ok(())
        }
    }
}

fn ensure(apply: &mut Apply<'_>, resource: &GreengrassResource) -> Result<(), ApplyError> {
    let kind = kind_code(resource.kind());
    let GreengrassResource { id, name, tags, created_at, modified_at, newest } = resource;
    let version = match newest {
        GreengrassNewest::None(_) => None,
        GreengrassNewest::Version(version) => Some(version),
    };
    let row = params![
        apply.row_ids.next(*created_at)?,
        kind,
        id.as_bytes(),
        name.as_ref().map(GreengrassName::as_str),
        (!tags.is_empty()).then(|| tags_to_json(tags)),
        created_at.as_millis(),
        modified_at.as_millis(),
        count(u64::from(version.is_some())),
        version.map(|version| version.id.as_bytes()),
        version.map(|version| version.created_at.as_millis()),
        version.map(|version| content_to_json(&version.content)),
    ];
    execute(apply.connection, INSERT, row)?;
    Ok(())
}

fn add_version(
    connection: &Connection,
    id: GreengrassId,
    version: &GreengrassVersion,
) -> Result<(), ApplyError> {
    let GreengrassVersion { id: version_id, content, created_at } = version;
    let Row { rid, .. } = find(connection, content.kind(), id)?;
    execute(connection, KEEP_NEWEST, [rid])?;
    let row = params![version_id.as_bytes(), created_at.as_millis(), content_to_json(content), rid];
    execute(connection, SET_NEWEST, row)?;
    Ok(())
}

fn set_role(connection: &Connection, sql: &str, role: &GreengrassServiceRole) -> Result<(), ApplyError> {
    let GreengrassServiceRole { role, associated_at } = role;
    execute(connection, sql, params![role.as_str(), associated_at.as_millis()])?;
    Ok(())
}

fn read(connection: &Connection, kind: GreengrassKind, id: GreengrassId) -> Result<Option<Row>, ReadError> {
    first(connection, BY_ID, params![id.as_bytes(), kind_code(kind)], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok(Row { rid: fields.rid(), versions: fields.get(7, "versions")?, resource: from_fields(&fields)? })
    })
}

fn find(connection: &Connection, kind: GreengrassKind, id: GreengrassId) -> Result<Row, ApplyError> {
    Ok(read(connection, kind, id)?.ok_or(Conflict::GreengrassNotFound { kind, id })?)
}

/// A page of the versions of a row: the older ones, and the newest behind them.
fn versions(
    connection: &Connection,
    row: Row,
    kind: GreengrassKind,
    request: PageRequest,
) -> Result<Page<GreengrassVersion>, ReadError> {
    let (sql, start) = match request.order {
        Order::Ascending => (LIST_OLDER, i64::MIN),
        Order::Descending => (LIST_OLDER_BACK, i64::MAX),
    };
    let after = request.after.map_or(start, Cursor::get);
    let limit = i64::from(request.limit) + 1;
    let older = every(connection, sql, params![row.rid, after, limit], |row| {
        let fields = Fields::new(VERSIONS_TABLE, row)?;
        Ok((Cursor::new(fields.rid()), older_from_fields(&fields, kind)?))
    })?;
    let newest = match row.resource.newest {
        GreengrassNewest::None(_) => None,
        GreengrassNewest::Version(version) => Some((Cursor::new(row.versions), version)),
    };
    let rows = match request.order {
        Order::Ascending => {
            older.into_iter().chain(newest.filter(|(number, _)| number.get() > after)).collect()
        }
        Order::Descending => {
            newest.filter(|(number, _)| number.get() < after).into_iter().chain(older).collect()
        }
    };
    Ok(Page::from_rows(rows, request.limit))
}

fn from_fields(fields: &Fields<'_>) -> Result<GreengrassResource, ReadError> {
    let kind = fields.decode(1, "kind", kind_of)?;
    let newest = match fields.get::<Option<[u8; 16]>>(8, "version_id")? {
        None => GreengrassNewest::None(kind),
        Some(id) => GreengrassNewest::Version(GreengrassVersion {
            id: GreengrassVersionId::from_bytes(id),
            content: fields.parse(10, "content", |json| content_from_json(kind, json))?,
            created_at: fields.time(9, "version_created")?,
        }),
    };
    Ok(GreengrassResource {
        id: GreengrassId::from_bytes(fields.get(2, "resource_id")?),
        name: fields.parse_if_any(3, "name", GreengrassName::parse)?,
        tags: fields.parse_if_any(4, "tags", tags_from_json)?.unwrap_or_default(),
        created_at: fields.time(5, "created")?,
        modified_at: fields.time(6, "modified")?,
        newest,
    })
}

/// A version that is not the newest; the first column is its number.
fn older_from_fields(fields: &Fields<'_>, kind: GreengrassKind) -> Result<GreengrassVersion, ReadError> {
    Ok(GreengrassVersion {
        id: GreengrassVersionId::from_bytes(fields.get(1, "version_id")?),
        content: fields.parse(3, "content", |json| content_from_json(kind, json))?,
        created_at: fields.time(2, "created")?,
    })
}

// Codes are stored: none may change its meaning.
const GROUP: i64 = 0;
const CORE_DEFINITION: i64 = 1;
const LOGGER_DEFINITION: i64 = 2;

const fn kind_code(kind: GreengrassKind) -> i64 {
    match kind {
        GreengrassKind::Group => GROUP,
        GreengrassKind::CoreDefinition => CORE_DEFINITION,
        GreengrassKind::LoggerDefinition => LOGGER_DEFINITION,
    }
}

const fn kind_of(code: i64) -> Option<GreengrassKind> {
    match code {
        GROUP => Some(GreengrassKind::Group),
        CORE_DEFINITION => Some(GreengrassKind::CoreDefinition),
        LOGGER_DEFINITION => Some(GreengrassKind::LoggerDefinition),
        _ => None,
    }
}

fn tags_to_json(tags: &[Tag]) -> String {
    let pair = |Tag { key, value }: &Tag| json!([key.as_str(), value.as_str()]);
    Value::from_iter(tags.iter().map(pair)).to_string()
}

fn tags_from_json(json: &str) -> Result<Vec<Tag>, String> {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let tag = |(key, value): &(String, String)| {
        Ok(Tag { key: TagKey::parse(key)?, value: TagValue::parse(value)? })
    };
    pairs
        .iter()
        .map(tag)
        .collect::<Result<_, landfall_model::InvalidTag>>()
        .map_err(|error| error.to_string())
}

/// A group is written as `[core, logger]`, each null or `[id, version]`; a definition as a list of its parts.
fn content_to_json(content: &GreengrassContent) -> String {
    let reference = |version: &GreengrassVersionRef| {
        let GreengrassVersionRef { resource, version } = version;
        json!([resource.to_string(), version.to_string()])
    };
    let content = match content {
        GreengrassContent::Group { core, logger } => {
            json!([core.as_ref().map(reference), logger.as_ref().map(reference)])
        }
        GreengrassContent::Cores(cores) => Value::from_iter(cores.iter().map(|core| {
            let GreengrassCore { id, thing, certificate, syncs_shadow } = core;
            json!([id.as_str(), thing.as_str(), certificate.to_string(), syncs_shadow])
        })),
        GreengrassContent::Loggers(loggers) => Value::from_iter(loggers.iter().map(|logger| {
            let GreengrassLogger { id, component, level, space_kb, place } = logger;
            json!([id.as_str(), component.as_str(), level.as_str(), space_kb, place.as_str()])
        })),
    };
    content.to_string()
}

fn content_from_json(kind: GreengrassKind, json: &str) -> Result<GreengrassContent, String> {
    match kind {
        GreengrassKind::Group => group_from_json(json),
        GreengrassKind::CoreDefinition => cores_from_json(json),
        GreengrassKind::LoggerDefinition => loggers_from_json(json),
    }
}

fn group_from_json(json: &str) -> Result<GreengrassContent, String> {
    type Reference = Option<(String, String)>;
    let (core, logger): (Reference, Reference) =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    let reference = |reference: Reference| {
        let Some((resource, version)) = reference else { return Ok(None) };
        Ok(Some(GreengrassVersionRef { resource: resource.parse()?, version: version.parse()? }))
    };
    let content = || {
        Ok::<_, landfall_model::InvalidUuid>(GreengrassContent::Group {
            core: reference(core)?,
            logger: reference(logger)?,
        })
    };
    content().map_err(|error| error.to_string())
}

fn cores_from_json(json: &str) -> Result<GreengrassContent, String> {
    let rows: Vec<(String, String, String, bool)> =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    let core = |(id, thing, certificate, syncs_shadow): (String, String, String, bool)| {
        Ok(GreengrassCore {
            id: GreengrassPartId::parse(&id).map_err(|error| error.to_string())?,
            thing: ThingName::parse(&thing).map_err(|error| error.to_string())?,
            certificate: certificate.parse::<CertificateId>().map_err(|error| error.to_string())?,
            syncs_shadow,
        })
    };
    rows.into_iter().map(core).collect::<Result<_, String>>().map(GreengrassContent::Cores)
}

fn loggers_from_json(json: &str) -> Result<GreengrassContent, String> {
    type Row = (String, String, String, Option<i32>, String);
    let rows: Vec<Row> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let logger = |(id, component, level, space_kb, place): Row| {
        Ok(GreengrassLogger {
            id: GreengrassPartId::parse(&id).map_err(|error| error.to_string())?,
            component: LoggedComponent::parse(&component).map_err(|error| error.to_string())?,
            level: GreengrassLogLevel::parse(&level).map_err(|error| error.to_string())?,
            space_kb,
            place: LogPlace::parse(&place).map_err(|error| error.to_string())?,
        })
    };
    rows.into_iter().map(logger).collect::<Result<_, String>>().map(GreengrassContent::Loggers)
}
