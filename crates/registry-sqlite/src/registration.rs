use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, CertificateId, DeviceType, Outcome, OutcomeKind, Principal, RegistrationRecord,
    RegistryView, Rejection, ThingName, UnixTime,
};
use landfall_registry::{Cursor, Page, PageRequest, RecordFilter, Registrations, StorageError};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, every, execute, first, page, snapshot, statements};
use crate::{ca_certificate, certificate, issuer, policy, thing};

const TABLE: &str = "registrations";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT r.rid, COALESCE(c.cert_id, r.cert_id), i.ca_id, r.first_at, r.last_at, r.attempts,
            r.duration_us, r.serial_number, r.product_id, r.outcome, r.thing, r.code, r.message
            FROM registrations r LEFT JOIN certificates c ON c.rid = r.cert
            LEFT JOIN issuers i ON i.rid = r.ca ",
            $rest
        )
    };
}

statements! {
    LIST = select!("WHERE r.rid > $1 ORDER BY r.rid LIMIT $2");
    LIST_BACK = select!("WHERE r.rid < $1 ORDER BY r.rid DESC LIMIT $2");
    FILTERED = select!(
        "WHERE r.last_at >= $1 AND r.first_at <= $2 AND i.ca_id = COALESCE($3, i.ca_id)
        AND r.outcome >= $4 AND r.outcome <= $5 AND r.rid > $6 ORDER BY r.rid LIMIT $7"
    );
    FILTERED_BACK = select!(
        "WHERE r.last_at >= $1 AND r.first_at <= $2 AND i.ca_id = COALESCE($3, i.ca_id)
        AND r.outcome >= $4 AND r.outcome <= $5 AND r.rid < $6 ORDER BY r.rid DESC LIMIT $7"
    );
    FAILED = select!(
        "WHERE r.outcome = 0 AND r.last_at >= $1 AND r.first_at <= $2 AND i.ca_id = COALESCE($3, i.ca_id)
        AND r.rid > $4 ORDER BY r.rid LIMIT $5"
    );
    FAILED_BACK = select!(
        "WHERE r.outcome = 0 AND r.last_at >= $1 AND r.first_at <= $2 AND i.ca_id = COALESCE($3, i.ca_id)
        AND r.rid < $4 ORDER BY r.rid DESC LIMIT $5"
    );
    OF_CODE = select!(
        "WHERE r.code = $1 AND r.last_at >= $2 AND r.first_at <= $3 AND i.ca_id = COALESCE($4, i.ca_id)
        AND r.rid > $5 ORDER BY r.rid LIMIT $6"
    );
    OF_CODE_BACK = select!(
        "WHERE r.code = $1 AND r.last_at >= $2 AND r.first_at <= $3 AND i.ca_id = COALESCE($4, i.ca_id)
        AND r.rid < $5 ORDER BY r.rid DESC LIMIT $6"
    );
    OF_REGISTERED = select!("WHERE r.cert = $1 ORDER BY r.rid");
    OF_UNREGISTERED = select!("WHERE r.cert_id = $1 ORDER BY r.rid");
    LAST_OF_REGISTERED = select!("WHERE r.cert = $1 ORDER BY r.rid DESC LIMIT 1");
    LAST_OF_UNREGISTERED = select!("WHERE r.cert_id = $1 ORDER BY r.rid DESC LIMIT 1");
    INSERT = "INSERT INTO registrations (rid, cert, cert_id, ca, first_at, last_at, attempts, duration_us,
        serial_number, product_id, outcome, thing, code, message)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    COUNT_UP = "UPDATE registrations SET attempts = attempts + $1, last_at = $2, duration_us = $3
        WHERE rid = $4";
}

#[async_trait]
impl Registrations for SqliteRegistry {
    async fn view(
        &self,
        certificate: CertificateId,
        ca: CaCertificateId,
    ) -> Result<RegistryView, StorageError> {
        self.look_up(|connection| snapshot(connection, |connection| view(connection, certificate, ca)))
    }

    async fn certificate_records(&self, id: CertificateId) -> Result<Vec<RegistrationRecord>, StorageError> {
        self.list(move |connection| snapshot(connection, |connection| records_of(connection, id))).await
    }

    async fn records(
        &self,
        filter: &RecordFilter,
        request: PageRequest,
    ) -> Result<Page<RegistrationRecord>, StorageError> {
        let filter = filter.clone();
        self.list(move |connection| filtered(connection, &filter, request)).await
    }
}

