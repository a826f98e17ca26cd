use async_trait::async_trait;
use landfall_events::{Event, Relation, ThingGroupMembership};
use landfall_model::{
    Description, EventType, Scope, TaggedResource, ThingGroup, ThingGroupId, ThingGroupName, ThingGroupView,
    ThingName, UnixTime,
};
use landfall_registry::{
    Conflict, Page, PageRequest, RootThingGroup, StorageError, ThingGroupChange, ThingGroupFilter,
    ThingGroupPlace, ThingGroupUpdate, ThingGroups,
};
use rusqlite::{Connection, ToSql, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, every, execute, first, number, page, snapshot, statements};
use crate::{event, policy, tag, thing};

const TABLE: &str = "thing_groups";

macro_rules! select {
    ($rest:literal) => {
        select!("thing_groups g", $rest)
    };
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT g.rid, g.name, g.group_id, u.name, g.description, g.attrs, g.version, g.created FROM ",
            $from,
            " LEFT JOIN thing_groups u ON u.rid = g.parent ",
            $rest
        )
    };
}

statements! {
    BY_NAME = select!("WHERE g.name = $1");
    // No index has both the order and the beginning of a name: the groups are gone through in their order.
    LIST = select!("WHERE SUBSTR(g.name, 1, LENGTH($1)) = $1 AND g.rid > $2 ORDER BY g.rid LIMIT $3");
    LIST_BACK = select!("WHERE SUBSTR(g.name, 1, LENGTH($1)) = $1 AND g.rid < $2 ORDER BY g.rid DESC LIMIT $3");
    LIST_ROOTS = select!(
        "WHERE g.parent IS NULL AND SUBSTR(g.name, 1, LENGTH($1)) = $1
        AND g.rid > $2 ORDER BY g.rid LIMIT $3"
    );
    LIST_ROOTS_BACK = select!(
        "WHERE g.parent IS NULL AND SUBSTR(g.name, 1, LENGTH($1)) = $1
        AND g.rid < $2 ORDER BY g.rid DESC LIMIT $3"
    );
    LIST_CHILDREN = select!(
        "WHERE g.parent = (SELECT rid FROM thing_groups WHERE name = $1)
        AND SUBSTR(g.name, 1, LENGTH($2)) = $2 AND g.rid > $3 ORDER BY g.rid LIMIT $4"
    );
    LIST_CHILDREN_BACK = select!(
        "WHERE g.parent = (SELECT rid FROM thing_groups WHERE name = $1)
        AND SUBSTR(g.name, 1, LENGTH($2)) = $2 AND g.rid < $3 ORDER BY g.rid DESC LIMIT $4"
    );
    LIST_BELOW = select!(
        "thing_group_below b JOIN thing_groups g ON g.rid = b.below",
        "WHERE b.above = (SELECT rid FROM thing_groups WHERE name = $1)
        AND SUBSTR(g.name, 1, LENGTH($2)) = $2 AND b.below > $3 ORDER BY b.below LIMIT $4"
    );
    LIST_BELOW_BACK = select!(
        "thing_group_below b JOIN thing_groups g ON g.rid = b.below",
        "WHERE b.above = (SELECT rid FROM thing_groups WHERE name = $1)
        AND SUBSTR(g.name, 1, LENGTH($2)) = $2 AND b.below < $3 ORDER BY b.below DESC LIMIT $4"
    );
    LIST_OF_THING = select!(
        "group_member m JOIN thing_groups g ON g.rid = m.grp",
        "WHERE m.thing = (SELECT rid FROM things WHERE name = $1) AND m.member_of = m.grp
        AND m.grp > $2 ORDER BY m.grp LIMIT $3"
    );
    LIST_OF_THING_BACK = select!(
        "group_member m JOIN thing_groups g ON g.rid = m.grp",
        "WHERE m.thing = (SELECT rid FROM things WHERE name = $1) AND m.member_of = m.grp
        AND m.grp < $2 ORDER BY m.grp DESC LIMIT $3"
    );
    THINGS = "SELECT t.rid, t.name FROM group_member m JOIN things t ON t.rid = m.thing
        WHERE m.member_of = (SELECT rid FROM thing_groups WHERE name = $1) AND m.grp = m.member_of
        AND m.thing > $2 ORDER BY m.thing LIMIT $3";
    THINGS_BACK = "SELECT t.rid, t.name FROM group_member m JOIN things t ON t.rid = m.thing
        WHERE m.member_of = (SELECT rid FROM thing_groups WHERE name = $1) AND m.grp = m.member_of
        AND m.thing < $2 ORDER BY m.thing DESC LIMIT $3";
    ALL_THINGS = "SELECT t.rid, t.name FROM group_member m JOIN things t ON t.rid = m.thing
        WHERE m.grp = (SELECT rid FROM thing_groups WHERE name = $1)
        AND EXISTS (SELECT g.rid FROM thing_groups g WHERE g.rid = m.member_of)
        AND m.thing > $2 ORDER BY m.thing LIMIT $3";
    ALL_THINGS_BACK = "SELECT t.rid, t.name FROM group_member m JOIN things t ON t.rid = m.thing
        WHERE m.grp = (SELECT rid FROM thing_groups WHERE name = $1)
        AND EXISTS (SELECT g.rid FROM thing_groups g WHERE g.rid = m.member_of)
        AND m.thing < $2 ORDER BY m.thing DESC LIMIT $3";
    RID = "SELECT rid FROM thing_groups WHERE name = $1";
    LINE = "WITH RECURSIVE line (rid, name, group_id, parent, height) AS (
            SELECT rid, name, group_id, parent, 0 FROM thing_groups WHERE rid = $1
            UNION ALL SELECT g.rid, g.name, g.group_id, g.parent, l.height + 1
            FROM line l JOIN thing_groups g ON g.rid = l.parent
        ) SELECT rid, name, group_id, height FROM line";
    CHILDREN = "SELECT COUNT(*) FROM thing_groups WHERE parent = $1";
    INSERT = "INSERT INTO thing_groups (rid, name, group_id, parent, description, attrs, version, created)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    INSERT_BELOW = "INSERT INTO thing_group_below (above, below) VALUES ($1, $2)";
    UPDATE = "UPDATE thing_groups SET description = $1, attrs = $2, version = $3 WHERE rid = $4";
    DELETE = "DELETE FROM thing_groups WHERE rid = $1";
    DELETE_BELOW = "DELETE FROM thing_group_below WHERE above = $1 AND below = $2";
    LEAVE_MEMBERS = "INSERT INTO deleted_thing_groups (rid) VALUES ($1)";
    WITH_MEMBERS_LEFT = "SELECT MIN(rid) FROM deleted_thing_groups";
    SWEEP = "DELETE FROM group_member WHERE (grp, thing) IN
        (SELECT grp, thing FROM group_member WHERE member_of = $1 LIMIT $2)";
    SWEPT = "DELETE FROM deleted_thing_groups WHERE rid = $1";
    MEMBER_OF = "SELECT g.rid, g.name FROM group_member m JOIN thing_groups g ON g.rid = m.member_of
        WHERE m.grp = $1 AND m.thing = $2";
    GROUPS_OF_THING = "SELECT COUNT(*) FROM group_member m JOIN thing_groups g ON g.rid = m.grp
        WHERE m.thing = $1 AND m.member_of = m.grp";
    // What is there already was left by a deleted group.
    ADD_THING = "INSERT INTO group_member (grp, thing, member_of) VALUES ($1, $2, $3)
        ON CONFLICT (grp, thing) DO UPDATE SET member_of = $3";
    REMOVE_THING = "DELETE FROM group_member WHERE member_of = $1 AND thing = $2";
    REMOVE_THING_FROM_ALL = "DELETE FROM group_member WHERE thing = $1";
}

