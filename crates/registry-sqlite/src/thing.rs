use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use landfall_model::{
    AttachedThing, AttributeName, AttributeValue, Attributes, BillingGroupName, CaCertificateId,
    CertificateId, PrincipalThing, Thing, ThingId, ThingName, ThingPrincipal, ThingPrincipalType,
    ThingTypeName, ThingView,
};
use landfall_registry::{
    AttributeFilter, Conflict, Page, PageRequest, StorageError, ThingChange, ThingFilter, ThingUpdate, Things,
};
use rusqlite::{Connection, ToSql, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::certificate::{principal_type, principal_type_code};
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, every, execute, exists, first, page, snapshot, statements};
use crate::{issuer, policy, thing_group};

pub(crate) const TABLE: &str = "things";

macro_rules! select {
    () => {
        "SELECT t.rid, t.name, y.name, t.attrs, t.version, i.ca_id, t.created, t.thing_id, b.name FROM "
    };
    (joined) => {
        "LEFT JOIN thing_types y ON y.rid = t.thing_type LEFT JOIN issuers i ON i.rid = t.made_by
        LEFT JOIN billing_groups b ON b.rid = t.billing_group "
    };
    ($rest:literal) => {
        select!("things t ", $rest)
    };
    ($from:literal, $rest:literal) => {
        concat!(select!(), $from, " ", select!(joined), $rest)
    };
}

macro_rules! select_beginning {
    ($join:literal, $filter:literal, $order:literal) => {
        concat!(
            select!(),
            "(SELECT a.thing AS rid FROM thing_attr a ",
            $join,
            " WHERE a.name = $1 AND a.value >= $2 AND a.value < $3 AND ",
            $filter,
            ") m CROSS JOIN things t ",
            select!(joined),
            "WHERE t.rid = m.rid ",
            $order
        )
    };
}

macro_rules! select_principals {
    ($rest:literal) => {
        concat!(
            "SELECT c.rid, c.cert_id, p.exclusive FROM thing_principal p JOIN certificates c ON c.rid = p.cert
            WHERE p.thing = (SELECT rid FROM things WHERE name = $1)
            AND p.exclusive = COALESCE($2, p.exclusive) AND ",
            $rest
        )
    };
}

