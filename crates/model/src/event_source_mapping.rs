use std::sync::Arc;

use thiserror::Error;

use crate::uuid::uuid_type;
use crate::{FunctionName, QueueArn, Scope, UnixTime};

uuid_type! {
    /// The id of an event-source mapping.
    MappingId
}

/// The messages of a queue are given to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSourceMapping {
    /// Its id.
    pub id: MappingId,
    /// The function, which may have been deleted since.
    pub function: FunctionName,
    /// The queue.
    pub queue: QueueArn,
    /// The most messages that one invocation gets: [`EventSourceMapping::BATCH_SIZE_MIN`] to
    /// [`EventSourceMapping::BATCH_SIZE_MAX`].
    pub batch_size: u16,
    /// How long to wait for a batch to fill, in seconds: at most [`EventSourceMapping::BATCHING_WINDOW_S_MAX`].
    pub batching_window_s: u16,
    /// Whether the queue is polled.
    pub is_enabled: bool,
    /// Whether the function answers which messages it failed on: `ReportBatchItemFailures`.
    pub reports_item_failures: bool,
    /// When it was created.
    pub created_at: UnixTime,
    /// When its settings last changed.
    pub modified_at: UnixTime,
    /// What became of the last batch; none before the first.
    pub last_result: Option<Arc<str>>,
}

/// Settings that a mapping cannot have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidMapping {
    /// The size of a batch.
    #[error("batch size {found}; {min} to {max} are allowed for this queue",
        min = EventSourceMapping::BATCH_SIZE_MIN)]
    BatchSize {
        /// What was found.
        found: i64,
        /// The most allowed.
        max: u16,
    },
    /// The window.
    #[error("batching window of {found} s; 0 to {max} s are allowed",
        max = EventSourceMapping::BATCHING_WINDOW_S_MAX)]
    BatchingWindow {
        /// What was found, in seconds.
        found: i64,
    },
    /// A FIFO queue is given at once.
    #[error("batching window of {found} s; a FIFO queue can have none, so it must be 0 s")]
    BatchingWindowOfFifo {
        /// What was found, in seconds.
        found: u16,
    },
    /// So large a batch needs a window.
    #[error("batch size {batch_size} needs a batching window of at least 1 s; without one at most {max} are allowed",
        max = EventSourceMapping::BATCH_SIZE_UNWINDOWED_MAX)]
    BatchingWindowNeeded {
        /// The size of a batch.
        batch_size: u16,
    },
}

// The limits are those of <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>.
impl EventSourceMapping {
    /// The fewest messages of a batch.
    pub const BATCH_SIZE_MIN: u16 = 1;
    /// The most messages of a batch.
    pub const BATCH_SIZE_MAX: u16 = 10_000;
    /// The most messages of a batch from a FIFO queue.
    pub const BATCH_SIZE_FIFO_MAX: u16 = 10;
    /// The most messages of a batch without a batching window.
    pub const BATCH_SIZE_UNWINDOWED_MAX: u16 = 10;
    /// The messages of a batch when nobody says.
    pub const BATCH_SIZE_DEFAULT: u16 = 10;
    /// The longest batching window, in seconds.
    pub const BATCHING_WINDOW_S_MAX: u16 = 300;

    /// The most mappings that a server keeps. AWS names no limit; this one is Landfall's, as each polls on its own.
    pub const OF_SERVER_MAX: usize = 1_000;

    /// The batch size and the batching window, in seconds, of a mapping of this queue.
    ///
    /// # Errors
    /// One is not in its bounds, or the two do not go together.
    pub fn parse_batching(
        queue: &QueueArn,
        batch_size: i64,
        batching_window_s: i64,
    ) -> Result<(u16, u16), InvalidMapping> {
        let max = if queue.is_fifo() { Self::BATCH_SIZE_FIFO_MAX } else { Self::BATCH_SIZE_MAX };
        let batch_size = u16::try_from(batch_size)
            .ok()
            .filter(|size| (Self::BATCH_SIZE_MIN..=max).contains(size))
            .ok_or(InvalidMapping::BatchSize { found: batch_size, max })?;
        let window_s = u16::try_from(batching_window_s)
            .ok()
            .filter(|window_s| *window_s <= Self::BATCHING_WINDOW_S_MAX)
            .ok_or(InvalidMapping::BatchingWindow { found: batching_window_s })?;
        if queue.is_fifo() && window_s > 0 {
            return Err(InvalidMapping::BatchingWindowOfFifo { found: window_s });
        }
        if batch_size > Self::BATCH_SIZE_UNWINDOWED_MAX && window_s == 0 {
            return Err(InvalidMapping::BatchingWindowNeeded { batch_size });
        }
        Ok((batch_size, window_s))
    }
}

impl Scope {
    /// The ARN of an event-source mapping.
    pub fn event_source_mapping_arn(&self, id: &MappingId) -> String {
        format!("{}event-source-mapping:{id}", self.lambda_arn_prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Region};

    #[test]
    fn batches_have_the_bounds_of_their_queue() {
        let standard = QueueArn::parse("arn:aws:sqs:eu-west-1:123456789012:q").unwrap();
        let fifo = QueueArn::parse("arn:aws:sqs:eu-west-1:123456789012:q.fifo").unwrap();
        let too_large = |found, max| Err(InvalidMapping::BatchSize { found, max });
        for (queue, batch_size, window_s, expected) in [
            (&standard, 1, 0, Ok((1, 0))),
            (&standard, 10, 0, Ok((10, 0))),
            (&standard, 11, 0, Err(InvalidMapping::BatchingWindowNeeded { batch_size: 11 })),
            (&standard, 11, 1, Ok((11, 1))),
            (&standard, 10_000, 300, Ok((10_000, 300))),
            (&standard, 10_001, 300, too_large(10_001, 10_000)),
            (&standard, 0, 0, too_large(0, 10_000)),
            (&standard, -1, 0, too_large(-1, 10_000)),
            (&standard, 10, 301, Err(InvalidMapping::BatchingWindow { found: 301 })),
            (&standard, 10, -1, Err(InvalidMapping::BatchingWindow { found: -1 })),
            (&fifo, 10, 0, Ok((10, 0))),
            (&fifo, 11, 0, too_large(11, 10)),
            (&fifo, 10, 1, Err(InvalidMapping::BatchingWindowOfFifo { found: 1 })),
        ] {
            let parsed = EventSourceMapping::parse_batching(queue, batch_size, window_s);
            assert_eq!(parsed, expected, "{queue} {batch_size} {window_s}");
        }
    }

    #[test]
    fn a_mapping_has_an_arn() {
        let scope = Scope {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
        };
        assert_eq!(
            scope.event_source_mapping_arn(&MappingId::from_bytes([0xab; 16])),
            "arn:aws:lambda:eu-west-1:123456789012:event-source-mapping:abababab-abab-abab-abab-abababababab"
        );
    }
}
