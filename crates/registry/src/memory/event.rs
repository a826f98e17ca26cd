use async_trait::async_trait;
use landfall_events::Event;
use landfall_model::EventConfigurations;

use super::MemoryRegistry;
use super::state::State;
use crate::{EventId, Outbox, PendingEvent, ReadEventConfigurations, StorageError};

#[async_trait]
impl Outbox for MemoryRegistry {
    async fn pending_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<PendingEvent>, StorageError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let state = self.state();
        let behind = state.events.iter().filter(|event| after.is_none_or(|after| event.id > after));
        Ok(behind.take(limit).cloned().collect())
    }
}

#[async_trait]
impl ReadEventConfigurations for MemoryRegistry {
    async fn event_configurations(&self) -> Result<EventConfigurations, StorageError> {
        Ok(self.state().event_configurations.clone())
    }
}

impl State {
    /// Appends an event, if its type is switched on or it has none.
    pub(super) fn append(&mut self, event: &Event) {
        if event.kind().is_none_or(|kind| self.event_configurations.enabled.contains(&kind)) {
            let id = EventId::new(self.row_ids.next());
            let event = PendingEvent { id, topic: event.topic(), payload: event.payload(id) };
            self.appended.push(event.clone());
            self.events.push(event);
        }
    }
}
