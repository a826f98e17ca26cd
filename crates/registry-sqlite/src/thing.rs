use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use landfall_model::{
    AttachedThing, AttributeName, AttributeValue, Attributes, CaCertificateId, CertificateId, Thing,
    ThingName, ThingTypeName, ThingView,
};
use landfall_registry::{Conflict, Page, PageRequest, StorageError, ThingChange, ThingFilter, Things};
use rusqlite::{Connection, ToSql, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, every, execute, first, page, snapshot, statements};
use crate::issuer;

const TABLE: &str = "things";

macro_rules! select {
    ($rest:literal) => {
        select!("things t", $rest)
    };
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT t.rid, t.name, y.name, t.attrs, t.version, i.ca_id, t.created FROM ",
            $from,
            " LEFT JOIN thing_types y ON y.rid = t.thing_type LEFT JOIN issuers i ON i.rid = t.made_by ",
            $rest
        )
    };
}

statements! {
    BY_NAME = select!("WHERE t.name = $1");
    LIST = select!("WHERE t.rid > $1 ORDER BY t.rid LIMIT $2");
    LIST_BACK = select!("WHERE t.rid < $1 ORDER BY t.rid DESC LIMIT $2");
    LIST_OF_TYPE = select!(
        "WHERE t.thing_type = (SELECT rid FROM thing_types WHERE name = $1)
        AND t.rid > $2 ORDER BY t.rid LIMIT $3"
    );
    LIST_OF_TYPE_BACK = select!(
        "WHERE t.thing_type = (SELECT rid FROM thing_types WHERE name = $1)
        AND t.rid < $2 ORDER BY t.rid DESC LIMIT $3"
    );
    LIST_WITH = select!(
        "thing_attr a JOIN things t ON t.rid = a.thing",
        "WHERE a.name = $1 AND a.value = $2 AND a.thing > $3 ORDER BY a.thing LIMIT $4"
    );
    LIST_WITH_BACK = select!(
        "thing_attr a JOIN things t ON t.rid = a.thing",
        "WHERE a.name = $1 AND a.value = $2 AND a.thing < $3 ORDER BY a.thing DESC LIMIT $4"
    );
    LIST_OF_TYPE_WITH = select!(
        "thing_attr a JOIN things t ON t.rid = a.thing",
        "WHERE a.name = $1 AND a.value = $2
        AND t.thing_type = (SELECT rid FROM thing_types WHERE name = $3)
        AND a.thing > $4 ORDER BY a.thing LIMIT $5"
    );
    LIST_OF_TYPE_WITH_BACK = select!(
        "thing_attr a JOIN things t ON t.rid = a.thing",
        "WHERE a.name = $1 AND a.value = $2
        AND t.thing_type = (SELECT rid FROM thing_types WHERE name = $3)
        AND a.thing < $4 ORDER BY a.thing DESC LIMIT $5"
    );
    RID = "SELECT rid FROM things WHERE name = $1";
    INSERT = "INSERT INTO things (rid, name, thing_type, attrs, version, made_by, created)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING";
    INSERT_ATTRIBUTE = "INSERT INTO thing_attr (name, value, thing) VALUES ($1, $2, $3)";
    PRINCIPALS = "SELECT c.rid, c.cert_id, i.ca_id FROM thing_principal p JOIN certificates c ON c.rid = p.cert
        LEFT JOIN issuers i ON i.rid = c.ca WHERE p.thing = $1";
    LIST_PRINCIPALS = "SELECT c.rid, c.cert_id FROM thing_principal p JOIN certificates c ON c.rid = p.cert
        WHERE p.thing = (SELECT rid FROM things WHERE name = $1) AND p.cert > $2 ORDER BY p.cert LIMIT $3";
    LIST_PRINCIPALS_BACK = "SELECT c.rid, c.cert_id FROM thing_principal p JOIN certificates c ON c.rid = p.cert
        WHERE p.thing = (SELECT rid FROM things WHERE name = $1) AND p.cert < $2 ORDER BY p.cert DESC LIMIT $3";
    ATTACHED = "SELECT t.rid, t.name, y.name FROM thing_principal p JOIN things t ON t.rid = p.thing
        LEFT JOIN thing_types y ON y.rid = t.thing_type WHERE p.cert = $1";
}

