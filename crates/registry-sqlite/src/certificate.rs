use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, Certificate, CertificateDer, CertificateId, CertificateStatus, CreationId, Principal,
    SignedPart, ThingName, ThingPrincipalType, UnixTime, Validity,
};
use landfall_registry::{CertificateChange, Certificates, Conflict, Page, PageRequest, StorageError};
use rusqlite::{Connection, ToSql, params};

use crate::SqliteRegistry;
use crate::apply::{Apply, Fresh};
use crate::ca_certificate::{mode, mode_code};
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, every, execute, exists, first, page, snapshot, statements};
use crate::{issuer, policy, registration, registration_job, thing};

const TABLE: &str = "certificates";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.rid, c.cert_id, i.ca_id, c.status, c.creation, c.created, c.modified, c.not_before,
            c.not_after, c.der, c.signed_part, c.version, c.mode FROM certificates c LEFT JOIN issuers i ON i.rid = c.ca ",
            $rest
        )
    };
}

statements! {
    BY_ID = select!("WHERE c.cert_id = $1");
    LIST = select!("WHERE c.rid > $1 ORDER BY c.rid LIMIT $2");
    LIST_BACK = select!("WHERE c.rid < $1 ORDER BY c.rid DESC LIMIT $2");
    LIST_OF_CA = select!(
        "WHERE c.ca = (SELECT rid FROM issuers WHERE ca_id = $1) AND c.rid > $2 ORDER BY c.rid LIMIT $3"
    );
    LIST_OF_CA_BACK = select!(
        "WHERE c.ca = (SELECT rid FROM issuers WHERE ca_id = $1) AND c.rid < $2 ORDER BY c.rid DESC LIMIT $3"
    );
    LIST_WITHOUT_CA = select!("WHERE c.ca IS NULL AND c.rid > $1 ORDER BY c.rid LIMIT $2");
    LIST_WITHOUT_CA_BACK = select!("WHERE c.ca IS NULL AND c.rid < $1 ORDER BY c.rid DESC LIMIT $2");
    // Answered by the index alone.
    IDS = "SELECT cert_id FROM certificates WHERE cert_id > $1 ORDER BY cert_id LIMIT $2";
    RID = "SELECT rid FROM certificates WHERE cert_id = $1";
    INSERT = "INSERT INTO certificates
        (rid, cert_id, signed_part, ca, status, creation, created, modified, not_before, not_after, der,
        version, mode) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING";
    ACTIVATE = "UPDATE certificates SET status = $1, creation = NULL, modified = $2, version = version + 1
        WHERE rid = $3 AND status = $4";
    SET_STATUS = "UPDATE certificates SET status = $1, creation = $2, modified = $3, version = version + 1
        WHERE cert_id = $4 AND status <> $5";
    STATUS = "SELECT rid, status FROM certificates WHERE cert_id = $1";
    ATTACH_THING = "INSERT INTO thing_principal (cert, thing, exclusive) VALUES ($1, $2, $3)
        ON CONFLICT (cert, thing) DO UPDATE SET exclusive = $3";
    DETACH_THING = "DELETE FROM thing_principal WHERE cert = $1 AND thing = $2";
    // One tells of all: who is attached exclusively has no other.
    ANOTHER_THING = "SELECT thing, exclusive FROM thing_principal WHERE cert = $1 AND thing <> $2 LIMIT 1";
    OTHER_THINGS = "SELECT t.rid, t.name FROM thing_principal p JOIN things t ON t.rid = p.thing
        WHERE p.cert = $1 AND p.thing <> $2";
    A_THING = "SELECT thing FROM thing_principal WHERE cert = $1 LIMIT 1";
    KEEP_RECORDS = "UPDATE registrations SET cert = NULL, cert_id = $1 WHERE cert = $2";
    DELETE = "DELETE FROM certificates WHERE rid = $1";
}

