use async_trait::async_trait;
use landfall_model::{LogSinkName, RegistrationRecord};

use crate::{Change, Cursor, StorageError, Transaction};

/// Reads of what log sinks deliver: the registration log is their queue, in which each has its position.
#[async_trait]
pub trait LogSinks {
    /// The position of a sink, if it has one.
    ///
    /// # Errors
    /// The storage failed.
    async fn log_sink_position(&self, sink: LogSinkName) -> Result<Option<Cursor>, StorageError>;

    /// The position of the last entry of the registration log, unless that is empty.
    ///
    /// # Errors
    /// The storage failed.
    async fn last_record_position(&self) -> Result<Option<Cursor>, StorageError>;

    /// The first `limit` entries of the registration log behind `after`, each with its position, in the order in which they
    /// were added. An entry that counts up stays at its position.
    ///
    /// # Errors
    /// The storage failed.
    async fn records_behind(
        &self,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<(Cursor, RegistrationRecord)>, StorageError>;
}

impl Transaction {
    /// Sets the position of a log sink: that of the last entry that it is done with.
    pub fn set_log_sink_position(&mut self, sink: LogSinkName, position: Cursor) {
        self.push(Change::LogSinkPosition { sink, position });
    }
}
