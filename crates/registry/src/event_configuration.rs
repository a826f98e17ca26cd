use async_trait::async_trait;
use landfall_model::{EventConfigurations, EventType, UnixTime};

use crate::{Change, StorageError, Transaction};

/// Reads of the event configurations.
#[async_trait]
pub trait ReadEventConfigurations {
    /// Which events are told.
    ///
    /// # Errors
    /// The storage failed.
    async fn event_configurations(&self) -> Result<EventConfigurations, StorageError>;
}

impl Transaction {
    /// Switches event types on or off; the others stay as they are. It counts for the events behind it, in this transaction
    /// and in later ones.
    pub fn configure_events(&mut self, changes: Vec<(EventType, bool)>, at: UnixTime) {
        self.push(Change::ConfigureEvents { changes, at });
    }
}