#[async_trait]
impl Certificates for SqliteRegistry {
    async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, StorageError> {
        self.look_up(|connection| Ok(read(connection, id)?.map(|(_, certificate)| certificate)))
    }

    async fn principal(&self, id: CertificateId) -> Result<Option<Principal>, StorageError> {
        self.look_up(|connection| {
            snapshot(connection, |connection| {
                let rid = rid(connection, id)?;
                rid.map(|rid| registration::attached(connection, rid, id)).transpose()
            })
        })
    }

    async fn certificates(
        &self,
        ca: Option<CaCertificateId>,
        request: PageRequest,
    ) -> Result<Page<Certificate>, StorageError> {
        self.list(move |connection| {
            let all = Listing { ascending: LIST, descending: LIST_BACK };
            let of_ca = Listing { ascending: LIST_OF_CA, descending: LIST_OF_CA_BACK };
            match &ca {
                None => page(connection, all, &[], request, from_fields, TABLE),
                Some(ca) => {
                    let filter: [&dyn ToSql; 1] = [ca.as_bytes()];
                    page(connection, of_ca, &filter, request, from_fields, TABLE)
                }
            }
        })
        .await
    }

    async fn certificates_without_ca(&self, request: PageRequest) -> Result<Page<Certificate>, StorageError> {
        let listing = Listing { ascending: LIST_WITHOUT_CA, descending: LIST_WITHOUT_CA_BACK };
        self.list(move |connection| page(connection, listing, &[], request, from_fields, TABLE)).await
    }

    async fn certificate_ids(
        &self,
        after: Option<CertificateId>,
        limit: u32,
    ) -> Result<Vec<CertificateId>, StorageError> {
        self.list(move |connection| {
            // Nothing is below an empty blob.
            let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
            every(connection, IDS, params![after, limit], |row| {
                Ok(CertificateId::from_sha256(row.get::<_, [u8; 32]>(0)?))
            })
        })
        .await
    }
}

