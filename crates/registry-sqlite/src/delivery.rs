use async_trait::async_trait;
use landfall_model::{
    CertificateId, Delivery, DeliveryAction, DeliveryAttempt, DeliveryId, DeliveryStatus, RuleName,
    TopicName, UnixTime,
};
use landfall_registry::{Deliveries, DeliveryChange, DeliveryFilter, Page, PageRequest, StorageError};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, count, execute, first, page, statements};

const TABLE: &str = "deliveries";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rid, delivery_id, rule, action, topic, request, error_request, cert_id, created,
            attempts_failed, attempts, status, state_at FROM deliveries ",
            $rest
        )
    };
}

statements! {
    BY_ID = select!("WHERE delivery_id = $1");
    LIST = select!("WHERE rid > $1 ORDER BY rid LIMIT $2");
    LIST_BACK = select!("WHERE rid < $1 ORDER BY rid DESC LIMIT $2");
    OF_STATUS = select!("WHERE status = $1 AND rid > $2 ORDER BY rid LIMIT $3");
    OF_STATUS_BACK = select!("WHERE status = $1 AND rid < $2 ORDER BY rid DESC LIMIT $3");
    OF_RULE = select!("WHERE rule = $1 AND rid > $2 ORDER BY rid LIMIT $3");
    OF_RULE_BACK = select!("WHERE rule = $1 AND rid < $2 ORDER BY rid DESC LIMIT $3");
    OF_RULE_AND_STATUS = select!("WHERE rule = $1 AND status = $2 AND rid > $3 ORDER BY rid LIMIT $4");
    OF_RULE_AND_STATUS_BACK =
        select!("WHERE rule = $1 AND status = $2 AND rid < $3 ORDER BY rid DESC LIMIT $4");
    // Few messages are about the same certificate, so that those of a rule or a status need no index.
    OF_CERTIFICATE = select!(
        "WHERE cert_id = $1 AND rule = COALESCE($2, rule) AND status = COALESCE($3, status)
        AND rid > $4 ORDER BY rid LIMIT $5"
    );
    OF_CERTIFICATE_BACK = select!(
        "WHERE cert_id = $1 AND rule = COALESCE($2, rule) AND status = COALESCE($3, status)
        AND rid < $4 ORDER BY rid DESC LIMIT $5"
    );
    STORE = "INSERT INTO deliveries
        (rid, delivery_id, rule, action, topic, request, error_request, cert_id, created,
        attempts_failed, attempts, status, state_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (delivery_id) DO UPDATE SET
        rule = $3, action = $4, topic = $5, request = $6, error_request = $7, cert_id = $8, created = $9,
        attempts_failed = $10, attempts = $11, status = $12, state_at = $13";
    REMOVE = "DELETE FROM deliveries WHERE delivery_id = $1";
    PRUNE = "DELETE FROM deliveries WHERE status = $1 AND rid <=
        (SELECT rid FROM deliveries WHERE status = $1 ORDER BY rid DESC LIMIT 1 OFFSET $2)";
    // Read from the newest on until there are too many bytes; the length of a text is known without the text.
    SIZES = "SELECT rid, octet_length(request) + COALESCE(octet_length(error_request), 0)
        FROM deliveries WHERE status = $1 ORDER BY rid DESC";
    PRUNE_UP_TO = "DELETE FROM deliveries WHERE status = $1 AND rid <= $2";
}

#[async_trait]
impl Deliveries for SqliteRegistry {
    async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, StorageError> {
        self.look_up(|connection| {
            first(connection, BY_ID, [id.as_bytes()], |row| from_fields(&Fields::new(TABLE, row)?))
        })
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        request: PageRequest,
    ) -> Result<Page<Delivery>, StorageError> {
        let filter = filter.clone();
        self.list(move |connection| filtered(connection, &filter, request)).await
    }
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &DeliveryChange) -> Result<(), ApplyError> {
    match change {
        DeliveryChange::Store(delivery) => store(apply, delivery),
        DeliveryChange::Remove(id) => {
            let removed = execute(apply.connection, REMOVE, [id.as_bytes()])?;
            keep_row_ids(apply, removed)
        }
        DeliveryChange::Prune { status, kept_max, bytes_max } => {
            let status = status_code(*status);
            let mut removed = execute(apply.connection, PRUNE, params![status, kept_max])?;
            if let Some(rid) = first_beyond(apply.connection, status, *bytes_max)? {
                removed += execute(apply.connection, PRUNE_UP_TO, params![status, rid])?;
            }
            keep_row_ids(apply, removed)
        }
    }
}

/// The newest row of a status that makes its requests and those of the newer ones too long.
fn first_beyond(connection: &Connection, status: i64, bytes_max: u64) -> Result<Option<i64>, ApplyError> {
    let mut statement = connection.prepare_cached(SIZES)?;
    let mut rows = statement.query([status])?;
    let mut bytes = 0_u64;
    while let Some(row) = rows.next()? {
        let more: i64 = row.get(1)?;
        bytes = bytes.saturating_add(u64::try_from(more).unwrap_or(0));
        if bytes > bytes_max {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

/// Nothing that the writer remembers is a delivery, so that it need not forget anything.
fn keep_row_ids(apply: &Apply<'_>, removed: usize) -> Result<(), ApplyError> {
    if removed > 0 {
        apply.row_ids.keep(apply.connection)?;
    }
    Ok(())
}

/// One statement for a new delivery as for one that is stored, which does not use the row id.
fn store(apply: &mut Apply<'_>, delivery: &Delivery) -> Result<(), ApplyError> {
    let Delivery {
        id,
        rule,
        action,
        topic,
        request,
        error_request,
        certificate,
        created_at,
        attempts_failed,
        attempts,
        state,
    } = delivery;
    let row = params![
        apply.row_ids.next(*created_at)?,
        id.as_bytes(),
        rule.as_str(),
        action_code(*action),
        topic.as_str(),
        &**request,
        error_request.as_deref(),
        certificate.as_ref().map(CertificateId::as_bytes),
        created_at.as_millis(),
        attempts_failed,
        attempts_to_json(attempts),
        status_code(state.status()),
        state.at().as_millis(),
    ];
    execute(apply.connection, STORE, row)?;
    Ok(())
}

fn filtered(
    connection: &Connection,
    filter: &DeliveryFilter,
    request: PageRequest,
) -> Result<Page<Delivery>, ReadError> {
    let status = filter.status.map(status_code);
    let rule = filter.rule.as_ref().map(RuleName::as_str);
    let read = |ascending, descending, filter: &[&dyn rusqlite::ToSql]| {
        page(connection, Listing { ascending, descending }, filter, request, from_fields, TABLE)
    };
    match (filter.certificate, rule, status) {
        (Some(id), rule, status) => {
            read(OF_CERTIFICATE, OF_CERTIFICATE_BACK, &[id.as_bytes(), &rule, &status])
        }
        (None, Some(rule), Some(status)) => {
            read(OF_RULE_AND_STATUS, OF_RULE_AND_STATUS_BACK, &[&rule, &status])
        }
        (None, Some(rule), None) => read(OF_RULE, OF_RULE_BACK, &[&rule]),
        (None, None, Some(status)) => read(OF_STATUS, OF_STATUS_BACK, &[&status]),
        (None, None, None) => read(LIST, LIST_BACK, &[]),
    }
}

fn from_fields(fields: &Fields<'_>) -> Result<Delivery, ReadError> {
    let status = fields.decode(11, "status", status)?;
    Ok(Delivery {
        id: DeliveryId::from_bytes(fields.get(1, "delivery_id")?),
        rule: fields.parse(2, "rule", RuleName::parse)?,
        action: action(fields.get(3, "action")?),
        topic: fields.parse(4, "topic", TopicName::parse)?,
        request: fields.get(5, "request")?,
        error_request: fields.get(6, "error_request")?,
        certificate: fields.get::<Option<_>>(7, "cert_id")?.map(CertificateId::from_sha256),
        created_at: fields.time(8, "created")?,
        attempts_failed: fields.get(9, "attempts_failed")?,
        attempts: fields.parse(10, "attempts", attempts_from_json)?,
        state: status.with(fields.time(12, "state_at")?),
    })
}

const fn action_code(action: DeliveryAction) -> Option<u16> {
    match action {
        DeliveryAction::Action(index) => Some(index),
        DeliveryAction::ErrorAction => None,
    }
}

const fn action(code: Option<u16>) -> DeliveryAction {
    match code {
        Some(index) => DeliveryAction::Action(index),
        None => DeliveryAction::ErrorAction,
    }
}

// Codes are stored: none may change its meaning.
const WAITING: i64 = 1;
const DELIVERED: i64 = 2;
const HANDLED_BY_ERROR_ACTION: i64 = 3;
const DEAD: i64 = 4;

const fn status_code(status: DeliveryStatus) -> i64 {
    match status {
        DeliveryStatus::Waiting => WAITING,
        DeliveryStatus::Delivered => DELIVERED,
        DeliveryStatus::HandledByErrorAction => HANDLED_BY_ERROR_ACTION,
        DeliveryStatus::Dead => DEAD,
    }
}

const fn status(code: i64) -> Option<DeliveryStatus> {
    match code {
        WAITING => Some(DeliveryStatus::Waiting),
        DELIVERED => Some(DeliveryStatus::Delivered),
        HANDLED_BY_ERROR_ACTION => Some(DeliveryStatus::HandledByErrorAction),
        DEAD => Some(DeliveryStatus::Dead),
        _ => None,
    }
}

fn attempts_to_json(attempts: &[DeliveryAttempt]) -> String {
    let row = |DeliveryAttempt { at, duration_us, problem }: &DeliveryAttempt| {
        json!([at.as_millis(), count(*duration_us), &**problem])
    };
    json!(attempts.iter().map(row).collect::<Vec<_>>()).to_string()
}

fn attempts_from_json(json: &str) -> Result<Vec<DeliveryAttempt>, serde_json::Error> {
    let rows: Vec<(i64, u64, String)> = serde_json::from_str(json)?;
    let attempt = |(at, duration_us, problem): (i64, u64, String)| DeliveryAttempt {
        at: UnixTime::from_millis(at),
        duration_us,
        problem: problem.into(),
    };
    Ok(rows.into_iter().map(attempt).collect())
}
