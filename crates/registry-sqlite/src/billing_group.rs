use async_trait::async_trait;
use landfall_model::{
    BillingGroup, BillingGroupId, BillingGroupName, Description, TaggedResource, ThingName,
};
use landfall_registry::{
    BillingGroupChange, BillingGroupUpdate, BillingGroups, Conflict, Page, PageRequest, StorageError,
};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, execute, first, page, statements};
use crate::{tag, thing};

const TABLE: &str = "billing_groups";

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT rid, name, group_id, description, version, created FROM billing_groups ", $rest)
    };
}

macro_rules! select_things {
    ($rest:literal) => {
        concat!(
            "SELECT rid, name FROM things
            WHERE billing_group = (SELECT rid FROM billing_groups WHERE name = $1) AND ",
            $rest
        )
    };
}

statements! {
    BY_NAME = select!("WHERE name = $1");
    // No index has both the order and the beginning of a name: the groups are gone through in their order.
    LIST = select!("WHERE SUBSTR(name, 1, LENGTH($1)) = $1 AND rid > $2 ORDER BY rid LIMIT $3");
    LIST_BACK = select!("WHERE SUBSTR(name, 1, LENGTH($1)) = $1 AND rid < $2 ORDER BY rid DESC LIMIT $3");
    THINGS = select_things!("rid > $2 ORDER BY rid LIMIT $3");
    THINGS_BACK = select_things!("rid < $2 ORDER BY rid DESC LIMIT $3");
    INSERT = "INSERT INTO billing_groups (rid, name, group_id, description, version, created)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING";
    UPDATE = "UPDATE billing_groups SET description = $1, version = $2 WHERE rid = $3";
    DELETE = "DELETE FROM billing_groups WHERE rid = $1";
    ADD_THING = "UPDATE things SET billing_group = $1 WHERE rid = $2";
    OF_THING = "SELECT g.rid, g.name FROM things t JOIN billing_groups g ON g.rid = t.billing_group
        WHERE t.rid = $1";
    REMOVE_THING = "UPDATE things SET billing_group = NULL WHERE rid = $1 AND billing_group = $2";
}

#[async_trait]
impl BillingGroups for SqliteRegistry {
    async fn billing_group(&self, name: &BillingGroupName) -> Result<Option<BillingGroup>, StorageError> {
        self.look_up(|connection| Ok(read(connection, name)?.map(|(_, group)| group)))
    }

    async fn billing_groups(
        &self,
        name_prefix: Option<&BillingGroupName>,
        request: PageRequest,
    ) -> Result<Page<BillingGroup>, StorageError> {
        let prefix = name_prefix.cloned();
        self.list(move |connection| {
            let prefix = prefix.as_ref().map_or("", BillingGroupName::as_str);
            let listing = Listing { ascending: LIST, descending: LIST_BACK };
            page(connection, listing, &[&prefix], request, from_fields, TABLE)
        })
        .await
    }

    async fn billing_group_things(
        &self,
        group: &BillingGroupName,
        request: PageRequest,
    ) -> Result<Page<ThingName>, StorageError> {
        let group = group.clone();
        self.list(move |connection| {
            let listing = Listing { ascending: THINGS, descending: THINGS_BACK };
            page(connection, listing, &[&group.as_str()], request, thing::name_from_fields, thing::TABLE)
        })
        .await
    }
}

/// The row of a billing group, if it exists.
pub(crate) fn rid(connection: &Connection, name: &BillingGroupName) -> Result<Option<i64>, ReadError> {
    Ok(read(connection, name)?.map(|(rid, _)| rid))
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &BillingGroupChange) -> Result<(), ApplyError> {
    match change {
        BillingGroupChange::Ensure { group, tags } => {
            if apply.find_billing_group_row(&group.name)?.is_some() {
                return Ok(());
            }
            let rid = insert(apply, group)?;
            tag::set(apply.connection, rid, tags, || TaggedResource::BillingGroup(group.name.clone()))
        }
        BillingGroupChange::Insert(group) => insert(apply, group).map(drop),
        BillingGroupChange::Update(BillingGroupUpdate { name, id, version, description }) => {
            let rid = in_version(apply.connection, name, *id, *version)?;
            let description = description.as_ref().map(Description::as_str);
            execute(apply.connection, UPDATE, params![description, count(version + 1), rid])?;
            Ok(())
        }
        BillingGroupChange::Delete { name, id, version } => {
            let rid = in_version(apply.connection, name, *id, *version)?;
            tag::remove_all(apply.connection, rid)?;
            apply.delete(DELETE, rid)
        }
        BillingGroupChange::AddThing { group, thing } => {
            let (group, thing) = (apply.billing_group_row(group)?, apply.thing_row(thing)?);
            execute(apply.connection, ADD_THING, [group, thing])?;
            Ok(())
        }
        BillingGroupChange::EnsureThing { group, thing } => ensure_thing(apply, group, thing),
        BillingGroupChange::RemoveThing { group, thing } => {
            let (group, thing) = (apply.billing_group_row(group)?, apply.thing_row(thing)?);
            execute(apply.connection, REMOVE_THING, [thing, group])?;
            Ok(())
        }
    }
}

fn read(connection: &Connection, name: &BillingGroupName) -> Result<Option<(i64, BillingGroup)>, ReadError> {
    first(connection, BY_NAME, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

/// Inserts a billing group, and gives its row.
fn insert(apply: &mut Apply<'_>, group: &BillingGroup) -> Result<i64, ApplyError> {
    let BillingGroup { name, id, description, version, created_at } = group;
    let rid = apply.row_ids.next(*created_at)?;
    let row = params![
        rid,
        name.as_str(),
        id.as_bytes(),
        description.as_ref().map(Description::as_str),
        count(*version),
        created_at.as_millis(),
    ];
    match execute(apply.connection, INSERT, row)? {
        0 => Err(Conflict::BillingGroupExists(name.clone()).into()),
        _ => {
            apply.rows.billing_group = Some((name.clone(), rid));
            Ok(rid)
        }
    }
}

fn ensure_thing(
    apply: &mut Apply<'_>,
    group: &BillingGroupName,
    thing: &ThingName,
) -> Result<(), ApplyError> {
    let (rid, member) = (apply.billing_group_row(group)?, apply.thing_row(thing)?);
    let found = first(apply.connection, OF_THING, [member], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), fields.parse(1, "name", BillingGroupName::parse)?))
    })?;
    match found {
        Some((found, _)) if found == rid => Ok(()),
        Some((_, group)) => Err(Conflict::ThingInBillingGroup { thing: thing.clone(), group }.into()),
        None => {
            execute(apply.connection, ADD_THING, [rid, member])?;
            Ok(())
        }
    }
}

/// The row of a billing group that must have this id and version.
fn in_version(
    connection: &Connection,
    name: &BillingGroupName,
    id: BillingGroupId,
    version: u64,
) -> Result<i64, ApplyError> {
    match read(connection, name)? {
        None => Err(Conflict::BillingGroupNotFound(name.clone()).into()),
        Some((rid, group)) if group.id == id && group.version == version => Ok(rid),
        Some(_) => Err(Conflict::BillingGroupVersion(name.clone()).into()),
    }
}

fn from_fields(fields: &Fields<'_>) -> Result<BillingGroup, ReadError> {
    Ok(BillingGroup {
        name: fields.parse(1, "name", BillingGroupName::parse)?,
        id: BillingGroupId::from_bytes(fields.get(2, "group_id")?),
        description: fields.parse_if_any(3, "description", Description::parse)?,
        version: fields.count(4, "version")?,
        created_at: fields.time(5, "created")?,
    })
}