/// The certificate with its row id.
pub(crate) fn read(
    connection: &Connection,
    id: CertificateId,
) -> Result<Option<(i64, Certificate)>, ReadError> {
    first(connection, BY_ID, [id.as_bytes()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

/// The row of a certificate, if it is registered.
pub(crate) fn rid(connection: &Connection, id: CertificateId) -> Result<Option<i64>, ReadError> {
    first(connection, RID, [id.as_bytes()], |row| Ok(row.get(0)?))
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &CertificateChange) -> Result<(), ApplyError> {
    match change {
        CertificateChange::Insert(certificate) => insert(apply, certificate),
        CertificateChange::Activate { id, at } => activate(apply, *id, *at),
        CertificateChange::SetStatus { id, status, at } => set_status(apply, *id, status, *at),
        CertificateChange::AttachThing { id, thing, principal_type } => {
            attach_thing(apply, *id, thing, *principal_type)
        }
        CertificateChange::DetachThing { id, thing } => {
            let (certificate, thing) = (apply.certificate_row(*id)?, apply.thing_row(thing)?);
            execute(apply.connection, DETACH_THING, [certificate, thing])?;
            Ok(())
        }
        CertificateChange::Delete { id, detaches_policies } => delete(apply, *id, *detaches_policies),
    }
}

fn insert(apply: &mut Apply<'_>, certificate: &Certificate) -> Result<(), ApplyError> {
    let Certificate { id, ca, status, mode, signed_part, der, validity, version, registered_at, modified_at } =
        certificate;
    let ca = ca.map(|ca| issuer::ensure(apply, ca, *registered_at)).transpose()?;
    let (code, creation) = status_code(status);
    let rid = apply.row_ids.next(*registered_at)?;
    let row = params![
        rid,
        id.as_bytes(),
        signed_part.as_bytes(),
        ca,
        code,
        creation,
        registered_at.as_millis(),
        modified_at.as_millis(),
        validity.not_before.as_millis(),
        validity.not_after.as_millis(),
        der.as_bytes(),
        count(*version),
        mode_code(*mode),
    ];
    match execute(apply.connection, INSERT, row)? {
        0 if apply.find_certificate_row(*id)?.is_some() => Err(Conflict::CertificateExists(*id).into()),
        0 => Err(Conflict::CertificateTwin(*id).into()),
        _ => {
            apply.rows.certificate = Some((*id, rid));
            apply.fresh = Some(Fresh::new(rid));
            Ok(())
        }
    }
}

fn activate(apply: &mut Apply<'_>, id: CertificateId, at: UnixTime) -> Result<(), ApplyError> {
    let rid = apply.certificate_row(id)?;
    match execute(apply.connection, ACTIVATE, params![ACTIVE, at.as_millis(), rid, PENDING_ACTIVATION])? {
        0 => Err(Conflict::CertificateNotPending(id).into()),
        _ => Ok(()),
    }
}

fn set_status(
    apply: &mut Apply<'_>,
    id: CertificateId,
    status: &CertificateStatus,
    at: UnixTime,
) -> Result<(), ApplyError> {
    let (code, creation) = status_code(status);
    let changes = params![code, creation, at.as_millis(), id.as_bytes(), REVOKED];
    if execute(apply.connection, SET_STATUS, changes)? > 0 {
        return Ok(());
    }
    apply.certificate_row(id)?;
    if code == REVOKED { Ok(()) } else { Err(Conflict::CertificateRevoked(id).into()) }
}

fn attach_thing(
    apply: &mut Apply<'_>,
    id: CertificateId,
    thing: &ThingName,
    principal_type: ThingPrincipalType,
) -> Result<(), ApplyError> {
    let (certificate, thing) = (apply.certificate_row(id)?, apply.thing_row(thing)?);
    let is_first = apply.fresh(certificate).is_some_and(|fresh| {
        fresh.things += 1;
        fresh.things == 1
    });
    if !is_first {
        check_exclusion(apply.connection, id, certificate, thing, principal_type)?;
    }
    let exclusive = principal_type_code(principal_type);
    execute(apply.connection, ATTACH_THING, [certificate, thing, exclusive])?;
    Ok(())
}

/// Checks that a certificate can be attached to a thing in this way, whatever else it is attached to.
fn check_exclusion(
    connection: &Connection,
    id: CertificateId,
    certificate: i64,
    thing: i64,
    principal_type: ThingPrincipalType,
) -> Result<(), ApplyError> {
    let another = first(connection, ANOTHER_THING, [certificate, thing], |row| {
        self::principal_type(&Fields::new(TABLE, row)?, 1)
    })?;
    let other = || {
        let names = every(connection, OTHER_THINGS, [certificate, thing], |row| {
            thing::name_from_fields(&Fields::new(thing::TABLE, row)?)
        });
        Ok::<_, ReadError>(names?.into_iter().min())
    };
    let conflict = match (another, principal_type) {
        (Some(ThingPrincipalType::Exclusive), _) => {
            other()?.map(|thing| Conflict::CertificateExclusive { certificate: id, thing })
        }
        (Some(ThingPrincipalType::NonExclusive), ThingPrincipalType::Exclusive) => {
            other()?.map(|thing| Conflict::CertificateShared { certificate: id, thing })
        }
        (Some(ThingPrincipalType::NonExclusive), ThingPrincipalType::NonExclusive) | (None, _) => None,
    };
    conflict.map_or(Ok(()), |conflict| Err(conflict.into()))
}

fn delete(apply: &mut Apply<'_>, id: CertificateId, detaches_policies: bool) -> Result<(), ApplyError> {
    let connection = apply.connection;
    let found = first(connection, STATUS, [id.as_bytes()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), fields.get::<i64>(1, "status")?))
    })?;
    let (rid, status) = found.ok_or(Conflict::CertificateNotFound(id))?;
    if status == ACTIVE {
        return Err(Conflict::CertificateActive(id).into());
    }
    if exists(connection, A_THING, [rid])? {
        return Err(Conflict::CertificateHasThings(id).into());
    }
    if policy::detach_all(connection, rid)? > 0 && !detaches_policies {
        return Err(Conflict::CertificateHasPolicies(id).into());
    }
    execute(connection, KEEP_RECORDS, params![id.as_bytes(), rid])?;
    registration_job::remove_of(apply, rid)?;
    apply.delete(DELETE, rid)
}