macro_rules! select_things {
    ($rest:literal) => {
        concat!(
            "SELECT t.rid, t.name, p.exclusive FROM thing_principal p JOIN things t ON t.rid = p.thing
            WHERE p.cert = (SELECT rid FROM certificates WHERE cert_id = $1)
            AND p.exclusive = COALESCE($2, p.exclusive) AND ",
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
    // No index has this order: all that begin so are looked at, and as many as the page has are kept and read.
    LIST_BEGINNING = select_beginning!("", "a.thing > $4 ORDER BY a.thing LIMIT $5", "ORDER BY m.rid");
    LIST_BEGINNING_BACK =
        select_beginning!("", "a.thing < $4 ORDER BY a.thing DESC LIMIT $5", "ORDER BY m.rid DESC");
    LIST_OF_TYPE_BEGINNING = select_beginning!(
        "JOIN things o ON o.rid = a.thing",
        "o.thing_type = (SELECT rid FROM thing_types WHERE name = $4)
        AND a.thing > $5 ORDER BY a.thing LIMIT $6",
        "ORDER BY m.rid"
    );
    LIST_OF_TYPE_BEGINNING_BACK = select_beginning!(
        "JOIN things o ON o.rid = a.thing",
        "o.thing_type = (SELECT rid FROM thing_types WHERE name = $4)
        AND a.thing < $5 ORDER BY a.thing DESC LIMIT $6",
        "ORDER BY m.rid DESC"
    );
    RID = "SELECT rid FROM things WHERE name = $1";
    INSERT = "INSERT INTO things
        (rid, name, thing_type, attrs, version, made_by, created, thing_id, billing_group)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING";
    INSERT_ATTRIBUTE = "INSERT INTO thing_attr (name, value, thing) VALUES ($1, $2, $3)";
    UPDATE = "UPDATE things SET thing_type = $1, attrs = $2, version = $3 WHERE rid = $4";
    DELETE = "DELETE FROM things WHERE rid = $1";
    DELETE_ATTRIBUTE = "DELETE FROM thing_attr WHERE name = $1 AND value = $2 AND thing = $3";
    A_PRINCIPAL = "SELECT cert FROM thing_principal WHERE thing = $1 LIMIT 1";
    PRINCIPALS = "SELECT c.rid, c.cert_id, i.ca_id FROM thing_principal p JOIN certificates c ON c.rid = p.cert
        LEFT JOIN issuers i ON i.rid = c.ca WHERE p.thing = $1";
    LIST_PRINCIPALS = select_principals!("p.cert > $3 ORDER BY p.cert LIMIT $4");
    LIST_PRINCIPALS_BACK = select_principals!("p.cert < $3 ORDER BY p.cert DESC LIMIT $4");
    LIST_THINGS = select_things!("p.thing > $3 ORDER BY p.thing LIMIT $4");
    LIST_THINGS_BACK = select_things!("p.thing < $3 ORDER BY p.thing DESC LIMIT $4");
    // Whether it is in groups is a hint, which spares most things a read: the group may be deleted.
    ATTACHED = "SELECT t.rid, t.name, y.name, p.exclusive,
        EXISTS (SELECT m.grp FROM group_member m WHERE m.thing = p.thing)
        FROM thing_principal p JOIN things t ON t.rid = p.thing
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
        wanted: Option<ThingPrincipalType>,
        request: PageRequest,
    ) -> Result<Page<ThingPrincipal>, StorageError> {
        let name = name.clone();
        self.list(move |connection| {
            let listing = Listing { ascending: LIST_PRINCIPALS, descending: LIST_PRINCIPALS_BACK };
            let filter: [&dyn ToSql; 2] = [&name.as_str(), &wanted.map(principal_type_code)];
            let principal = |fields: &Fields<'_>| {
                Ok(ThingPrincipal {
                    certificate: CertificateId::from_sha256(fields.get(1, "cert_id")?),
                    principal_type: principal_type(fields, 2)?,
                })
            };
            page(connection, listing, &filter, request, principal, "certificates")
        })
        .await
    }

    async fn principal_things(
        &self,
        certificate: CertificateId,
        wanted: Option<ThingPrincipalType>,
        request: PageRequest,
    ) -> Result<Page<PrincipalThing>, StorageError> {
        self.list(move |connection| {
            let listing = Listing { ascending: LIST_THINGS, descending: LIST_THINGS_BACK };
            let filter: [&dyn ToSql; 2] = [certificate.as_bytes(), &wanted.map(principal_type_code)];
            let thing = |fields: &Fields<'_>| {
                Ok(PrincipalThing {
                    thing: name_from_fields(fields)?,
                    principal_type: principal_type(fields, 2)?,
                })
            };
            page(connection, listing, &filter, request, thing, TABLE)
        })
        .await
    }
}

/// The row of a thing, if it exists.
pub(crate) fn rid(connection: &Connection, name: &ThingName) -> Result<Option<i64>, ReadError> {
    first(connection, RID, [name.as_str()], |row| Ok(row.get(0)?))
}

