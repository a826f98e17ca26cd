use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{DestinationId, DestinationStatus, TopicRuleDestination};

use super::MemoryRegistry;
use super::state::State;
use crate::{Conflict, DestinationChange, Destinations, Page, PageRequest, StorageError};

#[async_trait]
impl Destinations for MemoryRegistry {
    async fn destination(&self, id: &DestinationId) -> Result<Option<TopicRuleDestination>, StorageError> {
        Ok(self.state().destinations.get(id).cloned())
    }

    async fn destination_of_url(&self, url: &str) -> Result<Option<TopicRuleDestination>, StorageError> {
        Ok(self.state().destinations.rows().find(|destination| *destination.url == *url).cloned())
    }

    async fn destinations(&self, page: PageRequest) -> Result<Page<TopicRuleDestination>, StorageError> {
        Ok(self.state().destinations.page(page, |_| true))
    }
}

impl State {
    pub(super) fn apply_destination(&mut self, change: &DestinationChange) -> Result<(), Conflict> {
        match change {
            DestinationChange::Create(destination) => return self.create_destination(destination),
            DestinationChange::SetStatus { id, status, reason, confirmation_token, at } => {
                let destination = self.find_destination(*id)?;
                destination.status = *status;
                destination.reason.clone_from(reason);
                destination.confirmation_token = *confirmation_token;
                destination.modified_at = *at;
            }
            DestinationChange::Confirm { token, at } => {
                let id = token.destination();
                let destination = self.find_destination(id)?;
                if destination.confirmation_token.as_ref() != Some(token) {
                    return Err(Conflict::DestinationToken(id));
                }
                destination.status = DestinationStatus::Enabled;
                destination.reason = None;
                destination.confirmation_token = None;
                destination.modified_at = *at;
            }
            DestinationChange::FailConfirmation { token, reason, at } => {
                let id = token.destination();
                let destination = self.find_destination(id)?;
                let is_awaited = destination.confirmation_token.as_ref() == Some(token);
                if !is_awaited || destination.status != DestinationStatus::InProgress {
                    return Err(Conflict::DestinationToken(id));
                }
                destination.status = DestinationStatus::Error;
                destination.reason = Some(Arc::clone(reason));
                destination.modified_at = *at;
            }
            DestinationChange::Delete { id } => {
                self.find_destination(*id)?;
                self.destinations.remove(id);
            }
        }
        Ok(())
    }

    fn create_destination(&mut self, destination: &TopicRuleDestination) -> Result<(), Conflict> {
        let TopicRuleDestination { id, url, .. } = destination;
        if self.destinations.rows().any(|known| known.id == *id || known.url == *url) {
            return Err(Conflict::DestinationExists { url: url.clone() });
        }
        if self.destinations.len() >= TopicRuleDestination::OF_SERVER_MAX {
            return Err(Conflict::Destinations);
        }
        self.destinations.insert_unless_there(&mut self.row_ids, *id, destination.clone());
        Ok(())
    }

    fn find_destination(&mut self, id: DestinationId) -> Result<&mut TopicRuleDestination, Conflict> {
        self.destinations.get_mut(&id).ok_or(Conflict::DestinationNotFound(id))
    }
}
