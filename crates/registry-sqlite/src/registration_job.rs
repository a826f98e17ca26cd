use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, CertificateId, CreationId, RegistrationAttempt, RegistrationJob, RegistrationJobState,
    RegistrationJobStatus, UnixTime,
};
use landfall_registry::{
    Page, PageRequest, RegistrationJobChange, RegistrationJobFilter, RegistrationJobs, StorageError,
};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, execute, exists, first, page, statements};
use crate::{SqliteRegistry, issuer};

const TABLE: &str = "registration_jobs";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT j.rid, c.cert_id, i.ca_id, j.creation, j.created, j.attempts_failed, j.receive_count,
            j.attempts, j.status, j.state_at, j.until
            FROM registration_jobs j JOIN certificates c ON c.rid = j.cert JOIN issuers i ON i.rid = j.ca ",
            $rest
        )
    };
}

statements! {
    OF_CERTIFICATE = select!("WHERE c.cert_id = $1");
    // There are few beside those of a status, so that those of a CA certificate need no index.
    LIST = select!("WHERE i.ca_id = COALESCE($1, i.ca_id) AND j.rid > $2 ORDER BY j.rid LIMIT $3");
    LIST_BACK =
        select!("WHERE i.ca_id = COALESCE($1, i.ca_id) AND j.rid < $2 ORDER BY j.rid DESC LIMIT $3");
    OF_STATUS = select!(
        "WHERE j.status = $1 AND i.ca_id = COALESCE($2, i.ca_id) AND j.rid > $3 ORDER BY j.rid LIMIT $4"
    );
    OF_STATUS_BACK = select!(
        "WHERE j.status = $1 AND i.ca_id = COALESCE($2, i.ca_id) AND j.rid < $3 ORDER BY j.rid DESC LIMIT $4"
    );
    IS_OPEN = "SELECT 1 FROM registration_jobs WHERE cert = $1 AND status <> $2";
    STORE = "INSERT INTO registration_jobs
        (rid, cert, ca, creation, created, attempts_failed, receive_count, attempts, status, state_at, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (cert) DO UPDATE SET
        ca = $3, creation = $4, created = $5, attempts_failed = $6, receive_count = $7, attempts = $8,
        status = $9, state_at = $10, until = $11";
    REMOVE = "DELETE FROM registration_jobs WHERE cert = $1";
    PRUNE = "DELETE FROM registration_jobs WHERE status = $1 AND rid <=
        (SELECT rid FROM registration_jobs WHERE status = $1 ORDER BY rid DESC LIMIT 1 OFFSET $2)";
    EXPIRE = "DELETE FROM registration_jobs WHERE until <= $1";
}

#[async_trait]
impl RegistrationJobs for SqliteRegistry {
    async fn registration_job(
        &self,
        certificate: CertificateId,
    ) -> Result<Option<RegistrationJob>, StorageError> {
        self.look_up(|connection| {
            let id = [certificate.as_bytes()];
            first(connection, OF_CERTIFICATE, id, |row| from_fields(&Fields::new(TABLE, row)?))
        })
    }

    async fn registration_jobs(
        &self,
        filter: RegistrationJobFilter,
        request: PageRequest,
    ) -> Result<Page<RegistrationJob>, StorageError> {
        self.list(move |connection| filtered(connection, filter, request)).await
    }
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &RegistrationJobChange) -> Result<(), ApplyError> {
    match change {
        RegistrationJobChange::Begin(job) => {
            let certificate = apply.certificate_row(job.certificate)?;
            if exists(apply.connection, IS_OPEN, params![certificate, DONE])? {
                return Ok(());
            }
            store(apply, certificate, job)
        }
        RegistrationJobChange::Store(job) => {
            let certificate = apply.certificate_row(job.certificate)?;
            store(apply, certificate, job)
        }
        RegistrationJobChange::Remove(certificate) => match apply.find_certificate_row(*certificate)? {
            Some(certificate) => remove_of(apply, certificate),
            None => Ok(()),
        },
        RegistrationJobChange::Sweep { now, done_kept_max } => {
            let pruned = execute(apply.connection, PRUNE, params![DONE, done_kept_max])?;
            let expired = execute(apply.connection, EXPIRE, [now.as_millis()])?;
            keep_row_ids(apply, pruned + expired)
        }
    }
}

/// Removes the job of the certificate of this row, if it has one.
pub(crate) fn remove_of(apply: &Apply<'_>, certificate: i64) -> Result<(), ApplyError> {
    let removed = execute(apply.connection, REMOVE, [certificate])?;
    keep_row_ids(apply, removed)
}

/// Nothing that the writer remembers is a job, so that it need not forget anything.
fn keep_row_ids(apply: &Apply<'_>, removed: usize) -> Result<(), ApplyError> {
    if removed > 0 {
        apply.row_ids.keep(apply.connection)?;
    }
    Ok(())
}

/// One statement for a new job as for one that is stored, which does not use the row id.
fn store(apply: &mut Apply<'_>, certificate: i64, job: &RegistrationJob) -> Result<(), ApplyError> {
    let RegistrationJob {
        certificate: _,
        ca,
        creation_id,
        created_at,
        attempts_failed,
        receive_count,
        attempts,
        state,
    } = job;
    let ca = issuer::ensure(apply, *ca, *created_at)?;
    let until = match state {
        RegistrationJobState::Waiting { .. } | RegistrationJobState::Done { .. } => None,
        RegistrationJobState::Dead { until, .. } => Some(until.as_millis()),
    };
    let row = params![
        apply.row_ids.next(*created_at)?,
        certificate,
        ca,
        creation_id.as_bytes(),
        created_at.as_millis(),
        attempts_failed,
        receive_count,
        attempts_to_json(attempts),
        status_code(state.status()),
        state.at().as_millis(),
        until,
    ];
    execute(apply.connection, STORE, row)?;
    Ok(())
}

fn filtered(
    connection: &Connection,
    filter: RegistrationJobFilter,
    request: PageRequest,
) -> Result<Page<RegistrationJob>, ReadError> {
    let RegistrationJobFilter { status, ca } = filter;
    let ca = ca.as_ref().map(CaCertificateId::as_bytes);
    let read = |ascending, descending, filter: &[&dyn rusqlite::ToSql]| {
        page(connection, Listing { ascending, descending }, filter, request, from_fields, TABLE)
    };
    match status.map(status_code) {
        Some(status) => read(OF_STATUS, OF_STATUS_BACK, &[&status, &ca]),
        None => read(LIST, LIST_BACK, &[&ca]),
    }
}

fn from_fields(fields: &Fields<'_>) -> Result<RegistrationJob, ReadError> {
    let at = fields.time(9, "state_at")?;
    let state = match fields.decode(8, "status", status)? {
        RegistrationJobStatus::Waiting => RegistrationJobState::Waiting { next_at: at },
        RegistrationJobStatus::Done => RegistrationJobState::Done { at },
        RegistrationJobStatus::Dead => RegistrationJobState::Dead { at, until: fields.time(10, "until")? },
    };
    Ok(RegistrationJob {
        certificate: CertificateId::from_sha256(fields.get(1, "cert")?),
        ca: CaCertificateId::from_sha256(fields.get(2, "ca")?),
        creation_id: CreationId::from_bytes(fields.get(3, "creation")?),
        created_at: fields.time(4, "created")?,
        attempts_failed: fields.get(5, "attempts_failed")?,
        receive_count: fields.get(6, "receive_count")?,
        attempts: fields.parse(7, "attempts", attempts_from_json)?,
        state,
    })
}

// Codes are stored: none may change its meaning.
const WAITING: i64 = 1;
const DONE: i64 = 2;
const DEAD: i64 = 3;

const fn status_code(status: RegistrationJobStatus) -> i64 {
    match status {
        RegistrationJobStatus::Waiting => WAITING,
        RegistrationJobStatus::Done => DONE,
        RegistrationJobStatus::Dead => DEAD,
    }
}

const fn status(code: i64) -> Option<RegistrationJobStatus> {
    match code {
        WAITING => Some(RegistrationJobStatus::Waiting),
        DONE => Some(RegistrationJobStatus::Done),
        DEAD => Some(RegistrationJobStatus::Dead),
        _ => None,
    }
}

fn attempts_to_json(attempts: &[RegistrationAttempt]) -> String {
    let row = |attempt: &RegistrationAttempt| {
        let RegistrationAttempt { at, duration_us, interceptor, problem } = attempt;
        json!([at.as_millis(), count(*duration_us), interceptor.as_deref(), &**problem])
    };
    json!(attempts.iter().map(row).collect::<Vec<_>>()).to_string()
}

fn attempts_from_json(json: &str) -> Result<Vec<RegistrationAttempt>, serde_json::Error> {
    let rows: Vec<(i64, u64, Option<String>, String)> = serde_json::from_str(json)?;
    let attempt = |(at, duration_us, interceptor, problem): (i64, u64, Option<String>, String)| {
        let interceptor = interceptor.map(Into::into);
        RegistrationAttempt {
            at: UnixTime::from_millis(at),
            duration_us,
            interceptor,
            problem: problem.into(),
        }
    };
    Ok(rows.into_iter().map(attempt).collect())
}
