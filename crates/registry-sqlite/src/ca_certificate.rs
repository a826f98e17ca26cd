use async_trait::async_trait;
use landfall_model::{
    AutoRegistration, CaCertificate, CaCertificateId, CaStatus, CertificateDer, CertificateMode, Validity,
};
use landfall_registry::{CaCertificateChange, CaCertificates, Conflict, Page, PageRequest, StorageError};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, execute, first, page, statements};
use crate::tag;

const TABLE: &str = "ca_certificates";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rid, ca_id, status, auto_registration, mode, created, modified, not_before, not_after, der,
            version FROM ca_certificates ",
            $rest
        )
    };
}

statements! {
    BY_ID = select!("WHERE ca_id = $1");
    LIST = select!("WHERE rid > $1 ORDER BY rid LIMIT $2");
    LIST_BACK = select!("WHERE rid < $1 ORDER BY rid DESC LIMIT $2");
    STATUS = "SELECT rid, status, auto_registration FROM ca_certificates WHERE ca_id = $1";
    INSERT = "INSERT INTO ca_certificates
        (rid, ca_id, status, auto_registration, mode, created, modified, not_before, not_after, der, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (ca_id) DO NOTHING";
    UPDATE = "UPDATE ca_certificates SET status = COALESCE($1, status),
        auto_registration = COALESCE($2, auto_registration), modified = $3, version = version + 1
        WHERE ca_id = $4";
    DELETE = "DELETE FROM ca_certificates WHERE rid = $1";
}

#[async_trait]
impl CaCertificates for SqliteRegistry {
    async fn ca_certificate(&self, id: CaCertificateId) -> Result<Option<CaCertificate>, StorageError> {
        self.look_up(|connection| read(connection, id))
    }

    async fn ca_certificates(&self, request: PageRequest) -> Result<Page<CaCertificate>, StorageError> {
        let listing = Listing { ascending: LIST, descending: LIST_BACK };
        self.list(move |connection| page(connection, listing, &[], request, from_fields, TABLE)).await
    }
}

pub(crate) fn read(connection: &Connection, id: CaCertificateId) -> Result<Option<CaCertificate>, ReadError> {
    first(connection, BY_ID, [id.as_bytes()], |row| from_fields(&Fields::new(TABLE, row)?))
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &CaCertificateChange) -> Result<(), ApplyError> {
    match change {
        CaCertificateChange::Insert(ca) => insert(apply, ca),
        CaCertificateChange::Update { id, status, auto_registration, at } => {
            let (status, auto) = (status.map(status_code), auto_registration.map(auto_registration_code));
            let changes = params![status, auto, at.as_millis(), id.as_bytes()];
            apply.rows.forget();
            match execute(apply.connection, UPDATE, changes)? {
                0 => Err(Conflict::CaCertificateNotFound(*id).into()),
                _ => Ok(()),
            }
        }
        CaCertificateChange::Delete { id } => match statuses(apply.connection, *id)? {
            None => Err(Conflict::CaCertificateNotFound(*id).into()),
            Some((_, CaStatus::Active, _)) => Err(Conflict::CaCertificateActive(*id).into()),
            Some((rid, CaStatus::Inactive, _)) => {
                tag::remove_all(apply.connection, rid)?;
                apply.delete(DELETE, rid)
            }
        },
    }
}

/// The row of a CA certificate, if it is registered.
pub(crate) fn rid(connection: &Connection, id: CaCertificateId) -> Result<Option<i64>, ReadError> {
    Ok(statuses(connection, id)?.map(|(rid, _, _)| rid))
}

/// Checks that the CA certificate is ACTIVE.
pub(crate) fn expect_active(apply: &mut Apply<'_>, id: CaCertificateId) -> Result<(), ApplyError> {
    if apply.rows.active_ca == Some(id) {
        return Ok(());
    }
    match statuses(apply.connection, id)? {
        Some((_, CaStatus::Active, _)) => {
            apply.rows.active_ca = Some(id);
            Ok(())
        }
        Some((_, CaStatus::Inactive, _)) | None => Err(Conflict::CaInactive(id).into()),
    }
}

/// Checks that the CA certificate is ACTIVE and that its auto-registration is on.
pub(crate) fn expect_registering(apply: &mut Apply<'_>, id: CaCertificateId) -> Result<(), ApplyError> {
    if apply.rows.registering_ca == Some(id) {
        return Ok(());
    }
    match statuses(apply.connection, id)? {
        Some((_, CaStatus::Active, AutoRegistration::Enable)) => {
            apply.rows.registering_ca = Some(id);
            Ok(())
        }
        Some((_, CaStatus::Active | CaStatus::Inactive, _)) | None => {
            Err(Conflict::CaNotRegistering(id).into())
        }
    }
}

fn insert(apply: &mut Apply<'_>, ca: &CaCertificate) -> Result<(), ApplyError> {
    let CaCertificate {
        id,
        status,
        auto_registration,
        mode,
        der,
        validity,
        version,
        registered_at,
        modified_at,
    } = ca;
    let row = params![
        apply.row_ids.next(*registered_at)?,
        id.as_bytes(),
        status_code(*status),
        auto_registration_code(*auto_registration),
        mode_code(*mode),
        registered_at.as_millis(),
        modified_at.as_millis(),
        validity.not_before.as_millis(),
        validity.not_after.as_millis(),
        der.as_bytes(),
        count(*version),
    ];
    match execute(apply.connection, INSERT, row)? {
        0 => Err(Conflict::CaCertificateExists(*id).into()),
        _ => Ok(()),
    }
}

/// The row of a CA certificate with its statuses.
fn statuses(
    connection: &Connection,
    id: CaCertificateId,
) -> Result<Option<(i64, CaStatus, AutoRegistration)>, ReadError> {
    first(connection, STATUS, [id.as_bytes()], |row| {
        let fields = Fields::new(TABLE, row)?;
        let auto_registration = fields.decode(2, "auto_registration", auto_registration)?;
        Ok((fields.rid(), fields.decode(1, "status", status)?, auto_registration))
    })
}

fn from_fields(fields: &Fields<'_>) -> Result<CaCertificate, ReadError> {
    Ok(CaCertificate {
        id: CaCertificateId::from_sha256(fields.get(1, "ca_id")?),
        status: fields.decode(2, "status", status)?,
        auto_registration: fields.decode(3, "auto_registration", auto_registration)?,
        mode: fields.decode(4, "mode", mode)?,
        registered_at: fields.time(5, "created")?,
        modified_at: fields.time(6, "modified")?,
        validity: Validity {
            not_before: fields.time(7, "not_before")?,
            not_after: fields.time(8, "not_after")?,
        },
        der: CertificateDer::new(fields.bytes(9, "der")?),
        version: fields.count(10, "version")?,
    })
}

// Codes are stored: none may change its meaning. SQLite stores 0 and 1 without a byte.

const fn status_code(status: CaStatus) -> i64 {
    match status {
        CaStatus::Active => 1,
        CaStatus::Inactive => 2,
    }
}

const fn status(code: i64) -> Option<CaStatus> {
    match code {
        1 => Some(CaStatus::Active),
        2 => Some(CaStatus::Inactive),
        _ => None,
    }
}

const fn auto_registration_code(status: AutoRegistration) -> i64 {
    match status {
        AutoRegistration::Enable => 1,
        AutoRegistration::Disable => 2,
    }
}

const fn auto_registration(code: i64) -> Option<AutoRegistration> {
    match code {
        1 => Some(AutoRegistration::Enable),
        2 => Some(AutoRegistration::Disable),
        _ => None,
    }
}

pub(crate) const fn mode_code(mode: CertificateMode) -> i64 {
    match mode {
        CertificateMode::Default => 1,
        CertificateMode::SniOnly => 2,
    }
}

pub(crate) const fn mode(code: i64) -> Option<CertificateMode> {
    match code {
        1 => Some(CertificateMode::Default),
        2 => Some(CertificateMode::SniOnly),
        _ => None,
    }
}
