use async_trait::async_trait;
use landfall_model::{Tag, TagKey, TagValue, TaggedResource};
use landfall_registry::{Conflict, StorageError, TagChange, Tags};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, every, execute, number, snapshot, statements};
use crate::{billing_group, ca_certificate, policy, thing_group, thing_type, topic_rule};

const TABLE: &str = "tags";

statements! {
    OF = "SELECT resource, name, value FROM tags WHERE resource = $1";
    COUNT = "SELECT COUNT(*) FROM tags WHERE resource = $1";
    SET = "INSERT INTO tags (resource, name, value) VALUES ($1, $2, $3)
        ON CONFLICT (resource, name) DO UPDATE SET value = $3";
    REMOVE = "DELETE FROM tags WHERE resource = $1 AND name = $2";
    REMOVE_ALL = "DELETE FROM tags WHERE resource = $1";
}

#[async_trait]
impl Tags for SqliteRegistry {
    async fn tags(&self, resource: &TaggedResource) -> Result<Option<Vec<Tag>>, StorageError> {
        self.look_up(|connection| {
            snapshot(connection, |connection| {
                let rid = rid(connection, resource)?;
                rid.map(|rid| of(connection, rid)).transpose()
            })
        })
    }
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &TagChange) -> Result<(), ApplyError> {
    match change {
        TagChange::Set { resource, tags } => {
            let rid = find(apply.connection, resource)?;
            set(apply.connection, rid, tags, || resource.clone())
        }
        TagChange::Remove { resource, keys } => {
            let rid = find(apply.connection, resource)?;
            for key in keys {
                execute(apply.connection, REMOVE, params![rid, key.as_str()])?;
            }
            Ok(())
        }
    }
}

/// Sets tags of the resource of this row. Conflict: it would have more than it may have.
pub(crate) fn set(
    connection: &Connection,
    rid: i64,
    tags: &[Tag],
    resource: impl FnOnce() -> TaggedResource,
) -> Result<(), ApplyError> {
    if tags.is_empty() {
        return Ok(());
    }
    for Tag { key, value } in tags {
        execute(connection, SET, params![rid, key.as_str(), value.as_str()])?;
    }
    if number(connection, COUNT, [rid])? > Tag::OF_RESOURCE_MAX {
        return Err(Conflict::TagsOfResource(resource()).into());
    }
    Ok(())
}

/// Removes the tags of a resource, which is about to be deleted.
pub(crate) fn remove_all(connection: &Connection, resource: i64) -> Result<(), ApplyError> {
    execute(connection, REMOVE_ALL, [resource])?;
    Ok(())
}

/// The tags of the resource of this row, by key.
fn of(connection: &Connection, resource: i64) -> Result<Vec<Tag>, ReadError> {
    let mut tags = every(connection, OF, [resource], |row| {
        let fields = Fields::new(TABLE, row)?;
        let key = fields.parse(1, "name", TagKey::parse)?;
        Ok(Tag { key, value: fields.parse(2, "value", TagValue::parse)? })
    })?;
    tags.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok(tags)
}

/// The row of a resource, if it exists.
fn rid(connection: &Connection, resource: &TaggedResource) -> Result<Option<i64>, ReadError> {
    match resource {
        TaggedResource::BillingGroup(name) => billing_group::rid(connection, name),
        TaggedResource::CaCertificate(id) => ca_certificate::rid(connection, *id),
        TaggedResource::Policy(name) => policy::rid(connection, name),
        TaggedResource::ThingGroup(name) => thing_group::rid(connection, name),
        TaggedResource::ThingType(name) => thing_type::rid(connection, name),
        TaggedResource::TopicRule(name) => topic_rule::rid(connection, name),
    }
}

fn find(connection: &Connection, resource: &TaggedResource) -> Result<i64, ApplyError> {
    let not_found = || match resource {
        TaggedResource::BillingGroup(name) => Conflict::BillingGroupNotFound(name.clone()),
        TaggedResource::CaCertificate(id) => Conflict::CaCertificateNotFound(*id),
        TaggedResource::Policy(name) => Conflict::PolicyNotFound(name.clone()),
        TaggedResource::ThingGroup(name) => Conflict::ThingGroupNotFound(name.clone()),
        TaggedResource::ThingType(name) => Conflict::ThingTypeNotFound(name.clone()),
        TaggedResource::TopicRule(name) => Conflict::TopicRuleNotFound(name.clone()),
    };
    Ok(rid(connection, resource)?.ok_or_else(not_found)?)
}