/// The thing with its row id.
pub(crate) fn read(connection: &Connection, name: &ThingName) -> Result<Option<(i64, Thing)>, ReadError> {
    first(connection, BY_NAME, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

/// The things attached to the certificate of this row, by name.
pub(crate) fn attached(connection: &Connection, certificate: i64) -> Result<Vec<AttachedThing>, ReadError> {
    let mut things = every(connection, ATTACHED, [certificate], |row| {
        let fields = Fields::new(TABLE, row)?;
        let may_be_in_groups: bool = fields.get(4, "grp")?;
        Ok(AttachedThing {
            name: name_from_fields(&fields)?,
            thing_type: fields.parse_if_any(2, "thing_type", ThingTypeName::parse)?,
            principal_type: principal_type(&fields, 3)?,
            policies: if may_be_in_groups {
                policy::of_groups(connection, fields.rid())?
            } else {
                Vec::new()
            },
        })
    })?;
    things.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(things)
}

/// The name in the second column.
pub(crate) fn name_from_fields(fields: &Fields<'_>) -> Result<ThingName, ReadError> {
    fields.parse(1, "name", ThingName::parse)
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &ThingChange) -> Result<(), ApplyError> {
    match change {
        ThingChange::Insert(thing) => insert(apply, thing),
        ThingChange::Update(thing_update) => update(apply, thing_update),
        ThingChange::Delete { name, id, version } => delete(apply, name, *id, *version),
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
    let Thing { name, id, thing_type, billing_group, attributes, version, made_by, created_at } = thing;
    let made_by = made_by.map(|ca| issuer::ensure(apply, ca, *created_at)).transpose()?;
    let rid = apply.row_ids.next(*created_at)?;
    let thing_type = thing_type.as_ref().map(|name| assignable(apply, name)).transpose()?;
    let group = billing_group.as_ref().map(|name| apply.billing_group_row(name)).transpose()?;
    let row = params![
        rid,
        name.as_str(),
        thing_type,
        attributes_to_json(attributes)?,
        count(*version),
        made_by,
        created_at.as_millis(),
        id.as_bytes(),
        group,
    ];
    if execute(apply.connection, INSERT, row)? == 0 {
        return Err(Conflict::ThingExists(name.clone()).into());
    }
    apply.rows.thing = Some((name.clone(), rid));
    each_searchable(apply, INSERT_ATTRIBUTE, rid, thing.thing_type.as_ref(), attributes)
}

fn update(apply: &mut Apply<'_>, update: &ThingUpdate) -> Result<(), ApplyError> {
    let ThingUpdate { name, id, version, thing_type, attributes } = update;
    let (rid, before) = in_version(apply.connection, name, *id, *version)?;
    each_searchable(apply, DELETE_ATTRIBUTE, rid, before.thing_type.as_ref(), &before.attributes)?;
    let type_row = match thing_type {
        None => None,
        Some(kind) if before.thing_type.as_ref() == Some(kind) => {
            apply.find_thing_type(kind)?.map(|(rid, _)| *rid)
        }
        Some(kind) => Some(assignable(apply, kind)?),
    };
    let row = params![type_row, attributes_to_json(attributes)?, count(version + 1), rid];
    execute(apply.connection, UPDATE, row)?;
    each_searchable(apply, INSERT_ATTRIBUTE, rid, thing_type.as_ref(), attributes)
}

fn delete(apply: &mut Apply<'_>, name: &ThingName, id: ThingId, version: u64) -> Result<(), ApplyError> {
    let (rid, thing) = in_version(apply.connection, name, id, version)?;
    if exists(apply.connection, A_PRINCIPAL, [rid])? {
        return Err(Conflict::ThingHasPrincipals(name.clone()).into());
    }
    each_searchable(apply, DELETE_ATTRIBUTE, rid, thing.thing_type.as_ref(), &thing.attributes)?;
    thing_group::remove_from_all(apply.connection, rid)?;
    apply.delete(DELETE, rid)
}

/// The row of a thing type that a thing can get. Conflict: it does not exist, or is deprecated.
fn assignable(apply: &mut Apply<'_>, name: &ThingTypeName) -> Result<i64, ApplyError> {
    match apply.find_thing_type(name)? {
        None => Err(Conflict::ThingTypeNotFound(name.clone()).into()),
        Some((_, kind)) if kind.deprecated_at.is_some() => {
            Err(Conflict::ThingTypeDeprecated(name.clone()).into())
        }
        Some((rid, _)) => Ok(*rid),
    }
}

/// Carries out a statement that takes name, value and row for each attribute by which a thing of this type can be listed.
fn each_searchable(
    apply: &mut Apply<'_>,
    sql: &str,
    thing: i64,
    thing_type: Option<&ThingTypeName>,
    attributes: &Attributes,
) -> Result<(), ApplyError> {
    let connection = apply.connection;
    let kind = match thing_type {
        None => None,
        Some(name) => apply.find_thing_type(name)?,
    };
    for (name, value) in attributes.iter() {
        if kind.is_none_or(|(_, kind)| kind.searchable_attributes.contains(name)) {
            execute(connection, sql, params![name.as_str(), value.as_str(), thing])?;
        }
    }
    Ok(())
}

/// A thing with its row id that must have this id and version.
fn in_version(
    connection: &Connection,
    name: &ThingName,
    id: ThingId,
    version: u64,
) -> Result<(i64, Thing), ApplyError> {
    match read(connection, name)? {
        None => Err(Conflict::ThingNotFound(name.clone()).into()),
        Some((rid, thing)) if thing.id == id && thing.version == version => Ok((rid, thing)),
        Some(_) => Err(Conflict::ThingVersion(name.clone()).into()),
    }
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
    let (ascending, descending) = match (&filter.thing_type, &filter.attribute) {
        (None, None) => (LIST, LIST_BACK),
        (Some(_), None) => (LIST_OF_TYPE, LIST_OF_TYPE_BACK),
        (None, Some(AttributeFilter::Is(..))) => (LIST_WITH, LIST_WITH_BACK),
        (Some(_), Some(AttributeFilter::Is(..))) => (LIST_OF_TYPE_WITH, LIST_OF_TYPE_WITH_BACK),
        (None, Some(AttributeFilter::BeginsWith(..))) => (LIST_BEGINNING, LIST_BEGINNING_BACK),
        (Some(_), Some(AttributeFilter::BeginsWith(..))) => {
            (LIST_OF_TYPE_BEGINNING, LIST_OF_TYPE_BEGINNING_BACK)
        }
    };
    let attribute: Vec<String> = match &filter.attribute {
        None => Vec::new(),
        Some(AttributeFilter::Is(name, value)) => vec![name.to_string(), value.to_string()],
        // Values are of ASCII letters, digits and punctuation, all of which come before the last character of ASCII.
        Some(AttributeFilter::BeginsWith(name, start)) => {
            vec![name.to_string(), start.to_string(), format!("{start}\u{7f}")]
        }
    };
    let mut params: Vec<&dyn ToSql> = attribute.iter().map(|text| text as &dyn ToSql).collect();
    params.extend(thing_type.iter().map(|name| name as &dyn ToSql));
    page(connection, Listing { ascending, descending }, &params, request, from_fields, TABLE)
}

fn from_fields(fields: &Fields<'_>) -> Result<Thing, ReadError> {
    let made_by: Option<[u8; 32]> = fields.get(5, "made_by")?;
    Ok(Thing {
        name: name_from_fields(fields)?,
        id: ThingId::from_bytes(fields.get(7, "thing_id")?),
        thing_type: fields.parse_if_any(2, "thing_type", ThingTypeName::parse)?,
        billing_group: fields.parse_if_any(8, "billing_group", BillingGroupName::parse)?,
        attributes: fields.parse(3, "attrs", attributes_from_json)?,
        version: fields.count(4, "version")?,
        made_by: made_by.map(CaCertificateId::from_sha256),
        created_at: fields.time(6, "created")?,
    })
}

/// One JSON object. No character that a name or value may have needs an escape.
pub(crate) fn attributes_to_json(attributes: &Attributes) -> rusqlite::Result<String> {
    let pairs: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    serde_json::to_string(&pairs).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

pub(crate) fn attributes_from_json(json: &str) -> Result<Attributes, String> {
    let pairs: BTreeMap<&str, &str> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let attribute = |(name, value): (&str, &str)| {
        let name = AttributeName::parse(name).map_err(|error| error.to_string())?;
        let value = AttributeValue::parse(value).map_err(|error| error.to_string())?;
        Ok((name, value))
    };
    pairs.into_iter().map(attribute).collect()
}
