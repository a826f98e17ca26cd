use async_trait::async_trait;
use landfall_model::{LogSinkName, RegistrationRecord};

use super::MemoryRegistry;
use crate::{Cursor, LogSinks, StorageError};

#[async_trait]
impl LogSinks for MemoryRegistry {
    async fn log_sink_position(&self, sink: LogSinkName) -> Result<Option<Cursor>, StorageError> {
        Ok(self.state().log_sink_positions.get(&sink).copied())
    }

    async fn last_record_position(&self) -> Result<Option<Cursor>, StorageError> {
        Ok(self.state().records.entries().next_back().map(|(id, _)| Cursor::new(id)))
    }

    async fn records_behind(
        &self,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<(Cursor, RegistrationRecord)>, StorageError> {
        let state = self.state();
        let behind = state.records.entries().filter(|(id, _)| after.is_none_or(|after| *id > after.get()));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(behind.take(limit).map(|(id, record)| (Cursor::new(id), record.clone())).collect())
    }
}
