use async_trait::async_trait;
use landfall_model::{EventSourceMapping, FunctionName, MappingId, QueueArn};

use super::MemoryRegistry;
use super::state::State;
use crate::{
    Conflict, EventSourceMappings, MappingChange, MappingFilter, MappingUpdate, Page, PageRequest,
    StorageError,
};

#[async_trait]
impl EventSourceMappings for MemoryRegistry {
    async fn event_source_mapping(&self, id: &MappingId) -> Result<Option<EventSourceMapping>, StorageError> {
        Ok(self.state().event_source_mappings.get(id).cloned())
    }

    async fn event_source_mappings(
        &self,
        filter: &MappingFilter,
        page: PageRequest,
    ) -> Result<Page<EventSourceMapping>, StorageError> {
        Ok(self.state().event_source_mappings.page(page, |mapping| filter.matches(mapping)))
    }

    async fn every_event_source_mapping(&self) -> Result<Vec<EventSourceMapping>, StorageError> {
        Ok(self.state().event_source_mappings.rows().cloned().collect())
    }
}

impl State {
    pub(super) fn apply_event_source_mapping(&mut self, change: &MappingChange) -> Result<(), Conflict> {
        match change {
            MappingChange::Create(mapping) => self.create_event_source_mapping(mapping),
            MappingChange::Update(update) => self.update_event_source_mapping(update),
            MappingChange::Delete { id } => {
                self.find_event_source_mapping(*id)?;
                self.event_source_mappings.remove(id);
                Ok(())
            }
            MappingChange::SetResult { id, result } => {
                self.find_event_source_mapping(*id)?.last_result = Some(result.clone());
                Ok(())
            }
        }
    }

    fn create_event_source_mapping(&mut self, mapping: &EventSourceMapping) -> Result<(), Conflict> {
        self.expect_unmapped(&mapping.queue, &mapping.function, mapping.id)?;
        if self.event_source_mappings.len() >= EventSourceMapping::OF_SERVER_MAX {
            return Err(Conflict::EventSourceMappings);
        }
        let mappings = &mut self.event_source_mappings;
        let inserted = mappings.insert_unless_there(&mut self.row_ids, mapping.id, mapping.clone());
        inserted.then_some(()).ok_or(Conflict::EventSourceMappingExists(mapping.id))
    }

    fn update_event_source_mapping(&mut self, update: &MappingUpdate) -> Result<(), Conflict> {
        let id = update.expected.id;
        let found = self.find_event_source_mapping(id)?;
        if !update.expects(found) {
            return Err(Conflict::EventSourceMappingChanged(id));
        }
        *found = update.apply(found);
        self.expect_unmapped(&update.expected.queue, &update.function, id)
    }

    fn find_event_source_mapping(&mut self, id: MappingId) -> Result<&mut EventSourceMapping, Conflict> {
        self.event_source_mappings.get_mut(&id).ok_or(Conflict::EventSourceMappingNotFound(id))
    }

    /// Checks that no other mapping gives this queue to this function.
    fn expect_unmapped(
        &self,
        queue: &QueueArn,
        function: &FunctionName,
        id: MappingId,
    ) -> Result<(), Conflict> {
        let mut others = self.event_source_mappings.rows().filter(|other| other.id != id);
        match others.find(|other| other.queue == *queue && other.function == *function) {
            None => Ok(()),
            Some(other) => {
                Err(Conflict::QueueMapped { queue: queue.clone(), function: function.clone(), id: other.id })
            }
        }
    }
}
