use async_trait::async_trait;
use landfall_model::{LogLevel, LogTarget, LogTargetKind, LoggingOptions, V2LoggingOptions};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of the logging options.
#[async_trait]
pub trait Logging {
    /// The first form of the logging options, if they were set.
    ///
    /// # Errors
    /// The storage failed.
    async fn logging_options(&self) -> Result<Option<LoggingOptions>, StorageError>;

    /// The second form of the logging options, if they were set.
    ///
    /// # Errors
    /// The storage failed.
    async fn v2_logging_options(&self) -> Result<Option<V2LoggingOptions>, StorageError>;

    /// The targets with log levels of their own, by the time when each was set first: all, or those of one kind.
    ///
    /// # Errors
    /// The storage failed.
    async fn v2_logging_levels(
        &self,
        kind: Option<LogTargetKind>,
        page: PageRequest,
    ) -> Result<Page<(LogTarget, LogLevel)>, StorageError>;
}

/// A change of the logging options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggingChange {
    /// Sets the first form.
    SetOptions(LoggingOptions),
    /// Sets the second form.
    SetV2Options(V2LoggingOptions),
    /// Sets the log level of a target. Conflict: the second form was never set, or there are as many targets as may be.
    SetV2Level {
        /// The target.
        target: LogTarget,
        /// Its level.
        level: LogLevel,
    },
    /// Removes the log level of a target, if it has one.
    DeleteV2Level {
        /// The target.
        target: LogTarget,
    },
}

impl Transaction {
    /// Sets the first form of the logging options.
    pub fn set_logging_options(&mut self, options: LoggingOptions) {
        self.push(Change::Logging(LoggingChange::SetOptions(options)));
    }

    /// Sets the second form of the logging options.
    pub fn set_v2_logging_options(&mut self, options: V2LoggingOptions) {
        self.push(Change::Logging(LoggingChange::SetV2Options(options)));
    }

    /// Sets the log level of a target.
    pub fn set_v2_logging_level(&mut self, target: LogTarget, level: LogLevel) {
        self.push(Change::Logging(LoggingChange::SetV2Level { target, level }));
    }

    /// Removes the log level of a target.
    pub fn delete_v2_logging_level(&mut self, target: LogTarget) {
        self.push(Change::Logging(LoggingChange::DeleteV2Level { target }));
    }
}