#[async_trait]
impl Things for SqliteRegistry {
    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, StorageError> {
        self.look_up(|connection| Ok(read(connection, name)?.map(|(_, thing)| thing)))
    }

    async fn thing_view(&self, name: &ThingName) -> Result<Option<ThingView>, StorageError> {
        self.look_up(|connection| snapshot(connection, |connection| view(connection, name)))
    }

    async fn things(&self, filter: &ThingFilter, request: PageRequest) -> Result<Page<Thing>, StorageError> {
        let filter = filter.clone();
        self.list(move |connection| list(connection, &filter, request)).await
    }

    async fn thing_principals(
        &self,
        name: &ThingName,
        request: PageRequest,
    ) -> Result<Page<CertificateId>, StorageError> {
        let name = name.clone();
        self.list(move |connection| {
            let listing = Listing { ascending: LIST_PRINCIPALS, descending: LIST_PRINCIPALS_BACK };
            let id = |fields: &Fields<'_>| Ok(CertificateId::from_sha256(fields.get(1, "cert_id")?));
            page(connection, listing, &[&name.as_str()], request, id, "certificates")
        })
        .await
    }
}

/// The row of a thing, if it exists.
pub(crate) fn rid(connection: &Connection, name: &ThingName) -> Result<Option<i64>, ReadError> {
    first(connection, RID, [name.as_str()], |row| Ok(row.get(0)?))
}

/// The things attached to the certificate of this row, by name.
pub(crate) fn attached(connection: &Connection, certificate: i64) -> Result<Vec<AttachedThing>, ReadError> {
    let mut things = every(connection, ATTACHED, [certificate], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok(AttachedThing {
            name: fields.parse(1, "name", ThingName::parse)?,
            thing_type: fields.parse_if_any(2, "thing_type", ThingTypeName::parse)?,
        })
    })?;
    things.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(things)
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &ThingChange) -> Result<(), ApplyError> {
    match change {
        ThingChange::Insert(thing) => insert(apply, thing),
    }
}

/// Checks that just these certificates are attached to the thing.
pub(crate) fn expect_principals(
    connection: &Connection,
    name: &ThingName,
    expected: &[CertificateId],
) -> Result<(), ApplyError> {
    let thing = rid(connection, name)?.ok_or_else(|| Conflict::ThingNotFound(name.clone()))?;
    let found: BTreeSet<_> = principals(connection, thing)?.into_iter().map(|(id, _)| id).collect();
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    if found == expected { Ok(()) } else { Err(Conflict::ThingPrincipalsChanged(name.clone()).into()) }
}

fn insert(apply: &mut Apply<'_>, thing: &Thing) -> Result<(), ApplyError> {
    let Thing { name, thing_type, attributes, version, made_by, created_at } = thing;
    let made_by = made_by.map(|ca| issuer::ensure(apply, ca, *created_at)).transpose()?;
    let rid = apply.row_ids.next(*created_at)?;
    let thing_type = match thing_type {
        None => None,
        Some(name) => {
            Some(apply.find_thing_type(name)?.ok_or_else(|| Conflict::ThingTypeNotFound(name.clone()))?)
        }
    };
    let is_searchable = |name: &AttributeName| {
        thing_type.is_none_or(|(_, thing_type)| thing_type.searchable_attributes.contains(name))
    };
    let searchable: Vec<_> = attributes.iter().filter(|(name, _)| is_searchable(name)).collect();
    let thing_type = thing_type.map(|(rid, _)| *rid);
    let row = params![
        rid,
        name.as_str(),
        thing_type,
        attributes_to_json(attributes)?,
        count(*version),
        made_by,
        created_at.as_millis(),
    ];
    if execute(apply.connection, INSERT, row)? == 0 {
        return Err(Conflict::ThingExists(name.clone()).into());
    }
    apply.rows.thing = Some((name.clone(), rid));
    for (name, value) in searchable {
        execute(apply.connection, INSERT_ATTRIBUTE, params![name.as_str(), value.as_str(), rid])?;
    }
    Ok(())
}

