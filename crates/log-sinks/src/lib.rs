//! Log sinks: where entries of the registration log go besides the registry, one file for each kind.
//!
//! The registration log is itself the queue, durable and in order: each sink has a position in it, and delivers what is
//! behind. So a sink that is down holds up no registration and loses nothing, a server that ends in the middle delivers some
//! entries again, and nothing waits anywhere but in the registry.

mod backoff;
mod cloudwatch;
mod config;
mod dynamodb;
mod entry;
mod file;
mod log_sinks;
mod metrics;
mod sink;
mod sqs;
mod waiting;
mod webhook;
mod worker;

#[cfg(test)]
mod tests;

pub use config::{Config, FileConfig, InvalidConfig, Limits, Prepared, WebhookConfig};
pub use log_sinks::{LogSinks, Services};
