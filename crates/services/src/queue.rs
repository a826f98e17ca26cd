use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use landfall_model::QueueArn;

use crate::ServiceFailure;

/// The URL of a queue, as SQS gives it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueUrl(String);

/// Queues, as SQS has them.
#[async_trait]
pub trait MessageQueues: Send + Sync {
    /// The URL of the queue that an ARN names.
    ///
    /// # Errors
    /// There is no such queue, or the service did not answer.
    async fn queue_url(&self, queue: &QueueArn) -> Result<QueueUrl, ServiceFailure>;

    /// Sends a message. Cancel safety: the message may have been sent.
    ///
    /// # Errors
    /// The service did not take it.
    async fn send(&self, queue: &QueueUrl, body: String) -> Result<(), ServiceFailure>;

    /// Takes messages, which nobody else gets until their visibility ends. Cancel safe: what was taken comes back then.
    ///
    /// # Errors
    /// The service did not answer.
    async fn receive(
        &self,
        queue: &QueueUrl,
        options: ReceiveOptions,
    ) -> Result<Vec<QueueMessage>, ServiceFailure>;

    /// Removes messages that were taken.
    ///
    /// # Errors
    /// The service did not remove all of them.
    async fn delete(&self, queue: &QueueUrl, receipt_handles: &[String]) -> Result<(), ServiceFailure>;

    /// Makes messages that were taken visible again after this time.
    ///
    /// # Errors
    /// The service did not do so for all of them.
    async fn return_after(
        &self,
        queue: &QueueUrl,
        receipt_handles: &[String],
        after: Duration,
    ) -> Result<(), ServiceFailure>;
}

/// How messages are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// The most messages, 1 to 10.
    pub messages_max: u8,
    /// How long to wait for the first of them, whole seconds up to 20.
    pub wait: Duration,
    /// How long nobody else gets them; the queue's own time if none.
    pub visibility: Option<Duration>,
}

/// A message that was taken from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// Its id.
    pub id: String,
    /// What removes it.
    pub receipt_handle: String,
    /// What it says.
    pub body: String,
    /// The MD5 of the body, in hex, as the service tells it.
    pub body_md5: String,
    /// Attributes of the service's own, as `ApproximateReceiveCount` and `SentTimestamp`.
    pub attributes: Vec<(String, String)>,
    /// Attributes of the sender's.
    pub message_attributes: Vec<(String, QueueAttribute)>,
}

/// An attribute that the sender of a message gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueAttribute {
    /// Text or a number, with its data type.
    Text {
        /// `String`, `Number`, or one of these with a suffix.
        data_type: String,
        /// The value.
        value: String,
    },
    /// Bytes.
    Binary {
        /// `Binary`, with or without a suffix.
        data_type: String,
        /// The value.
        value: Vec<u8>,
    },
}

impl QueueUrl {
    /// The URL of this text, which the service checks.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
