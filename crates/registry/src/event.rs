use async_trait::async_trait;
use landfall_events::Event;
use landfall_model::TopicName;

use crate::{Change, StorageError, Transaction};

/// The place of an event in the order of all events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId(i64);

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

impl EventId {
    /// The id of this number, which an adapter made.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl Transaction {
    /// Appends an event, to be delivered once the transaction is durable.
    pub fn append(&mut self, event: Event) {
        self.push(Change::Event(event));
    }

    /// Every event up to and with `last` was delivered and need not be kept.
    pub fn delivered(&mut self, last: EventId) {
        self.push(Change::EventsDelivered(last));
    }
}
