use std::collections::BTreeMap;
use std::num::NonZeroU32;

use async_trait::async_trait;
use landfall_model::{
    CertificateId, Policy, PolicyName, PolicyTarget, PolicyVersion, PolicyVersionId, PolicyVersions,
    TaggedResource, ThingGroupName, ThingName, UnixTime,
};
use landfall_registry::{Conflict, Cursor, Order, Page, PageRequest, Policies, PolicyChange, StorageError};
use rusqlite::{Connection, Params, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, every, execute, exists, first, number, page, snapshot, statements};
use crate::{tag, thing_group};

const TABLE: &str = "policies";
const VERSIONS_TABLE: &str = "policy_versions";

macro_rules! select {
    ($from:literal, $rest:literal) => {
        concat!("SELECT p.rid, p.name, p.version, p.doc, p.created, p.modified FROM ", $from, " ", $rest)
    };
}

macro_rules! select_of_certificate {
    ($rest:literal) => {
        concat!(
            select!("policy_attach a JOIN policies p ON p.rid = a.policy", ""),
            "WHERE a.target = (SELECT rid FROM certificates WHERE cert_id = $1) ",
            $rest
        )
    };
}

macro_rules! select_of_group {
    ($rest:literal) => {
        concat!(
            select!("policy_attach a JOIN policies p ON p.rid = a.policy", ""),
            "WHERE a.target = (SELECT rid FROM thing_groups WHERE name = $1) ",
            $rest
        )
    };
}

statements! {
    BY_NAME = select!("policies p", "WHERE p.name = $1");
    LIST = select!("policies p", "WHERE p.rid > $1 ORDER BY p.rid LIMIT $2");
    LIST_BACK = select!("policies p", "WHERE p.rid < $1 ORDER BY p.rid DESC LIMIT $2");
    OF_CERTIFICATE = select_of_certificate!("");
    LIST_OF_CERTIFICATE = select_of_certificate!("AND a.policy > $2 ORDER BY a.policy LIMIT $3");
    LIST_OF_CERTIFICATE_BACK = select_of_certificate!("AND a.policy < $2 ORDER BY a.policy DESC LIMIT $3");
    LIST_OF_GROUP = select_of_group!("AND a.policy > $2 ORDER BY a.policy LIMIT $3");
    LIST_OF_GROUP_BACK = select_of_group!("AND a.policy < $2 ORDER BY a.policy DESC LIMIT $3");
    OF_LINE = concat!(
        "WITH RECURSIVE line (rid, parent) AS (
            SELECT rid, parent FROM thing_groups WHERE name = $1
            UNION ALL SELECT g.rid, g.parent FROM line l JOIN thing_groups g ON g.rid = l.parent
        ) ",
        // A cross join keeps the order: from the few groups to what is attached to them.
        select!(
            "line l CROSS JOIN policy_attach a CROSS JOIN policies p",
            "WHERE a.target = l.rid AND p.rid = a.policy"
        )
    );
    OF_THING = select!(
        "group_member m JOIN policy_attach a ON a.target = m.grp JOIN policies p ON p.rid = a.policy",
        "WHERE m.thing = (SELECT rid FROM things WHERE name = $1)
        AND EXISTS (SELECT g.rid FROM thing_groups g WHERE g.rid = m.member_of)"
    );
    ATTACHED = "SELECT p.rid, p.name, p.version FROM policy_attach a JOIN policies p ON p.rid = a.policy
        WHERE a.target = $1";
    OF_GROUPS = "SELECT p.rid, p.name, p.version FROM group_member m
        JOIN policy_attach a ON a.target = m.grp JOIN policies p ON p.rid = a.policy
        WHERE m.thing = $1 AND EXISTS (SELECT g.rid FROM thing_groups g WHERE g.rid = m.member_of)";
    TARGETS = "SELECT a.target, c.cert_id, g.name FROM policy_attach a
        LEFT JOIN certificates c ON c.rid = a.target LEFT JOIN thing_groups g ON g.rid = a.target
        WHERE a.policy = (SELECT rid FROM policies WHERE name = $1)
        AND a.target > $2 ORDER BY a.target LIMIT $3";
    TARGETS_BACK = "SELECT a.target, c.cert_id, g.name FROM policy_attach a
        LEFT JOIN certificates c ON c.rid = a.target LEFT JOIN thing_groups g ON g.rid = a.target
        WHERE a.policy = (SELECT rid FROM policies WHERE name = $1)
        AND a.target < $2 ORDER BY a.target DESC LIMIT $3";
    CERTIFICATES = "SELECT a.target, c.cert_id FROM policy_attach a JOIN certificates c ON c.rid = a.target
        WHERE a.policy = (SELECT rid FROM policies WHERE name = $1)
        AND a.target > $2 ORDER BY a.target LIMIT $3";
    CERTIFICATES_BACK = "SELECT a.target, c.cert_id FROM policy_attach a
        JOIN certificates c ON c.rid = a.target
        WHERE a.policy = (SELECT rid FROM policies WHERE name = $1)
        AND a.target < $2 ORDER BY a.target DESC LIMIT $3";
    RID = "SELECT rid FROM policies WHERE name = $1";
    STATE = "SELECT rid, version, doc, version_created, next_version FROM policies WHERE name = $1";
    OTHERS = "SELECT policy, version, doc, created FROM policy_versions WHERE policy = $1";
    OTHER = "SELECT policy, version, doc, created FROM policy_versions WHERE policy = $1 AND version = $2";
    COUNT_OTHERS = "SELECT COUNT(*) FROM policy_versions WHERE policy = $1";
    INSERT = "INSERT INTO policies
        (rid, name, version, doc, created, modified, version_created, next_version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    INSERT_OTHER = "INSERT INTO policy_versions (policy, version, doc, created) VALUES ($1, $2, $3, $4)";
    DELETE_OTHER = "DELETE FROM policy_versions WHERE policy = $1 AND version = $2";
    SET_DEFAULT = "UPDATE policies SET version = $1, doc = $2, version_created = $3, modified = $4
        WHERE rid = $5";
    SET_NEXT = "UPDATE policies SET next_version = $1 WHERE rid = $2";
    DELETE = "DELETE FROM policies WHERE rid = $1";
    ATTACH = "INSERT INTO policy_attach (target, policy) VALUES ($1, $2)
        ON CONFLICT (target, policy) DO NOTHING";
    DETACH = "DELETE FROM policy_attach WHERE target = $1 AND policy = $2";
    DETACH_ALL = "DELETE FROM policy_attach WHERE target = $1";
    A_TARGET = "SELECT target FROM policy_attach WHERE policy = $1 LIMIT 1";
    COUNT_ATTACHED = "SELECT COUNT(*) FROM policy_attach WHERE target = $1";
}

