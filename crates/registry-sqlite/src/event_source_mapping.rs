use async_trait::async_trait;
use landfall_model::{EventSourceMapping, FunctionName, MappingId, QueueArn};
use landfall_registry::{
    Conflict, EventSourceMappings, MappingChange, MappingFilter, MappingUpdate, Page, PageRequest,
    StorageError,
};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, execute, first, number, page, statements};

const TABLE: &str = "event_source_mappings";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rid, mapping_id, function, queue, batch_size, batching_window_s, enabled, item_failures,
            created, modified, last_result FROM event_source_mappings ",
            $rest
        )
    };
}

statements! {
    BY_ID = select!("WHERE mapping_id = $1");
    // There are few mappings, so that a function and a queue need no index of their own.
    LIST = select!(
        "WHERE function = COALESCE($1, function) AND queue = COALESCE($2, queue) AND rid > $3
        ORDER BY rid LIMIT $4"
    );
    LIST_BACK = select!(
        "WHERE function = COALESCE($1, function) AND queue = COALESCE($2, queue) AND rid < $3
        ORDER BY rid DESC LIMIT $4"
    );
    COUNT = "SELECT COUNT(*) FROM event_source_mappings";
    MAPPED = "SELECT rid, mapping_id FROM event_source_mappings
        WHERE queue = $1 AND function = $2 AND mapping_id <> $3";
    INSERT = "INSERT INTO event_source_mappings
        (rid, mapping_id, function, queue, batch_size, batching_window_s, enabled, item_failures, created,
        modified, last_result)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (mapping_id) DO NOTHING";
    UPDATE = "UPDATE event_source_mappings SET function = $1, batch_size = $2, batching_window_s = $3,
        enabled = $4, item_failures = $5, modified = $6 WHERE rid = $7";
    SET_RESULT = "UPDATE event_source_mappings SET last_result = $1 WHERE mapping_id = $2";
    DELETE = "DELETE FROM event_source_mappings WHERE rid = $1";
}

#[async_trait]
impl EventSourceMappings for SqliteRegistry {
    async fn event_source_mapping(&self, id: &MappingId) -> Result<Option<EventSourceMapping>, StorageError> {
        self.look_up(|connection| Ok(read(connection, *id)?.map(|(_, mapping)| mapping)))
    }

    async fn event_source_mappings(
        &self,
        filter: &MappingFilter,
        request: PageRequest,
    ) -> Result<Page<EventSourceMapping>, StorageError> {
        let MappingFilter { function, queue } = filter.clone();
        self.list(move |connection| {
            let function = function.as_ref().map(FunctionName::as_str);
            let queue = queue.as_ref().map(QueueArn::as_str);
            let listing = Listing { ascending: LIST, descending: LIST_BACK };
            page(connection, listing, &[&function, &queue], request, from_fields, TABLE)
        })
        .await
    }

    async fn every_event_source_mapping(&self) -> Result<Vec<EventSourceMapping>, StorageError> {
        let all = MappingFilter::default();
        Ok(self.event_source_mappings(&all, PageRequest::first(u32::MAX)).await?.items)
    }
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &MappingChange) -> Result<(), ApplyError> {
    match change {
        MappingChange::Create(mapping) => create(apply, mapping),
        MappingChange::Update(change) => update(apply.connection, change),
        MappingChange::Delete { id } => {
            let (rid, _) = find(apply.connection, *id)?;
            apply.delete(DELETE, rid)
        }
        MappingChange::SetResult { id, result } => {
            match execute(apply.connection, SET_RESULT, params![&**result, id.as_bytes()])? {
                0 => Err(Conflict::EventSourceMappingNotFound(*id).into()),
                _ => Ok(()),
            }
        }
    }
}

fn read(connection: &Connection, id: MappingId) -> Result<Option<(i64, EventSourceMapping)>, ReadError> {
    first(connection, BY_ID, [id.as_bytes()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok((fields.rid(), from_fields(&fields)?))
    })
}

fn find(connection: &Connection, id: MappingId) -> Result<(i64, EventSourceMapping), ApplyError> {
    Ok(read(connection, id)?.ok_or(Conflict::EventSourceMappingNotFound(id))?)
}

fn create(apply: &mut Apply<'_>, mapping: &EventSourceMapping) -> Result<(), ApplyError> {
    let EventSourceMapping {
        id,
        function,
        queue,
        batch_size,
        batching_window_s,
        is_enabled,
        reports_item_failures,
        created_at,
        modified_at,
        last_result,
    } = mapping;
    expect_unmapped(apply.connection, queue, function, *id)?;
    if number(apply.connection, COUNT, [])? >= EventSourceMapping::OF_SERVER_MAX {
        return Err(Conflict::EventSourceMappings.into());
    }
    let row = params![
        apply.row_ids.next(*created_at)?,
        id.as_bytes(),
        function.as_str(),
        queue.as_str(),
        batch_size,
        batching_window_s,
        is_enabled,
        reports_item_failures,
        created_at.as_millis(),
        modified_at.as_millis(),
        last_result,
    ];
    match execute(apply.connection, INSERT, row)? {
        0 => Err(Conflict::EventSourceMappingExists(*id).into()),
        _ => Ok(()),
    }
}

fn update(connection: &Connection, change: &MappingUpdate) -> Result<(), ApplyError> {
    let id = change.expected.id;
    let (rid, found) = find(connection, id)?;
    if !change.expects(&found) {
        return Err(Conflict::EventSourceMappingChanged(id).into());
    }
    expect_unmapped(connection, &found.queue, &change.function, id)?;
    let MappingUpdate {
        expected: _,
        function,
        batch_size,
        batching_window_s,
        is_enabled,
        reports_item_failures,
        at,
    } = change;
    let row = params![
        function.as_str(),
        batch_size,
        batching_window_s,
        is_enabled,
        reports_item_failures,
        at.as_millis(),
        rid,
    ];
    execute(connection, UPDATE, row)?;
    Ok(())
}

/// Checks that no other mapping gives this queue to this function.
fn expect_unmapped(
    connection: &Connection,
    queue: &QueueArn,
    function: &FunctionName,
    id: MappingId,
) -> Result<(), ApplyError> {
    let mapped =
        first(connection, MAPPED, params![queue.as_str(), function.as_str(), id.as_bytes()], |row| {
            Ok(MappingId::from_bytes(Fields::new(TABLE, row)?.get(1, "mapping_id")?))
        })?;
    match mapped {
        None => Ok(()),
        Some(id) => {
            Err(Conflict::QueueMapped { queue: queue.clone(), function: function.clone(), id }.into())
        }
    }
}

fn from_fields(fields: &Fields<'_>) -> Result<EventSourceMapping, ReadError> {
    Ok(EventSourceMapping {
        id: MappingId::from_bytes(fields.get(1, "mapping_id")?),
        function: fields.parse(2, "function", FunctionName::parse)?,
        queue: fields.parse(3, "queue", QueueArn::parse)?,
        batch_size: fields.get(4, "batch_size")?,
        batching_window_s: fields.get(5, "batching_window_s")?,
        is_enabled: fields.get(6, "enabled")?,
        reports_item_failures: fields.get(7, "item_failures")?,
        created_at: fields.time(8, "created")?,
        modified_at: fields.time(9, "modified")?,
        last_result: fields.get(10, "last_result")?,
    })
}