/// The first `limit` entries of the log behind a position, each with its own.
pub(crate) fn records_behind(
    connection: &Connection,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<(Cursor, RegistrationRecord)>, ReadError> {
    every(connection, LIST, [after.map_or(i64::MIN, Cursor::get), i64::from(limit)], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((Cursor::new(fields.rid()), from_fields(&fields)?))
    })
}

/// Adds an entry to the log, or counts up the certificate's last one when that is an equal failure.
pub(crate) fn record(apply: &mut Apply<'_>, record: &RegistrationRecord) -> Result<(), ApplyError> {
    let certificate = apply.find_certificate_row(record.certificate)?;
    match &record.outcome {
        Outcome::Success { .. } | Outcome::Activated { .. } => insert(apply, certificate, record),
        Outcome::Failure(_) => match last_record(apply.connection, certificate, record.certificate)? {
            Some((rid, last)) if last.outcome == record.outcome => {
                let attempts = count(record.attempts);
                let changes = params![attempts, record.last_at.as_millis(), count(record.duration_us), rid];
                execute(apply.connection, COUNT_UP, changes)?;
                Ok(())
            }
            Some(_) | None => insert(apply, certificate, record),
        },
    }
}

fn view(
    connection: &Connection,
    certificate: CertificateId,
    ca: CaCertificateId,
) -> Result<RegistryView, ReadError> {
    let ca_certificate = ca_certificate::read(connection, ca)?;
    let Some((rid, certificate)) = certificate::read(connection, certificate)? else {
        return Ok(RegistryView { ca_certificate, certificate: None, principal: None });
    };
    let principal = attached(connection, rid, certificate.id)?;
    Ok(RegistryView { ca_certificate, certificate: Some(certificate), principal: Some(principal) })
}

/// A certificate with what is attached to it, if it is registered.
pub(crate) fn principal(apply: &mut Apply<'_>, id: CertificateId) -> Result<Option<Principal>, ReadError> {
    let rid = apply.find_certificate_row(id)?;
    rid.map(|rid| attached(apply.connection, rid, id)).transpose()
}

/// What is attached to the certificate of this row.
pub(crate) fn attached(
    connection: &Connection,
    rid: i64,
    certificate: CertificateId,
) -> Result<Principal, ReadError> {
    let (things, policies) = (thing::attached(connection, rid)?, policy::attached(connection, rid)?);
    Ok(Principal { certificate, things, policies })
}

fn filtered(
    connection: &Connection,
    filter: &RecordFilter,
    request: PageRequest,
) -> Result<Page<RegistrationRecord>, ReadError> {
    let read = |ascending, descending, filter: &[&dyn rusqlite::ToSql]| {
        page(connection, Listing { ascending, descending }, filter, request, from_fields, TABLE)
    };
    if *filter == RecordFilter::default() {
        return read(LIST, LIST_BACK, &[]);
    }
    let RecordFilter { outcome, ca, code, since, until } = filter;
    let since = since.map_or(i64::MIN, UnixTime::as_millis);
    let until = until.map_or(i64::MAX, UnixTime::as_millis);
    let ca = ca.as_ref().map(CaCertificateId::as_bytes);
    let of_codes =
        |first: i64, last: i64| read(FILTERED, FILTERED_BACK, &[&since, &until, &ca, &first, &last]);
    match (outcome, code) {
        // Nothing but a failure has a code.
        (Some(OutcomeKind::Success | OutcomeKind::Activated), Some(_)) => Ok(Page::from_rows(Vec::new(), 0)),
        (Some(OutcomeKind::Failure) | None, Some(code)) => {
            read(OF_CODE, OF_CODE_BACK, &[code, &since, &until, &ca])
        }
        (Some(OutcomeKind::Failure), None) => read(FAILED, FAILED_BACK, &[&since, &until, &ca]),
        (Some(OutcomeKind::Success), None) => of_codes(SUCCESS_IOT, SUCCESS_GREENGRASS),
        (Some(OutcomeKind::Activated), None) => of_codes(ACTIVATED, ACTIVATED),
        (None, None) => of_codes(FAILURE, ACTIVATED),
    }
}

fn records_of(connection: &Connection, id: CertificateId) -> Result<Vec<RegistrationRecord>, ReadError> {
    let read = |fields: Fields<'_>| Ok((fields.rid(), from_fields(&fields)?));
    let mut records =
        every(connection, OF_UNREGISTERED, [id.as_bytes()], |row| read(Fields::new(TABLE, row)?))?;
    if let Some(rid) = certificate::rid(connection, id)? {
        records.extend(every(connection, OF_REGISTERED, [rid], |row| read(Fields::new(TABLE, row)?))?);
    }
    records.sort_unstable_by_key(|(rid, _)| *rid);
    Ok(records.into_iter().map(|(_, record)| record).collect())
}