/// The versions of a policy, with its row: the default one is there, the others have a table of their own.
struct State {
    rid: i64,
    default: PolicyVersion,
    next: PolicyVersionId,
}

#[async_trait]
impl Policies for SqliteRegistry {
    async fn policy(&self, name: &PolicyName) -> Result<Option<Policy>, StorageError> {
        self.look_up(|connection| {
            first(connection, BY_NAME, [name.as_str()], |row| from_fields(&Fields::new(TABLE, row)?))
        })
    }

    async fn policies(&self, request: PageRequest) -> Result<Page<Policy>, StorageError> {
        let listing = Listing { ascending: LIST, descending: LIST_BACK };
        self.list(move |connection| page(connection, listing, &[], request, from_fields, TABLE)).await
    }

    async fn policy_versions(&self, name: &PolicyName) -> Result<Option<PolicyVersions>, StorageError> {
        self.look_up(|connection| snapshot(connection, |connection| versions(connection, name)))
    }

    async fn policy_version(
        &self,
        name: &PolicyName,
        id: PolicyVersionId,
    ) -> Result<Option<PolicyVersion>, StorageError> {
        self.look_up(|connection| {
            snapshot(connection, |connection| match state(connection, name)? {
                None => Ok(None),
                Some(state) if state.default.id == id => Ok(Some(state.default)),
                Some(state) => other(connection, state.rid, id),
            })
        })
    }

    async fn attached_policies(
        &self,
        target: &PolicyTarget,
        is_recursive: bool,
        request: PageRequest,
    ) -> Result<Page<Policy>, StorageError> {
        let target = target.clone();
        self.list(move |connection| match &target {
            PolicyTarget::Certificate(id) => {
                let listing =
                    Listing { ascending: LIST_OF_CERTIFICATE, descending: LIST_OF_CERTIFICATE_BACK };
                page(connection, listing, &[id.as_bytes()], request, from_fields, TABLE)
            }
            PolicyTarget::ThingGroup(name) if is_recursive => of_line(connection, name, request),
            PolicyTarget::ThingGroup(name) => {
                let listing = Listing { ascending: LIST_OF_GROUP, descending: LIST_OF_GROUP_BACK };
                page(connection, listing, &[&name.as_str()], request, from_fields, TABLE)
            }
        })
        .await
    }

