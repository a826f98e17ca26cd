use std::sync::Arc;

use async_trait::async_trait;
use landfall_services::{ServiceFailure, Tables};

use crate::entry::Entry;
use crate::sink::Sink;

/// Puts an item for each entry. One that comes again replaces itself.
pub(crate) struct TableSink {
    pub(crate) tables: Arc<dyn Tables>,
    /// Its name or ARN. It has the hash key `certificateId` (text) and the range key `timestamp` (number).
    pub(crate) table: String,
}

#[async_trait]
impl Sink for TableSink {
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), ServiceFailure> {
        for entry in entries {
            self.tables.put_item(&self.table, entry.to_item()).await?;
        }
        Ok(())
    }
}
