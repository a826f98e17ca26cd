use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use landfall_services::{QueueMessage, QueueUrl};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::records::{EVENT_FRAME_BYTES, event, failed_items, record};
use super::{PROCESSED, RECEIVE_MAX, Source};
use crate::invocation::{InvocationOutcome, InvokeError, InvokeOptions};

/// Messages that were taken together.
pub(super) struct Batch {
    pub(super) source: Source,
    pub(super) url: QueueUrl,
    pub(super) messages: Vec<QueueMessage>,
}

/// What became of messages.
enum Processed {
    /// The function took all but these.
    But(BTreeSet<String>),
    /// The function took none.
    None(String),
}

impl Batch {
    /// Gives the messages to the function, and removes those that it took. The others come back when their time out of
    /// sight ends, and go where the queue sends them that come back too often. Tells what became of them.
    pub(super) async fn process(self) -> String {
        let mapping = &self.source.mapping;
        let bytes_max = self.source.runner.limits().event_bytes_max;
        let records: Vec<_> = self.messages.iter().map(|message| record(message, &mapping.queue)).collect();
        let mut rest = self.messages.as_slice();
        let mut result = PROCESSED.to_owned();
        for part in parts(&records, bytes_max) {
            let (messages, others) = rest.split_at(part.len().min(rest.len()));
            rest = others;
            let problem = match self.invoke(part, messages).await {
                Processed::But(failed) => {
                    self.delete(messages, &failed).await;
                    match failed.len() {
                        0 => continue,
                        count => format!("the function failed on {count} of {} messages", messages.len()),
                    }
                }
                Processed::None(problem) => problem,
            };
            result = format!("PROBLEM: {problem}");
            if mapping.queue.is_fifo() {
                // What follows in the order must not overtake.
                break;
            }
        }
        result
    }

    /// Invokes the function, again after a while when it cannot be invoked now.
    async fn invoke(&self, records: &[String], messages: &[QueueMessage]) -> Processed {
        let Source { runner, mapping, .. } = &self.source;
        let event = Bytes::from(event(records));
        for attempt in 0.. {
            let function = match runner.function(&mapping.function).await {
                Ok(Some(function)) => function,
                Ok(None) => return Processed::None(format!("function {} does not exist", mapping.function)),
                Err(error) => return Processed::None(format!("Internal error: {error}")),
            };
            match runner.invoke(&function, event.clone(), InvokeOptions::default()).await {
                Ok(invocation) => return self.outcome(invocation.outcome, messages),
                Err(error @ (InvokeError::Throttled { .. } | InvokeError::Process { .. }))
                    if attempt < ATTEMPTS_MAX =>
                {
                    debug!(mapping.id = %mapping.id, %error, "batch put off");
                    sleep(ATTEMPT_PAUSE).await;
                }
                Err(error) => return Processed::None(error.to_string()),
            }
        }
        Processed::None("Function call failed".to_owned())
    }

    fn outcome(&self, outcome: InvocationOutcome, messages: &[QueueMessage]) -> Processed {
        let answer = match outcome {
            InvocationOutcome::Returned(answer) => answer,
            InvocationOutcome::Failed(failure) => {
                return Processed::None(format!("Function call failed: {}", failure.error_type));
            }
        };
        if !self.source.mapping.reports_item_failures {
            return Processed::But(BTreeSet::new());
        }
        let ids: BTreeSet<_> = messages.iter().map(|message| message.id.as_str()).collect();
        match failed_items(&answer, &ids) {
            Some(failed) => Processed::But(failed),
            None => {
                Processed::None("the function did not answer in the form of batchItemFailures".to_owned())
            }
        }
    }

    async fn delete(&self, messages: &[QueueMessage], failed: &BTreeSet<String>) {
        let taken = messages.iter().filter(|message| !failed.contains(&message.id));
        let handles: Vec<_> = taken.map(|message| message.receipt_handle.clone()).collect();
        for handles in handles.chunks(RECEIVE_MAX.into()) {
            if let Err(error) = self.source.queues.delete(&self.url, handles).await {
                // They come back, and the function gets them again: at least once, as with SQS itself.
                warn!(queue.arn = %self.source.mapping.queue, %error, "messages cannot be removed from their queue");
            }
        }
    }
}

/// Records in parts that fit into events, in their order. One that does not fit is a part of its own, which is refused.
fn parts(records: &[String], bytes_max: usize) -> impl Iterator<Item = &[String]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let mut bytes = EVENT_FRAME_BYTES;
        let fits = rest.iter().take_while(|record| {
            bytes += record.len() + ",".len();
            bytes <= bytes_max
        });
        let (part, others) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = others;
        (!part.is_empty()).then_some(part)
    })
}

/// How often a batch is tried again while its function is throttled.
const ATTEMPTS_MAX: u32 = 5;

/// How long a batch is put off then.
const ATTEMPT_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_parted_by_what_fits_into_an_event() {
        let record = |length| "r".repeat(length);
        for (lengths, expected) in [
            ([].as_slice(), [].as_slice()),
            (&[10], &[1]),
            (&[10, 10, 10], &[3]),
            (&[10, 40, 40, 10], &[2, 2]),
            (&[200, 10], &[1, 1]),
            (&[10, 200, 10], &[1, 1, 1]),
        ] {
            let records: Vec<_> = lengths.iter().map(|length| record(*length)).collect();
            let found: Vec<_> = parts(&records, 80).map(<[String]>::len).collect();
            assert_eq!(found, expected, "{lengths:?}");
            for part in parts(&records, 80).filter(|part| part.len() > 1) {
                assert!(event(part).len() <= 80);
            }
        }
    }
}
