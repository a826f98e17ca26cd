use async_trait::async_trait;
use landfall_model::{ConfirmationToken, DestinationId, DestinationStatus, TopicRuleDestination, UnixTime};
use landfall_registry::{Conflict, DestinationChange, Destinations, Page, PageRequest, StorageError};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, execute, exists, first, number, page, statements};

const TABLE: &str = "destinations";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rid, destination_id, url, status, reason, secret, created, modified FROM destinations ",
            $rest
        )
    };
}

statements! {
    BY_ID = select!("WHERE destination_id = $1");
    BY_URL = select!("WHERE url = $1");
    LIST = select!("WHERE rid > $1 ORDER BY rid LIMIT $2");
    LIST_BACK = select!("WHERE rid < $1 ORDER BY rid DESC LIMIT $2");
    COUNT = "SELECT COUNT(*) FROM destinations";
    INSERT = "INSERT INTO destinations
        (rid, destination_id, url, status, reason, secret, created, modified)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SET_STATUS = "UPDATE destinations SET status = $1, reason = $2, secret = $3, modified = $4 WHERE rid = $5";
    DELETE = "DELETE FROM destinations WHERE rid = $1";
}

#[async_trait]
impl Destinations for SqliteRegistry {
    async fn destination(&self, id: &DestinationId) -> Result<Option<TopicRuleDestination>, StorageError> {
        self.look_up(|connection| Ok(read(connection, *id)?.map(|(_, destination)| destination)))
    }

    async fn destination_of_url(&self, url: &str) -> Result<Option<TopicRuleDestination>, StorageError> {
        self.look_up(|connection| {
            first(connection, BY_URL, [url], |row| from_fields(&Fields::new(TABLE, row)?))
        })
    }

    async fn destinations(&self, request: PageRequest) -> Result<Page<TopicRuleDestination>, StorageError> {
        let listing = Listing { ascending: LIST, descending: LIST_BACK };
        self.list(move |connection| page(connection, listing, &[], request, from_fields, TABLE)).await
    }
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &DestinationChange) -> Result<(), ApplyError> {
    match change {
        DestinationChange::Create(destination) => create(apply, destination),
        DestinationChange::SetStatus { id, status, reason, confirmation_token, at } => {
            let (rid, _) = find(apply.connection, *id)?;
            set_status(apply.connection, rid, *status, reason.as_deref(), confirmation_token.as_ref(), *at)
        }
        DestinationChange::Confirm { token, at } => {
            let id = token.destination();
            let (rid, destination) = find(apply.connection, id)?;
            if destination.confirmation_token.as_ref() != Some(token) {
                return Err(Conflict::DestinationToken(id).into());
            }
            set_status(apply.connection, rid, DestinationStatus::Enabled, None, None, *at)
        }
        DestinationChange::FailConfirmation { token, reason, at } => {
            let id = token.destination();
            let (rid, destination) = find(apply.connection, id)?;
            let is_awaited = destination.confirmation_token.as_ref() == Some(token);
            if !is_awaited || destination.status != DestinationStatus::InProgress {
                return Err(Conflict::DestinationToken(id).into());
            }
            set_status(apply.connection, rid, DestinationStatus::Error, Some(reason), Some(token), *at)
        }
        DestinationChange::Delete { id } => {
            let (rid, _) = find(apply.connection, *id)?;
            apply.delete(DELETE, rid)
        }
    }
}

fn create(apply: &mut Apply<'_>, destination: &TopicRuleDestination) -> Result<(), ApplyError> {
    let TopicRuleDestination { id, url, status, reason, confirmation_token, created_at, modified_at } =
        destination;
    if exists(apply.connection, BY_URL, [&**url])? || exists(apply.connection, BY_ID, [id.as_bytes()])? {
        return Err(Conflict::DestinationExists { url: url.clone() }.into());
    }
    if number(apply.connection, COUNT, [])? >= TopicRuleDestination::OF_SERVER_MAX {
        return Err(Conflict::Destinations.into());
    }
    let row = params![
        apply.row_ids.next(*created_at)?,
        id.as_bytes(),
        &**url,
        status.as_str(),
        reason.as_deref(),
        confirmation_token.as_ref().map(ConfirmationToken::secret),
        created_at.as_millis(),
        modified_at.as_millis(),
    ];
    execute(apply.connection, INSERT, row)?;
    Ok(())
}

fn set_status(
    connection: &Connection,
    rid: i64,
    status: DestinationStatus,
    reason: Option<&str>,
    token: Option<&ConfirmationToken>,
    at: UnixTime,
) -> Result<(), ApplyError> {
    let secret = token.map(ConfirmationToken::secret);
    execute(connection, SET_STATUS, params![status.as_str(), reason, secret, at.as_millis(), rid])?;
    Ok(())
}

/// The destination with its row. Conflict: it does not exist.
fn find(connection: &Connection, id: DestinationId) -> Result<(i64, TopicRuleDestination), ApplyError> {
    Ok(read(connection, id)?.ok_or(Conflict::DestinationNotFound(id))?)
}

fn read(
    connection: &Connection,
    id: DestinationId,
) -> Result<Option<(i64, TopicRuleDestination)>, ReadError> {
    first(connection, BY_ID, [id.as_bytes()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

fn from_fields(fields: &Fields<'_>) -> Result<TopicRuleDestination, ReadError> {
    let id = DestinationId::from_bytes(fields.get(1, "destination_id")?);
    let secret: Option<_> = fields.get(5, "secret")?;
    Ok(TopicRuleDestination {
        id,
        url: fields.get(2, "url")?,
        status: fields.parse(3, "status", DestinationStatus::parse)?,
        reason: fields.get(4, "reason")?,
        confirmation_token: secret.map(|secret| ConfirmationToken::new(id, secret)),
        created_at: fields.time(6, "created")?,
        modified_at: fields.time(7, "modified")?,
    })
}
