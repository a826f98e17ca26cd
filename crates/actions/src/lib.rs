//! The engine of topic rules: what is published is matched, and the actions of the rules are carried out.
//!
//! A message is read in the order in which it travels: `rules` knows which rules it matches, `matching` makes a delivery of
//! each of their actions, `deliveries` decides what becomes of each, `worker` has them performed, and `store` keeps what must
//! not be lost. `perform` knows every rule action; each has a file of its own.

mod backoff;
mod cloudwatch_metric;
mod config;
mod context;
mod deliveries;
mod destination;
mod dynamodb;
mod engine;
mod exec;
mod http;
mod lambda;
mod ledger;
mod matching;
mod metrics;
mod perform;
mod queue;
mod republish;
mod row;
mod rules;
mod sqs;
mod store;
#[cfg(test)]
mod tests;
mod warnings;
mod worker;

pub use config::{Config, Limits};
pub use destination::ConfirmationMessage;
pub use engine::Engine;
pub use exec::{ExecConfig, Programs};
pub use http::{HttpConfig, HttpSender};
pub use lambda::FunctionsOff;
pub use perform::Services;
