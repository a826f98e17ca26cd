//! Ports of what rule actions, event sources and log sinks reach: functions, queues, tables, metrics, the broker.
//!
//! Crates of layer 3 do not use each other: what one needs of another is a trait here, and the server puts them
//! together. [`memory`] has an implementation of each for tests. What the webhooks of two of them share is here too:
//! [`WebhookSecret`].

mod failure;
mod function;
pub mod memory;
mod metric;
mod publishing;
mod queue;
mod table;
mod webhook;

pub use failure::{ServiceFailure, ServiceFailureKind};
pub use function::{FunctionAnswer, FunctionInvoker};
pub use metric::{MetricDatum, Metrics};
pub use publishing::{MessagePublisher, PublishObserver, PublishedMessage, Publisher, REPUBLISH_DEPTH_MAX};
pub use queue::{MessageQueues, QueueAttribute, QueueMessage, QueueUrl, ReceiveOptions};
pub use table::{ItemValue, Tables};
pub use webhook::{WebhookSecret, is_this_machine};
