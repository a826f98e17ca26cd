use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, Certificate, CertificateDer, CertificateId, CertificateStatus, CreationId, PolicyName,
    SignedPart, ThingName, UnixTime, Validity,
};
use landfall_registry::{CertificateChange, Certificates, Conflict, Page, PageRequest, StorageError};
use rusqlite::{Connection, ToSql, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, execute, first, page, statements};
use crate::issuer;

const TABLE: &str = "certificates";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.rid, c.cert_id, i.ca_id, c.status, c.creation, c.created, c.modified, c.not_before,
            c.not_after, c.der, c.signed_part FROM certificates c LEFT JOIN issuers i ON i.rid = c.ca ",
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
    RID = "SELECT rid FROM certificates WHERE cert_id = $1";
    INSERT = "INSERT INTO certificates
        (rid, cert_id, signed_part, ca, status, creation, created, modified, not_before, not_after, der)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    ACTIVATE = "UPDATE certificates SET status = $1, creation = NULL, modified = $2
        WHERE rid = $3 AND status = $4";
    SET_STATUS = "UPDATE certificates SET status = $1, creation = $2, modified = $3 WHERE cert_id = $4";
    ATTACH_THING = "INSERT INTO thing_principal (cert, thing) VALUES ($1, $2)
        ON CONFLICT (cert, thing) DO NOTHING";
    ATTACH_POLICY = "INSERT INTO policy_attach (target, policy) VALUES ($1, $2)
        ON CONFLICT (target, policy) DO NOTHING";
}

#[async_trait]
impl Certificates for SqliteRegistry {
    async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, StorageError> {
        self.look_up(|connection| Ok(read(connection, id)?.map(|(_, certificate)| certificate)))
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
        CertificateChange::SetStatus { id, status, at } => {
            let (code, creation) = status_code(status);
            let changes = params![code, creation, at.as_millis(), id.as_bytes()];
            match execute(apply.connection, SET_STATUS, changes)? {
                0 => Err(Conflict::CertificateNotFound(*id).into()),
                _ => Ok(()),
            }
        }
        CertificateChange::AttachThing { id, thing } => attach_thing(apply, *id, thing),
        CertificateChange::AttachPolicy { id, policy } => attach_policy(apply, *id, policy),
    }
}

fn insert(apply: &mut Apply<'_>, certificate: &Certificate) -> Result<(), ApplyError> {
    let Certificate { id, ca, status, signed_part, der, validity, registered_at, modified_at } = certificate;
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
    ];
    match execute(apply.connection, INSERT, row)? {
        0 if apply.find_certificate_row(*id)?.is_some() => Err(Conflict::CertificateExists(*id).into()),
        0 => Err(Conflict::CertificateTwin(*id).into()),
        _ => {
            apply.rows.certificate = Some((*id, rid));
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

fn attach_thing(apply: &mut Apply<'_>, id: CertificateId, thing: &ThingName) -> Result<(), ApplyError> {
    let (certificate, thing) = (apply.certificate_row(id)?, apply.thing_row(thing)?);
    execute(apply.connection, ATTACH_THING, [certificate, thing])?;
    Ok(())
}

fn attach_policy(apply: &mut Apply<'_>, id: CertificateId, policy: &PolicyName) -> Result<(), ApplyError> {
    let certificate = apply.certificate_row(id)?;
    let policy = apply.find_policy_row(policy)?.ok_or_else(|| Conflict::PolicyNotFound(policy.clone()))?;
    execute(apply.connection, ATTACH_POLICY, [certificate, policy])?;
    Ok(())
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
