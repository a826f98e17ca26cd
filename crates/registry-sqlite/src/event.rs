use std::collections::BTreeMap;

use async_trait::async_trait;
use landfall_events::{CertificateRegistered, Event};
use landfall_model::{AccountId, CaCertificateId, CertificateId};
use landfall_registry::{EventId, Outbox, PendingEvent, StorageError};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, every, execute, statements};

const TABLE: &str = "events";

/// The code of [`Event::CertificateRegistered`]: it is stored and may not change its meaning.
const CERTIFICATE_REGISTERED: i64 = 1;

statements! {
    INSERT = "INSERT INTO events (rid, kind, entity, created, body) VALUES ($1, $2, $3, $4, $5)";
    PENDING = "SELECT rid, kind, entity, created, body FROM events WHERE rid > $1 ORDER BY rid LIMIT $2";
    DELIVERED = "DELETE FROM events WHERE rid <= $1";
}

#[async_trait]
impl Outbox for SqliteRegistry {
    async fn pending_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<PendingEvent>, StorageError> {
        let after = after.map_or(i64::MIN, EventId::get);
        self.list(move |connection| pending(connection, after, limit)).await
    }
}

/// The events are stored by their fields, a third of what topic and payload take, and told in the form of this version.
pub(crate) fn append(apply: &mut Apply<'_>, event: &Event) -> Result<(), ApplyError> {
    match event {
        Event::CertificateRegistered(event) => {
            let CertificateRegistered { certificate, ca, account, at } = event;
            let row = params![
                apply.row_ids.next(*at)?,
                CERTIFICATE_REGISTERED,
                certificate.as_bytes(),
                at.as_millis(),
                json!({ "ca": ca.to_string(), "account": account.as_str() }).to_string(),
            ];
            execute(apply.connection, INSERT, row)?;
            Ok(())
        }
    }
}

pub(crate) fn delivered(apply: &Apply<'_>, last: EventId) -> Result<(), ApplyError> {
    if execute(apply.connection, DELIVERED, [last.get()])? > 0 {
        apply.row_ids.keep(apply.connection)?;
    }
    Ok(())
}

fn pending(connection: &Connection, after: i64, limit: u32) -> Result<Vec<PendingEvent>, ReadError> {
    every(connection, PENDING, params![after, limit], |row| {
        let fields = Fields::new(TABLE, row)?;
        let event = from_fields(&fields)?;
        Ok(PendingEvent { id: EventId::new(fields.rid()), topic: event.topic(), payload: event.payload() })
    })
}

fn from_fields(fields: &Fields<'_>) -> Result<Event, ReadError> {
    let kind: i64 = fields.get(1, "kind")?;
    if kind != CERTIFICATE_REGISTERED {
        return Err(fields.inconsistent("kind", &format!("{kind} is no kind of event of this version")));
    }
    let (ca, account) = fields.parse(4, "body", |body| {
        let body: BTreeMap<&str, &str> = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let field =
            |name: &str| body.get(name).copied().ok_or_else(|| format!("the field {name} is missing"));
        let ca: CaCertificateId = field("ca")?.parse().map_err(display)?;
        let account = AccountId::parse(field("account")?).map_err(display)?;
        Ok::<_, String>((ca, account))
    })?;
    Ok(Event::CertificateRegistered(CertificateRegistered {
        certificate: CertificateId::from_sha256(fields.get(2, "entity")?),
        ca,
        account,
        at: fields.time(3, "created")?,
    }))
}

fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}