    async fn policy_targets(
        &self,
        name: &PolicyName,
        request: PageRequest,
    ) -> Result<Page<PolicyTarget>, StorageError> {
        let name = name.clone();
        self.list(move |connection| {
            let listing = Listing { ascending: TARGETS, descending: TARGETS_BACK };
            page(connection, listing, &[&name.as_str()], request, target_from_fields, "policy_attach")
        })
        .await
    }

    async fn policy_certificates(
        &self,
        name: &PolicyName,
        request: PageRequest,
    ) -> Result<Page<CertificateId>, StorageError> {
        let name = name.clone();
        self.list(move |connection| {
            let listing = Listing { ascending: CERTIFICATES, descending: CERTIFICATES_BACK };
            let id = |fields: &Fields<'_>| Ok(CertificateId::from_sha256(fields.get(1, "cert_id")?));
            page(connection, listing, &[&name.as_str()], request, id, "certificates")
        })
        .await
    }

    async fn effective_policies(
        &self,
        certificate: Option<CertificateId>,
        thing: Option<&ThingName>,
    ) -> Result<Vec<Policy>, StorageError> {
        let thing = thing.cloned();
        self.list(move |connection| {
            snapshot(connection, |connection| {
                let mut policies = BTreeMap::new();
                if let Some(id) = certificate {
                    policies.extend(by_row(connection, OF_CERTIFICATE, [id.as_bytes()])?);
                }
                if let Some(name) = &thing {
                    policies.extend(by_row(connection, OF_THING, [name.as_str()])?);
                }
                let mut policies: Vec<_> = policies.into_values().collect();
                policies.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Ok(policies)
            })
        })
        .await
    }
}

/// The row of a policy, if it exists.
pub(crate) fn rid(connection: &Connection, name: &PolicyName) -> Result<Option<i64>, ReadError> {
    first(connection, RID, [name.as_str()], |row| Ok(row.get(0)?))
}

/// The policies attached to the certificate of this row, by name, with the versions that count.
pub(crate) fn attached(
    connection: &Connection,
    certificate: i64,
) -> Result<Vec<(PolicyName, PolicyVersionId)>, ReadError> {
    by_name(connection, ATTACHED, certificate)
}

/// The policies attached to the groups of the thing of this row and to all that these are in, by name, each once, with
/// the versions that count.
pub(crate) fn of_groups(
    connection: &Connection,
    thing: i64,
) -> Result<Vec<(PolicyName, PolicyVersionId)>, ReadError> {
    by_name(connection, OF_GROUPS, thing)
}

/// Detaches all policies from the target of this row, which is about to be deleted, and says how many there were.
pub(crate) fn detach_all(connection: &Connection, target: i64) -> Result<usize, ApplyError> {
    Ok(execute(connection, DETACH_ALL, [target])?)
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &PolicyChange) -> Result<(), ApplyError> {
    match change {
        PolicyChange::Ensure { policy, tags } => match apply.find_policy_row(&policy.name)? {
            Some(_) => Ok(()),
            None => {
                let rid = insert(apply, policy)?;
                tag::set(apply.connection, rid, tags, || TaggedResource::Policy(policy.name.clone()))
            }
        },
        PolicyChange::Insert(policy) => match apply.find_policy_row(&policy.name)? {
            Some(_) => Err(Conflict::PolicyExists(policy.name.clone()).into()),
            None => insert(apply, policy).map(drop),
        },
        PolicyChange::Delete { name } => delete(apply, name),
        PolicyChange::InsertVersion { name, version, is_default } => {
            insert_version(apply.connection, name, version, *is_default)
        }
        PolicyChange::DeleteVersion { name, version } => delete_version(apply.connection, name, *version),
        PolicyChange::SetDefaultVersion { name, version, at } => {
            set_default_version(apply.connection, name, *version, *at)
        }
        PolicyChange::Attach { name, target } => attach(apply, name, target),
        PolicyChange::Detach { name, target } => {
            let (target, policy) = (target_row(apply, target)?, apply.policy_row(name)?);
            execute(apply.connection, DETACH, [target, policy])?;
            Ok(())
        }
    }
}

/// Inserts a policy, and gives its row.
fn insert(apply: &mut Apply<'_>, policy: &Policy) -> Result<i64, ApplyError> {
    let Policy { name, default_version, document, created_at, modified_at } = policy;
    let rid = apply.row_ids.next(*created_at)?;
    let row = params![
        rid,
        name.as_str(),
        default_version.get(),
        &**document,
        created_at.as_millis(),
        modified_at.as_millis(),
        created_at.as_millis(),
        default_version.next().get(),
    ];
    execute(apply.connection, INSERT, row)?;
    apply.rows.policy = Some((name.clone(), rid));
    Ok(rid)
}