/// How many rows of members are removed in one transaction, behind which others wait: a few milliseconds.
const SWEPT_AT_ONCE_MAX: u16 = 1_000;

/// A group as its children see it.
struct Above {
    rid: i64,
    name: ThingGroupName,
    id: ThingGroupId,
}

#[async_trait]
impl ThingGroups for SqliteRegistry {
    async fn thing_group(&self, name: &ThingGroupName) -> Result<Option<ThingGroup>, StorageError> {
        self.look_up(|connection| Ok(read(connection, name)?.map(|(_, group)| group)))
    }

    async fn thing_group_view(&self, name: &ThingGroupName) -> Result<Option<ThingGroupView>, StorageError> {
        self.look_up(|connection| snapshot(connection, |connection| view(connection, name)))
    }

    async fn thing_groups(
        &self,
        filter: &ThingGroupFilter,
        request: PageRequest,
    ) -> Result<Page<ThingGroup>, StorageError> {
        let filter = filter.clone();
        self.list(move |connection| list(connection, &filter, request)).await
    }

    async fn thing_groups_of(
        &self,
        thing: &ThingName,
        request: PageRequest,
    ) -> Result<Page<ThingGroup>, StorageError> {
        let thing = thing.clone();
        self.list(move |connection| {
            let listing = Listing { ascending: LIST_OF_THING, descending: LIST_OF_THING_BACK };
            page(connection, listing, &[&thing.as_str()], request, from_fields, TABLE)
        })
        .await
    }

