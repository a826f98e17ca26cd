use async_trait::async_trait;
use landfall_model::{LogLevel, LogTarget, LogTargetKind, LoggingOptions, V2LoggingOptions};

use super::MemoryRegistry;
use super::state::State;
use crate::{Conflict, Logging, LoggingChange, Page, PageRequest, StorageError};

#[async_trait]
impl Logging for MemoryRegistry {
    async fn logging_options(&self) -> Result<Option<LoggingOptions>, StorageError> {
        Ok(self.state().logging_options.clone())
    }

    async fn v2_logging_options(&self) -> Result<Option<V2LoggingOptions>, StorageError> {
        Ok(self.state().v2_logging_options.clone())
    }

    async fn v2_logging_levels(
        &self,
        kind: Option<LogTargetKind>,
        page: PageRequest,
    ) -> Result<Page<(LogTarget, LogLevel)>, StorageError> {
        let of_kind = |(target, _): &(LogTarget, LogLevel)| kind.is_none_or(|kind| target.kind == kind);
        Ok(self.state().v2_logging_levels.page(page, of_kind))
    }
}

impl State {
    pub(super) fn apply_logging(&mut self, change: &LoggingChange) -> Result<(), Conflict> {
        match change {
            LoggingChange::SetOptions(options) => self.logging_options = Some(options.clone()),
            LoggingChange::SetV2Options(options) => self.v2_logging_options = Some(options.clone()),
            LoggingChange::SetV2Level { target, level } => return self.set_v2_level(target, *level),
            LoggingChange::DeleteV2Level { target } => self.v2_logging_levels.remove(target),
        }
        Ok(())
    }

    fn set_v2_level(&mut self, target: &LogTarget, level: LogLevel) -> Result<(), Conflict> {
        if self.v2_logging_options.is_none() {
            return Err(Conflict::LoggingNotConfigured);
        }
        if let Some((_, known)) = self.v2_logging_levels.get_mut(target) {
            *known = level;
            return Ok(());
        }
        if self.v2_logging_levels.len() >= LogTarget::OF_SERVER_MAX {
            return Err(Conflict::LogTargets);
        }
        let row = (target.clone(), level);
        self.v2_logging_levels.insert_unless_there(&mut self.row_ids, target.clone(), row);
        Ok(())
    }
}