/// The last record of a certificate with its row id. Records of before its registration have its id, later ones its row.
fn last_record(
    connection: &Connection,
    certificate: Option<i64>,
    id: CertificateId,
) -> Result<Option<(i64, RegistrationRecord)>, ReadError> {
    let read = |fields: Fields<'_>| Ok((fields.rid(), from_fields(&fields)?));
    let unregistered =
        first(connection, LAST_OF_UNREGISTERED, [id.as_bytes()], |row| read(Fields::new(TABLE, row)?))?;
    let registered = match certificate {
        Some(rid) => first(connection, LAST_OF_REGISTERED, [rid], |row| read(Fields::new(TABLE, row)?))?,
        None => None,
    };
    Ok(unregistered.into_iter().chain(registered).max_by_key(|(rid, _)| *rid))
}

fn insert(
    apply: &mut Apply<'_>,
    certificate: Option<i64>,
    record: &RegistrationRecord,
) -> Result<(), ApplyError> {
    let RegistrationRecord {
        certificate: id,
        ca,
        first_at,
        last_at,
        attempts,
        duration_us,
        serial_number,
        product_id,
        outcome,
    } = record;
    let ca = issuer::ensure(apply, *ca, *first_at)?;
    let id = if certificate.is_none() { Some(id.as_bytes()) } else { None };
    let (code, thing, rejection) = match outcome {
        Outcome::Success { thing, device_type } => {
            (device_type_code(*device_type), Some(thing.as_str()), None)
        }
        Outcome::Activated { thing } => (ACTIVATED, thing.as_ref().map(ThingName::as_str), None),
        Outcome::Failure(rejection) => (FAILURE, None, Some(rejection)),
    };
    let row = params![
        apply.row_ids.next(*first_at)?,
        certificate,
        id,
        ca,
        first_at.as_millis(),
        last_at.as_millis(),
        count(*attempts),
        count(*duration_us),
        serial_number,
        product_id,
        code,
        thing,
        rejection.map(|rejection| &rejection.code),
        rejection.map(|rejection| &rejection.message),
    ];
    execute(apply.connection, INSERT, row)?;
    Ok(())
}

fn from_fields(fields: &Fields<'_>) -> Result<RegistrationRecord, ReadError> {
    let outcome = match fields.decode(9, "outcome", OutcomeCode::of)? {
        OutcomeCode::Success(device_type) => {
            Outcome::Success { thing: fields.parse(10, "thing", ThingName::parse)?, device_type }
        }
        OutcomeCode::Activated => {
            Outcome::Activated { thing: fields.parse_if_any(10, "thing", ThingName::parse)? }
        }
        OutcomeCode::Failure => {
            Outcome::Failure(Rejection { code: fields.get(11, "code")?, message: fields.get(12, "message")? })
        }
    };
    Ok(RegistrationRecord {
        certificate: CertificateId::from_sha256(fields.get(1, "cert_id")?),
        ca: CaCertificateId::from_sha256(fields.get(2, "ca")?),
        first_at: fields.time(3, "first_at")?,
        last_at: fields.time(4, "last_at")?,
        attempts: fields.count(5, "attempts")?,
        duration_us: fields.count(6, "duration_us")?,
        serial_number: fields.get(7, "serial_number")?,
        product_id: fields.get(8, "product_id")?,
        outcome,
    })
}

// Codes are stored: none may change its meaning. SQLite stores 0 and 1 without a byte.
const FAILURE: i64 = 0;
const SUCCESS_IOT: i64 = 1;
const SUCCESS_GREENGRASS: i64 = 2;
const ACTIVATED: i64 = 3;

/// What a code says.
enum OutcomeCode {
    Success(DeviceType),
    Activated,
    Failure,
}

const fn device_type_code(device_type: DeviceType) -> i64 {
    match device_type {
        DeviceType::Iot => SUCCESS_IOT,
        DeviceType::Greengrass => SUCCESS_GREENGRASS,
    }
}

impl OutcomeCode {
    const fn of(code: i64) -> Option<Self> {
        match code {
            FAILURE => Some(Self::Failure),
            SUCCESS_IOT => Some(Self::Success(DeviceType::Iot)),
            SUCCESS_GREENGRASS => Some(Self::Success(DeviceType::Greengrass)),
            ACTIVATED => Some(Self::Activated),
            _ => None,
        }
    }
}