fn from_fields(fields: &Fields<'_>) -> Result<Certificate, ReadError> {
    let code: i64 = fields.get(3, "status")?;
    let creation: Option<[u8; 16]> = fields.get(4, "creation")?;
    let status = status(code, creation).ok_or_else(|| {
        let with = if creation.is_some() { "with" } else { "without" };
        fields.inconsistent("status", &format!("{code} {with} a creation id is no status of this version"))
    })?;
    let ca: Option<[u8; 32]> = fields.get(2, "ca")?;
    Ok(Certificate {
        id: CertificateId::from_sha256(fields.get(1, "cert_id")?),
        ca: ca.map(CaCertificateId::from_sha256),
        status,
        registered_at: fields.time(5, "created")?,
        modified_at: fields.time(6, "modified")?,
        validity: Validity {
            not_before: fields.time(7, "not_before")?,
            not_after: fields.time(8, "not_after")?,
        },
        der: CertificateDer::new(fields.bytes(9, "der")?),
        signed_part: SignedPart::from_sha256(fields.get(10, "signed_part")?),
        version: fields.count(11, "version")?,
        mode: fields.decode(12, "mode", mode)?,
    })
}

// Codes are stored: none may change its meaning. SQLite stores 0 and 1 without a byte.
const PENDING_ACTIVATION: i64 = 0;
const ACTIVE: i64 = 1;
const INACTIVE: i64 = 2;
const REVOKED: i64 = 3;

const fn status_code(status: &CertificateStatus) -> (i64, Option<&[u8; 16]>) {
    match status {
        CertificateStatus::Active => (ACTIVE, None),
        CertificateStatus::Inactive => (INACTIVE, None),
        CertificateStatus::PendingActivation { creation_id } => {
            (PENDING_ACTIVATION, Some(creation_id.as_bytes()))
        }
        CertificateStatus::Revoked => (REVOKED, None),
    }
}

const fn status(code: i64, creation: Option<[u8; 16]>) -> Option<CertificateStatus> {
    match (code, creation) {
        (ACTIVE, None) => Some(CertificateStatus::Active),
        (INACTIVE, None) => Some(CertificateStatus::Inactive),
        (PENDING_ACTIVATION, Some(bytes)) => {
            Some(CertificateStatus::PendingActivation { creation_id: CreationId::from_bytes(bytes) })
        }
        (REVOKED, None) => Some(CertificateStatus::Revoked),
        _ => None,
    }
}

const NON_EXCLUSIVE: i64 = 0;
const EXCLUSIVE: i64 = 1;

/// The code of the way in which it is attached to a thing.
pub(crate) const fn principal_type_code(principal_type: ThingPrincipalType) -> i64 {
    match principal_type {
        ThingPrincipalType::Exclusive => EXCLUSIVE,
        ThingPrincipalType::NonExclusive => NON_EXCLUSIVE,
    }
}

/// The way in this column in which it is attached to a thing.
pub(crate) fn principal_type(fields: &Fields<'_>, index: usize) -> Result<ThingPrincipalType, ReadError> {
    fields.of("thing_principal").decode(index, "exclusive", |code| match code {
        EXCLUSIVE => Some(ThingPrincipalType::Exclusive),
        NON_EXCLUSIVE => Some(ThingPrincipalType::NonExclusive),
        _ => None,
    })
}
