use std::num::NonZeroU32;

use async_trait::async_trait;
use landfall_model::{CertificateId, Policy, PolicyName, PolicyVersionId};
use landfall_registry::{Page, PageRequest, Policies, PolicyChange, StorageError};
use rusqlite::{Connection, ToSql, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, every, execute, first, page, statements};

const TABLE: &str = "policies";

macro_rules! select_attached {
    ($rest:literal) => {
        concat!(
            "SELECT p.rid, p.name, p.version, p.doc, p.created, p.modified
            FROM policy_attach a JOIN policies p ON p.rid = a.policy
            WHERE a.target = (SELECT rid FROM certificates WHERE cert_id = $1) AND ",
            $rest
        )
    };
}

statements! {
    BY_NAME = "SELECT rid, name, version, doc, created, modified FROM policies WHERE name = $1";
    RID = "SELECT rid FROM policies WHERE name = $1";
    INSERT = "INSERT INTO policies (rid, name, version, doc, created, modified)
        VALUES ($1, $2, $3, $4, $5, $6)";
    LIST_ATTACHED = select_attached!("a.policy > $2 ORDER BY a.policy LIMIT $3");
    LIST_ATTACHED_BACK = select_attached!("a.policy < $2 ORDER BY a.policy DESC LIMIT $3");
    ATTACHED = "SELECT p.rid, p.name, p.version FROM policy_attach a JOIN policies p ON p.rid = a.policy
        WHERE a.target = $1";
}

#[async_trait]
impl Policies for SqliteRegistry {
    async fn policy(&self, name: &PolicyName) -> Result<Option<Policy>, StorageError> {
        self.look_up(|connection| {
            first(connection, BY_NAME, [name.as_str()], |row| from_fields(&Fields::new(TABLE, row)?))
        })
    }

    async fn attached_policies(
        &self,
        certificate: CertificateId,
        request: PageRequest,
    ) -> Result<Page<Policy>, StorageError> {
        self.list(move |connection| {
            let listing = Listing { ascending: LIST_ATTACHED, descending: LIST_ATTACHED_BACK };
            let target: [&dyn ToSql; 1] = [certificate.as_bytes()];
            page(connection, listing, &target, request, from_fields, TABLE)
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
    let mut policies = every(connection, ATTACHED, [certificate], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.parse(1, "name", PolicyName::parse)?, fields.decode(2, "version", version)?))
    })?;
    policies.sort_unstable();
    Ok(policies)
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &PolicyChange) -> Result<(), ApplyError> {
    match change {
        PolicyChange::Ensure(policy) => ensure(apply, policy),
    }
}

fn ensure(apply: &mut Apply<'_>, policy: &Policy) -> Result<(), ApplyError> {
    let Policy { name, default_version, document, created_at, modified_at } = policy;
    if apply.find_policy_row(name)?.is_some() {
        return Ok(());
    }
    let rid = apply.row_ids.next(*created_at)?;
    let row = params![
        rid,
        name.as_str(),
        default_version.get(),
        &**document,
        created_at.as_millis(),
        modified_at.as_millis(),
    ];
    execute(apply.connection, INSERT, row)?;
    apply.rows.policy = Some((name.clone(), rid));
    Ok(())
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

fn version(number: i64) -> Option<PolicyVersionId> {
    u32::try_from(number).ok().and_then(NonZeroU32::new).map(PolicyVersionId::new)
}