fn read(connection: &Connection, name: &ThingName) -> Result<Option<(i64, Thing)>, ReadError> {
    first(connection, BY_NAME, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

fn view(connection: &Connection, name: &ThingName) -> Result<Option<ThingView>, ReadError> {
    let Some((rid, thing)) = read(connection, name)? else {
        return Ok(None);
    };
    Ok(Some(ThingView { thing, principals: principals(connection, rid)? }))
}

/// The certificates attached to the thing of this row, by id.
fn principals(
    connection: &Connection,
    thing: i64,
) -> Result<Vec<(CertificateId, Option<CaCertificateId>)>, ReadError> {
    let mut principals = every(connection, PRINCIPALS, [thing], |row| {
        let fields = Fields::new("certificates", row)?;
        let ca: Option<[u8; 32]> = fields.get(2, "ca")?;
        let id = CertificateId::from_sha256(fields.get(1, "cert_id")?);
        Ok((id, ca.map(CaCertificateId::from_sha256)))
    })?;
    principals.sort_unstable();
    Ok(principals)
}

fn list(
    connection: &Connection,
    filter: &ThingFilter,
    request: PageRequest,
) -> Result<Page<Thing>, ReadError> {
    let thing_type = filter.thing_type.as_ref().map(ThingTypeName::as_str);
    let attribute = filter.attribute.as_ref().map(|(name, value)| (name.as_str(), value.as_str()));
    let (ascending, descending, params): (_, _, Vec<&dyn ToSql>) = match (&thing_type, &attribute) {
        (None, None) => (LIST, LIST_BACK, Vec::new()),
        (Some(kind), None) => (LIST_OF_TYPE, LIST_OF_TYPE_BACK, vec![kind]),
        (None, Some((name, value))) => (LIST_WITH, LIST_WITH_BACK, vec![name, value]),
        (Some(kind), Some((name, value))) => {
            (LIST_OF_TYPE_WITH, LIST_OF_TYPE_WITH_BACK, vec![name, value, kind])
        }
    };
    page(connection, Listing { ascending, descending }, &params, request, from_fields, TABLE)
}

fn from_fields(fields: &Fields<'_>) -> Result<Thing, ReadError> {
    let made_by: Option<[u8; 32]> = fields.get(5, "made_by")?;
    Ok(Thing {
        name: fields.parse(1, "name", ThingName::parse)?,
        thing_type: fields.parse_if_any(2, "thing_type", ThingTypeName::parse)?,
        attributes: fields.parse(3, "attrs", attributes_from_json)?,
        version: fields.count(4, "version")?,
        made_by: made_by.map(CaCertificateId::from_sha256),
        created_at: fields.time(6, "created")?,
    })
}

/// One JSON object. No character that a name or value may have needs an escape.
fn attributes_to_json(attributes: &Attributes) -> rusqlite::Result<String> {
    let pairs: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    serde_json::to_string(&pairs).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn attributes_from_json(json: &str) -> Result<Attributes, String> {
    let pairs: BTreeMap<&str, &str> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let attribute = |(name, value): (&str, &str)| {
        let name = AttributeName::parse(name).map_err(|error| error.to_string())?;
        let value = AttributeValue::parse(value).map_err(|error| error.to_string())?;
        Ok((name, value))
    };
    pairs.into_iter().map(attribute).collect()
}
