use std::collections::BTreeMap;

use async_trait::async_trait;
use landfall_events::{CertificateRegistered, Event};
use landfall_model::{AccountId, CaCertificateId, CertificateId, TopicName, UnixTime};
use landfall_registry::{Change, EventId, Outbox, PendingEvent, StorageError, Transaction};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, every, execute, statements};

const TABLE: &str = "events";

// Codes are stored: none may change its meaning.

/// An [`Event::CertificateRegistered`], stored by its fields: a third of what topic and payload take, and there is one of
/// each device.
const CERTIFICATE_REGISTERED: i64 = 1;
/// Any other event: `entity` has the topic, `body` the payload.
const MESSAGE: i64 = 2;

statements! {
    INSERT = "INSERT INTO events (rid, kind, entity, created, body) VALUES ($1, $2, $3, $4, $5)";
    PENDING = "SELECT rid, kind, entity, created, body FROM events WHERE rid > $1 ORDER BY rid LIMIT $2";
    DELIVERED = "DELETE FROM events WHERE rid <= $1";
}

/// What becomes of a registration event, made by the committer to spare the writer: it is the same whatever its id is.
pub(crate) struct Draft {
    topic: TopicName,
    payload: Vec<u8>,
    body: String,
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

/// The drafts of the events that a transaction appends, one each, where there can be one.
pub(crate) fn drafts(transaction: &Transaction) -> Vec<Option<Draft>> {
    let draft = |change: &Change| if let Change::Event(event) = change { Some(draft(event)) } else { None };
    transaction.changes().iter().filter_map(draft).collect()
}

/// Appends an event, unless its type is switched off.
pub(crate) fn append(apply: &mut Apply<'_>, event: &Event, draft: Option<&Draft>) -> Result<(), ApplyError> {
    if let Some(kind) = event.kind()
        && !apply.is_told(kind)?
    {
        return Ok(());
    }
    let at = time(event);
    let rid = apply.row_ids.next(at)?;
    let id = EventId::new(rid);
    let pending = match draft {
        Some(draft) => PendingEvent { id, topic: draft.topic.clone(), payload: draft.payload.clone() },
        None => PendingEvent { id, topic: event.topic(), payload: event.payload(id) },
    };
    match event {
        Event::CertificateRegistered(event) => {
            let made;
            let body = match draft {
                Some(draft) => &draft.body,
                None => {
                    made = body(event);
                    &made
                }
            };
            let entity = event.certificate.as_bytes();
            let row = params![rid, CERTIFICATE_REGISTERED, entity, at.as_millis(), body];
            execute(apply.connection, INSERT, row)?;
        }
        Event::Thing(_)
        | Event::ThingGroup(_)
        | Event::ThingGroupHierarchy(_)
        | Event::ThingGroupMembership(_)
        | Event::ThingType(_)
        | Event::ThingTypeAssociation(_) => {
            let topic = pending.topic.as_str().as_bytes();
            let payload = String::from_utf8_lossy(&pending.payload);
            execute(apply.connection, INSERT, params![rid, MESSAGE, topic, at.as_millis(), payload])?;
        }
    }
    apply.events.push(pending);
    Ok(())
}

/// Nothing that the writer remembers is an event, so that it need not forget anything.
pub(crate) fn delivered(apply: &Apply<'_>, last: EventId) -> Result<(), ApplyError> {
    if execute(apply.connection, DELIVERED, [last.get()])? > 0 {
        apply.row_ids.keep(apply.connection)?;
    }
    Ok(())
}

fn draft(event: &Event) -> Option<Draft> {
    if let Event::CertificateRegistered(registered) = event {
        // The payload of this event does not have its id.
        let payload = event.payload(EventId::new(0));
        Some(Draft { topic: event.topic(), payload, body: body(registered) })
    } else {
        None
    }
}

fn body(event: &CertificateRegistered) -> String {
    json!({ "ca": event.ca.to_string(), "account": event.account.as_str() }).to_string()
}

const fn time(event: &Event) -> UnixTime {
    match event {
        Event::CertificateRegistered(event) => event.at,
        Event::Thing(event) => event.at,
        Event::ThingGroup(event) => event.at,
        Event::ThingGroupHierarchy(event) => event.at,
        Event::ThingGroupMembership(event) => event.at,
        Event::ThingType(event) => event.at,
        Event::ThingTypeAssociation(event) => event.at,
    }
}

fn pending(connection: &Connection, after: i64, limit: u32) -> Result<Vec<PendingEvent>, ReadError> {
    every(connection, PENDING, params![after, limit], |row| from_fields(&Fields::new(TABLE, row)?))
}

fn from_fields(fields: &Fields<'_>) -> Result<PendingEvent, ReadError> {
    let id = EventId::new(fields.rid());
    match fields.get(1, "kind")? {
        CERTIFICATE_REGISTERED => {
            let event = registered(fields)?;
            Ok(PendingEvent { id, topic: event.topic(), payload: event.payload(id) })
        }
        MESSAGE => {
            let topic = str::from_utf8(fields.bytes(2, "entity")?)
                .map_err(display)
                .and_then(|topic| TopicName::parse(topic).map_err(display));
            let payload: String = fields.get(4, "body")?;
            Ok(PendingEvent {
                id,
                topic: topic.map_err(|problem| fields.inconsistent("entity", &problem))?,
                payload: payload.into_bytes(),
            })
        }
        kind => Err(fields.inconsistent("kind", &format!("{kind} is no kind of event of this version"))),
    }
}

/// The event is told in the form of this version, whichever stored it.
fn registered(fields: &Fields<'_>) -> Result<Event, ReadError> {
    let (ca, account) = fields.parse(4, "body", |body| {
        let body: BTreeMap<&str, &str> = serde_json::from_str(body).map_err(display)?;
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
