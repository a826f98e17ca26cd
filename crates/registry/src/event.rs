use async_trait::async_trait;
use landfall_events::{Event, EventId};
use landfall_model::TopicName;

use crate::{Change, StorageError, Transaction};

/// An event that was committed and not yet delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEvent {
    /// Its place.
    pub id: EventId,
    /// Where it is published.
    pub topic: TopicName,
    /// What is published.
    pub payload: Vec<u8>,
}

/// Reads of the events that wait for delivery.
#[async_trait]
pub trait Outbox {
    /// The first `limit` events behind `after` that were not delivered, in order.
    ///
    /// # Errors
    /// The storage failed.
    async fn pending_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<PendingEvent>, StorageError>;
}

impl Transaction {
    /// Appends an event, to be delivered once the transaction is durable. Whoever makes a change appends its event, always:
    /// whether it is switched on is asked in the commit.
    pub fn append(&mut self, event: Event) {
        self.push(Change::Event(event));
    }

    /// Every event up to and with `last` was delivered and need not be kept.
    pub fn delivered(&mut self, last: EventId) {
        self.push(Change::EventsDelivered(last));
    }
}