fn delete(apply: &mut Apply<'_>, name: &PolicyName) -> Result<(), ApplyError> {
    let rid = apply.policy_row(name)?;
    if exists(apply.connection, A_TARGET, [rid])? {
        return Err(Conflict::PolicyAttached(name.clone()).into());
    }
    if number(apply.connection, COUNT_OTHERS, [rid])? > 0 {
        return Err(Conflict::PolicyHasVersions(name.clone()).into());
    }
    tag::remove_all(apply.connection, rid)?;
    apply.delete(DELETE, rid)
}

fn insert_version(
    connection: &Connection,
    name: &PolicyName,
    version: &PolicyVersion,
    is_default: bool,
) -> Result<(), ApplyError> {
    let state = find_state(connection, name)?;
    if number(connection, COUNT_OTHERS, [state.rid])? + 1 >= Policy::VERSIONS_MAX {
        return Err(Conflict::PolicyVersions(name.clone()).into());
    }
    if version.id != state.next {
        return Err(Conflict::PolicyVersionNumber(name.clone()).into());
    }
    execute(connection, SET_NEXT, params![version.id.next().get(), state.rid])?;
    if is_default {
        set_default(connection, &state, Some(version), version.created_at)
    } else {
        insert_other(connection, state.rid, version)
    }
}

fn delete_version(
    connection: &Connection,
    name: &PolicyName,
    version: PolicyVersionId,
) -> Result<(), ApplyError> {
    let state = find_state(connection, name)?;
    if state.default.id == version {
        return Err(Conflict::PolicyVersionDefault { name: name.clone(), version }.into());
    }
    take_other(connection, &state, name, version).map(drop)
}

fn set_default_version(
    connection: &Connection,
    name: &PolicyName,
    version: PolicyVersionId,
    at: UnixTime,
) -> Result<(), ApplyError> {
    let state = find_state(connection, name)?;
    if state.default.id == version {
        return set_default(connection, &state, None, at);
    }
    let version = take_other(connection, &state, name, version)?;
    set_default(connection, &state, Some(&version), at)
}

/// Makes another version the default one, if one is given, which is not among the others by now.
fn set_default(
    connection: &Connection,
    state: &State,
    version: Option<&PolicyVersion>,
    at: UnixTime,
) -> Result<(), ApplyError> {
    if version.is_some() {
        insert_other(connection, state.rid, &state.default)?;
    }
    let PolicyVersion { id, document, created_at } = version.unwrap_or(&state.default);
    let row = params![id.get(), &**document, created_at.as_millis(), at.as_millis(), state.rid];
    execute(connection, SET_DEFAULT, row)?;
    Ok(())
}

fn insert_other(connection: &Connection, policy: i64, version: &PolicyVersion) -> Result<(), ApplyError> {
    let PolicyVersion { id, document, created_at } = version;
    execute(connection, INSERT_OTHER, params![policy, id.get(), &**document, created_at.as_millis()])?;
    Ok(())
}

/// Removes a version from the others. Conflict: it is not among them.
fn take_other(
    connection: &Connection,
    state: &State,
    name: &PolicyName,
    version: PolicyVersionId,
) -> Result<PolicyVersion, ApplyError> {
    let found = other(connection, state.rid, version)?;
    execute(connection, DELETE_OTHER, params![state.rid, version.get()])?;
    Ok(found.ok_or_else(|| Conflict::PolicyVersionNotFound { name: name.clone(), version })?)
}

fn attach(apply: &mut Apply<'_>, name: &PolicyName, target: &PolicyTarget) -> Result<(), ApplyError> {
    let row = target_row(apply, target)?;
    let policy = apply.policy_row(name)?;
    let has_room = apply.fresh(row).is_some_and(|fresh| {
        fresh.policies += 1;
        fresh.policies <= Policy::OF_TARGET_MAX
    });
    let attached = execute(apply.connection, ATTACH, [row, policy])?;
    let is_new = attached > 0 && !has_room;
    if is_new && number(apply.connection, COUNT_ATTACHED, [row])? > Policy::OF_TARGET_MAX {
        return Err(Conflict::PoliciesOfTarget(target.clone()).into());
    }
    Ok(())
}

fn target_row(apply: &mut Apply<'_>, target: &PolicyTarget) -> Result<i64, ApplyError> {
    match target {
        PolicyTarget::Certificate(id) => apply.certificate_row(*id),
        PolicyTarget::ThingGroup(name) => thing_group::find(apply.connection, name),
    }
}