    async fn thing_group_things(
        &self,
        group: &ThingGroupName,
        is_recursive: bool,
        request: PageRequest,
    ) -> Result<Page<ThingName>, StorageError> {
        let group = group.clone();
        self.list(move |connection| {
            let listing = if is_recursive {
                Listing { ascending: ALL_THINGS, descending: ALL_THINGS_BACK }
            } else {
                Listing { ascending: THINGS, descending: THINGS_BACK }
            };
            page(connection, listing, &[&group.as_str()], request, thing::name_from_fields, thing::TABLE)
        })
        .await
    }
}

/// The row of a thing group, if it exists.
pub(crate) fn rid(connection: &Connection, name: &ThingGroupName) -> Result<Option<i64>, ReadError> {
    first(connection, RID, [name.as_str()], |row| Ok(row.get(0)?))
}

/// The row of a thing group. Conflict: it does not exist.
pub(crate) fn find(connection: &Connection, name: &ThingGroupName) -> Result<i64, ApplyError> {
    Ok(rid(connection, name)?.ok_or_else(|| Conflict::ThingGroupNotFound(name.clone()))?)
}

/// The thing group with its row id.
pub(crate) fn read(
    connection: &Connection,
    name: &ThingGroupName,
) -> Result<Option<(i64, ThingGroup)>, ReadError> {
    first(connection, BY_NAME, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

/// Removes a thing, which is about to be deleted, from all groups.
pub(crate) fn remove_from_all(connection: &Connection, thing: i64) -> Result<(), ApplyError> {
    execute(connection, REMOVE_THING_FROM_ALL, [thing])?;
    Ok(())
}

/// Removes some of the members that the deleted group of this row has left; when that were the last, it is forgotten.
pub(crate) fn sweep(connection: &Connection, group: i64) -> rusqlite::Result<()> {
    if execute(connection, SWEEP, params![group, SWEPT_AT_ONCE_MAX])? < usize::from(SWEPT_AT_ONCE_MAX) {
        execute(connection, SWEPT, [group])?;
    }
    Ok(())
}

/// The row that a deleted group had whose members are still to be swept, if there is one.
pub(crate) fn to_sweep(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(WITH_MEMBERS_LEFT)?.query_row([], |row| row.get(0))
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &ThingGroupChange) -> Result<(), ApplyError> {
    match change {
        ThingGroupChange::Ensure(group) => ensure(apply, group),
        ThingGroupChange::Insert(group) => insert(apply, group).map(drop),
        ThingGroupChange::Update(update) => {
            let ThingGroupUpdate { name, id, version, description, attributes } = update;
            let rid = in_version(apply.connection, name, *id, *version)?;
            let description = description.as_ref().map(Description::as_str);
            let attributes = thing::attributes_to_json(attributes)?;
            execute(apply.connection, UPDATE, params![description, attributes, count(version + 1), rid])?;
            Ok(())
        }
        ThingGroupChange::Delete { name, id, version } => delete(apply, name, *id, *version),
        ThingGroupChange::AddThing { group, thing } => add_thing(apply, group, thing),
        ThingGroupChange::EnsureThing { group, thing, scope, at } => {
            ensure_thing(apply, group, thing, scope, *at)
        }
        ThingGroupChange::RemoveThing { group, thing } => {
            let (of, member) = (find(apply.connection, group)?, apply.thing_row(thing)?);
            match execute(apply.connection, REMOVE_THING, [of, member])? {
                0 => Err(Conflict::ThingNotInGroup { thing: thing.clone(), group: group.clone() }.into()),
                _ => Ok(()),
            }
        }
    }
}

fn ensure(apply: &mut Apply<'_>, group: &RootThingGroup) -> Result<(), ApplyError> {
    if apply.find_thing_group_row(&group.name)?.is_some() {
        return Ok(());
    }
    let rid = insert(apply, &group.group())?;
    event::append(apply, &group.event(), None)?;
    tag::set(apply.connection, rid, &group.tags, || TaggedResource::ThingGroup(group.name.clone()))
}

/// Inserts a thing group, and gives its row.
fn insert(apply: &mut Apply<'_>, group: &ThingGroup) -> Result<i64, ApplyError> {
    let ThingGroup { name, id, parent, description, attributes, version, created_at } = group;
    let connection = apply.connection;
    let parent_rid = parent.as_ref().map(|parent| find(connection, parent)).transpose()?;
    if rid(connection, name)?.is_some() {
        return Err(Conflict::ThingGroupExists(name.clone()).into());
    }
    let above = match parent.as_ref().zip(parent_rid) {
        Some((parent, rid)) => line_with_room(connection, parent, rid)?,
        None => Vec::new(),
    };
    let rid = apply.row_ids.next(*created_at)?;
    let row = params![
        rid,
        name.as_str(),
        id.as_bytes(),
        parent_rid,
        description.as_ref().map(Description::as_str),
        thing::attributes_to_json(attributes)?,
        count(*version),
        created_at.as_millis(),
    ];
    execute(connection, INSERT, row)?;
    for group in above {
        execute(connection, INSERT_BELOW, [group.rid, rid])?;
    }
    apply.rows.thing_group = Some((name.clone(), *id, rid));
    Ok(rid)
}

/// The line of a group that is to be a parent. Conflict: it can have no child, or none more.
fn line_with_room(
    connection: &Connection,
    parent: &ThingGroupName,
    rid: i64,
) -> Result<Vec<Above>, ApplyError> {
    let line = line(connection, rid)?;
    if line.len() >= ThingGroup::LEVELS_MAX {
        return Err(Conflict::ThingGroupLevels(parent.clone()).into());
    }
    if number(connection, CHILDREN, [rid])? >= ThingGroup::CHILDREN_MAX {
        return Err(Conflict::ThingGroupChildren(parent.clone()).into());
    }
    Ok(line)
}

fn delete(
    apply: &mut Apply<'_>,
    name: &ThingGroupName,
    id: ThingGroupId,
    version: u64,
) -> Result<(), ApplyError> {
    let connection = apply.connection;
    let rid = in_version(connection, name, id, version)?;
    if number(connection, CHILDREN, [rid])? > 0 {
        return Err(Conflict::ThingGroupHasChildren(name.clone()).into());
    }
    // Without children, all of its things were added to the group itself. They may be very many, and are swept later.
    execute(connection, LEAVE_MEMBERS, [rid])?;
    for group in line(connection, rid)? {
        execute(connection, DELETE_BELOW, [group.rid, rid])?;
    }
    policy::detach_all(connection, rid)?;
    tag::remove_all(connection, rid)?;
    apply.delete(DELETE, rid)
}

fn add_thing(apply: &mut Apply<'_>, group: &ThingGroupName, thing: &ThingName) -> Result<(), ApplyError> {
    let connection = apply.connection;
    let (of, member) = (find(connection, group)?, apply.thing_row(thing)?);
    let line = line(connection, of)?;
    match member_of(connection, root(&line, of), member)? {
        Some((other, _)) if other == of => {
            Err(Conflict::ThingInGroup { thing: thing.clone(), group: group.clone() }.into())
        }
        Some((_, group)) => Err(Conflict::ThingInHierarchy { thing: thing.clone(), group }.into()),
        None => put(connection, of, &line, thing, member),
    }
}

fn ensure_thing(
    apply: &mut Apply<'_>,
    group: &ThingGroupName,
    thing: &ThingName,
    scope: &Scope,
    at: UnixTime,
) -> Result<(), ApplyError> {
    let connection = apply.connection;
    let ((group_id, of), member) = (apply.thing_group_row(group)?, apply.thing_row(thing)?);
    if member_of(connection, of, member)?.is_some() {
        return Ok(());
    }
    let line = line(connection, of)?;
    let root = root(&line, of);
    if root != of
        && let Some((_, group)) = member_of(connection, root, member)?
    {
        return Err(Conflict::ThingInHierarchy { thing: thing.clone(), group }.into());
    }
    put(connection, of, &line, thing, member)?;
    if !apply.is_told(EventType::ThingGroupMembership)? {
        return Ok(());
    }
    let found = thing::read(connection, thing)?.map(|(_, thing)| thing.id);
    let event = ThingGroupMembership {
        operation: Relation::Added,
        group: group.clone(),
        group_id,
        thing: thing.clone(),
        thing_id: found.ok_or_else(|| Conflict::ThingNotFound(thing.clone()))?,
        scope: scope.clone(),
        at,
    };
    event::append(apply, &Event::ThingGroupMembership(event), None)
}

/// The root of the line of the group of this row.
fn root(line: &[Above], of: i64) -> i64 {
    line.last().map_or(of, |root| root.rid)
}

/// The group that the thing of this row was added to: this one, or one below it.
fn member_of(
    connection: &Connection,
    group: i64,
    thing: i64,
) -> Result<Option<(i64, ThingGroupName)>, ReadError> {
    first(connection, MEMBER_OF, [group, thing], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), fields.parse(1, "name", ThingGroupName::parse)?))
    })
}

