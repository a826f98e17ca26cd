use std::sync::Arc;

use async_trait::async_trait;
use landfall_services::{MessageQueues, QueueUrl, ServiceFailure};

use crate::entry::Entry;
use crate::sink::Sink;

/// Sends a message for each entry: its JSON.
pub(crate) struct QueueSink {
    pub(crate) queues: Arc<dyn MessageQueues>,
    pub(crate) queue: QueueUrl,
}

#[async_trait]
impl Sink for QueueSink {
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), ServiceFailure> {
        for entry in entries {
            self.queues.send(&self.queue, entry.to_json().to_string()).await?;
        }
        Ok(())
    }
}