fn state(connection: &Connection, name: &PolicyName) -> Result<Option<State>, ReadError> {
    first(connection, STATE, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        let default = PolicyVersion {
            id: fields.decode(1, "version", version)?,
            document: fields.get(2, "doc")?,
            created_at: fields.time(3, "version_created")?,
        };
        Ok(State { rid: fields.rid(), default, next: fields.decode(4, "next_version", version)? })
    })
}

fn find_state(connection: &Connection, name: &PolicyName) -> Result<State, ApplyError> {
    Ok(state(connection, name)?.ok_or_else(|| Conflict::PolicyNotFound(name.clone()))?)
}

fn versions(connection: &Connection, name: &PolicyName) -> Result<Option<PolicyVersions>, ReadError> {
    let Some(State { rid, default: version, next }) = state(connection, name)? else {
        return Ok(None);
    };
    let default = version.id;
    let mut versions =
        every(connection, OTHERS, [rid], |row| version_from_fields(&Fields::new(VERSIONS_TABLE, row)?))?;
    versions.push(version);
    versions.sort_unstable_by_key(|version| version.id);
    Ok(Some(PolicyVersions { default, next, versions }))
}

fn other(
    connection: &Connection,
    policy: i64,
    version: PolicyVersionId,
) -> Result<Option<PolicyVersion>, ReadError> {
    first(connection, OTHER, params![policy, version.get()], |row| {
        version_from_fields(&Fields::new(VERSIONS_TABLE, row)?)
    })
}

/// The policies of a group and of all that it is in, each once. They are few: ten for each of seven levels.
fn of_line(
    connection: &Connection,
    group: &ThingGroupName,
    request: PageRequest,
) -> Result<Page<Policy>, ReadError> {
    let policies = by_row(connection, OF_LINE, [group.as_str()])?.into_iter();
    let row = |(rid, policy)| (Cursor::new(rid), policy);
    let after = |cursor: Cursor| {
        request.after.is_none_or(|after| match request.order {
            Order::Ascending => cursor > after,
            Order::Descending => cursor < after,
        })
    };
    let mut rows: Vec<_> = policies.map(row).filter(|(cursor, _)| after(*cursor)).collect();
    match request.order {
        Order::Ascending => {}
        Order::Descending => rows.reverse(),
    }
    Ok(Page::from_rows(rows, request.limit))
}

/// Policies by their rows, each once.
fn by_row(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<BTreeMap<i64, Policy>, ReadError> {
    let policies = every(connection, sql, params, |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })?;
    Ok(policies.into_iter().collect())
}

/// Policies by name, each once, with the versions that count.
fn by_name(
    connection: &Connection,
    sql: &str,
    of: i64,
) -> Result<Vec<(PolicyName, PolicyVersionId)>, ReadError> {
    let mut policies = every(connection, sql, [of], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.parse(1, "name", PolicyName::parse)?, fields.decode(2, "version", version)?))
    })?;
    policies.sort_unstable();
    policies.dedup();
    Ok(policies)
}

fn from_fields(fields: &Fields<'_>) -> Result<Policy, ReadError> {
    Ok(Policy {
        name: fields.parse(1, "name", PolicyName::parse)?,
        default_version: fields.decode(2, "version", version)?,
        document: fields.get(3, "doc")?,
        created_at: fields.time(4, "created")?,
        modified_at: fields.time(5, "modified")?,
    })
}

fn version_from_fields(fields: &Fields<'_>) -> Result<PolicyVersion, ReadError> {
    Ok(PolicyVersion {
        id: fields.decode(1, "version", version)?,
        document: fields.get(2, "doc")?,
        created_at: fields.time(3, "created")?,
    })
}

fn target_from_fields(fields: &Fields<'_>) -> Result<PolicyTarget, ReadError> {
    let certificate: Option<[u8; 32]> = fields.get(1, "target")?;
    let group = fields.parse_if_any(2, "target", ThingGroupName::parse)?;
    match (certificate, group) {
        (Some(id), _) => Ok(PolicyTarget::Certificate(CertificateId::from_sha256(id))),
        (None, Some(name)) => Ok(PolicyTarget::ThingGroup(name)),
        (None, None) => {
            Err(fields.inconsistent("target", &"it is the row of no certificate and no thing group"))
        }
    }
}

fn version(number: i64) -> Option<PolicyVersionId> {
    u32::try_from(number).ok().and_then(NonZeroU32::new).map(PolicyVersionId::new)
}
