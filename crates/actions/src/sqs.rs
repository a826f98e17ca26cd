//! Rule action `sqs`: sends a message to a queue.

use landfall_services::{MessageQueues, QueueUrl, ServiceFailure};

/// Sends a message.
///
/// # Errors
/// The service did not take it.
pub(crate) async fn send(
    queues: &dyn MessageQueues,
    queue_url: String,
    body: String,
) -> Result<(), ServiceFailure> {
    queues.send(&QueueUrl::new(queue_url), body).await
}