/// Puts a thing that is in no group of the hierarchy into the group of the row `of`, whose line this is.
fn put(
    connection: &Connection,
    of: i64,
    line: &[Above],
    thing: &ThingName,
    member: i64,
) -> Result<(), ApplyError> {
    if number(connection, GROUPS_OF_THING, [member])? >= ThingGroup::OF_THING_MAX {
        return Err(Conflict::GroupsOfThing(thing.clone()).into());
    }
    for group in line {
        execute(connection, ADD_THING, [group.rid, member, of])?;
    }
    Ok(())
}

/// The row of a thing group that must have this id and version.
fn in_version(
    connection: &Connection,
    name: &ThingGroupName,
    id: ThingGroupId,
    version: u64,
) -> Result<i64, ApplyError> {
    match read(connection, name)? {
        None => Err(Conflict::ThingGroupNotFound(name.clone()).into()),
        Some((rid, group)) if group.id == id && group.version == version => Ok(rid),
        Some(_) => Err(Conflict::ThingGroupVersion(name.clone()).into()),
    }
}

/// The group of this row and all that it is in, the root last.
fn line(connection: &Connection, rid: i64) -> Result<Vec<Above>, ReadError> {
    let mut line = every(connection, LINE, [rid], |row| {
        let fields = Fields::new(TABLE, row)?;
        let id = ThingGroupId::from_bytes(fields.get(2, "group_id")?);
        let name = fields.parse(1, "name", ThingGroupName::parse)?;
        Ok((fields.count(3, "height")?, Above { rid: fields.rid(), name, id }))
    })?;
    line.sort_unstable_by_key(|(height, _)| *height);
    Ok(line.into_iter().map(|(_, group)| group).collect())
}

