use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{EventSourceMapping, FunctionName, MappingId, QueueArn, UnixTime};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of event-source mappings.
#[async_trait]
pub trait EventSourceMappings {
    /// The mapping with this id.
    ///
    /// # Errors
    /// The storage failed.
    async fn event_source_mapping(&self, id: &MappingId) -> Result<Option<EventSourceMapping>, StorageError>;

    /// Mappings by time of creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn event_source_mappings(
        &self,
        filter: &MappingFilter,
        page: PageRequest,
    ) -> Result<Page<EventSourceMapping>, StorageError>;

    /// Every mapping, by time of creation, as of one moment: at most [`EventSourceMapping::OF_SERVER_MAX`].
    ///
    /// # Errors
    /// The storage failed.
    async fn every_event_source_mapping(&self) -> Result<Vec<EventSourceMapping>, StorageError>;
}

/// Which event-source mappings are listed: those for which all that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingFilter {
    /// Those of this function.
    pub function: Option<FunctionName>,
    /// Those of this queue.
    pub queue: Option<QueueArn>,
}

/// A change of an event-source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingChange {
    /// Creates it. Conflict: one of its id exists, one gives the same queue to the same function, or there are
    /// [`EventSourceMapping::OF_SERVER_MAX`].
    Create(Box<EventSourceMapping>),
    /// Sets what can be set. Conflict: it does not exist, has other settings than expected, or another one gives the queue to
    /// the function.
    Update(Box<MappingUpdate>),
    /// Deletes it. Conflict: it does not exist.
    Delete {
        /// Its id.
        id: MappingId,
    },
    /// Tells what became of the last batch. Conflict: it does not exist.
    SetResult {
        /// Its id.
        id: MappingId,
        /// What became of the batch.
        result: Arc<str>,
    },
}

/// What an event-source mapping becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingUpdate {
    /// What it must be before. What became of the last batch does not count.
    pub expected: EventSourceMapping,
    /// The function that it gets.
    pub function: FunctionName,
    /// The most messages of a batch.
    pub batch_size: u16,
    /// How long to wait for a batch to fill, in seconds.
    pub batching_window_s: u16,
    /// Whether the queue is polled.
    pub is_enabled: bool,
    /// Whether the function answers which messages it failed on.
    pub reports_item_failures: bool,
    /// When.
    pub at: UnixTime,
}

impl MappingFilter {
    /// Whether it lets a mapping through.
    pub fn matches(&self, mapping: &EventSourceMapping) -> bool {
        let Self { function, queue } = self;
        function.as_ref().is_none_or(|function| *function == mapping.function)
            && queue.as_ref().is_none_or(|queue| *queue == mapping.queue)
    }
}

impl MappingUpdate {
    /// Whether a mapping is as expected.
    pub fn expects(&self, found: &EventSourceMapping) -> bool {
        let expected = &self.expected;
        let with_its_result =
            EventSourceMapping { last_result: found.last_result.clone(), ..expected.clone() };
        with_its_result == *found
    }

    /// What a mapping becomes.
    pub fn apply(&self, mapping: &EventSourceMapping) -> EventSourceMapping {
        let Self {
            expected: _,
            function,
            batch_size,
            batching_window_s,
            is_enabled,
            reports_item_failures,
            at,
        } = self;
        EventSourceMapping {
            id: mapping.id,
            function: function.clone(),
            queue: mapping.queue.clone(),
            batch_size: *batch_size,
            batching_window_s: *batching_window_s,
            is_enabled: *is_enabled,
            reports_item_failures: *reports_item_failures,
            created_at: mapping.created_at,
            modified_at: *at,
            last_result: mapping.last_result.clone(),
        }
    }
}

impl Transaction {
    /// Creates an event-source mapping.
    pub fn create_event_source_mapping(&mut self, mapping: EventSourceMapping) {
        self.push(Change::EventSourceMapping(MappingChange::Create(Box::new(mapping))));
    }

    /// Sets what can be set of an event-source mapping.
    pub fn update_event_source_mapping(&mut self, update: MappingUpdate) {
        self.push(Change::EventSourceMapping(MappingChange::Update(Box::new(update))));
    }

    /// Deletes an event-source mapping.
    pub fn delete_event_source_mapping(&mut self, id: MappingId) {
        self.push(Change::EventSourceMapping(MappingChange::Delete { id }));
    }

    /// Tells what became of the last batch of an event-source mapping.
    pub fn set_event_source_mapping_result(&mut self, id: MappingId, result: Arc<str>) {
        self.push(Change::EventSourceMapping(MappingChange::SetResult { id, result }));
    }
}
