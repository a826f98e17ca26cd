use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{LogSinkName, UnixTime};
use landfall_services::ServiceFailure;

use crate::entry::Entry;

/// Takes entries of the registration log.
#[async_trait]
pub(crate) trait Sink: Send + Sync {
    /// Delivers entries, all or none as far as it can tell. Cancel safety: they may have been delivered.
    ///
    /// # Errors
    /// Passing: they may be taken later. Lasting: they will not be, unless somebody changes something.
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), ServiceFailure>;

    /// Makes durable what was delivered. After a failure, all that was delivered since the last success comes again.
    ///
    /// # Errors
    /// It may be lost.
    async fn settle(&self) -> Result<(), ServiceFailure> {
        Ok(())
    }

    /// Why this entry will never be taken, where that is known without asking.
    fn objection(&self, entry: &Entry, now: UnixTime) -> Option<&'static str> {
        let _ = (entry, now);
        None
    }
}

/// A sink with its name and what it takes at once.
#[derive(Clone)]
pub(crate) struct Target {
    /// Its name, in the registry, in metrics and in logs.
    pub(crate) name: LogSinkName,
    pub(crate) sink: Arc<dyn Sink>,
    /// How many entries a request has.
    pub(crate) entries_per_request_max: usize,
    /// How many requests run at once; 1 keeps the order.
    pub(crate) requests_running_max: usize,
}