fn view(connection: &Connection, name: &ThingGroupName) -> Result<Option<ThingGroupView>, ReadError> {
    let Some((rid, group)) = read(connection, name)? else {
        return Ok(None);
    };
    let above = line(connection, rid)?.into_iter().skip(1).rev();
    Ok(Some(ThingGroupView { group, ancestors: above.map(|group| (group.name, group.id)).collect() }))
}

fn list(
    connection: &Connection,
    filter: &ThingGroupFilter,
    request: PageRequest,
) -> Result<Page<ThingGroup>, ReadError> {
    let prefix = filter.name_prefix.as_ref().map_or("", ThingGroupName::as_str);
    let of = match &filter.place {
        ThingGroupPlace::Anywhere | ThingGroupPlace::Root => "",
        ThingGroupPlace::ChildOf(group) | ThingGroupPlace::Below(group) => group.as_str(),
    };
    let (ascending, descending, params): (_, _, &[&dyn ToSql]) = match &filter.place {
        ThingGroupPlace::Anywhere => (LIST, LIST_BACK, &[&prefix]),
        ThingGroupPlace::Root => (LIST_ROOTS, LIST_ROOTS_BACK, &[&prefix]),
        ThingGroupPlace::ChildOf(_) => (LIST_CHILDREN, LIST_CHILDREN_BACK, &[&of, &prefix]),
        ThingGroupPlace::Below(_) => (LIST_BELOW, LIST_BELOW_BACK, &[&of, &prefix]),
    };
    page(connection, Listing { ascending, descending }, params, request, from_fields, TABLE)
}

fn from_fields(fields: &Fields<'_>) -> Result<ThingGroup, ReadError> {
    Ok(ThingGroup {
        name: fields.parse(1, "name", ThingGroupName::parse)?,
        id: ThingGroupId::from_bytes(fields.get(2, "group_id")?),
        parent: fields.parse_if_any(3, "parent", ThingGroupName::parse)?,
        description: fields.parse_if_any(4, "description", Description::parse)?,
        attributes: fields.parse(5, "attrs", thing::attributes_from_json)?,
        version: fields.count(6, "version")?,
        created_at: fields.time(7, "created")?,
    })
}
