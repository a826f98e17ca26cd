//! The HTTP API: the operations that the AWS CLI and SDKs call, and the few under `/landfall/v1` that AWS has no
//! operation for.
//!
//! [`ApiServer::build`] binds, [`ApiServer::spawn`] serves. The way of a request: `connection.rs` bounds what a client
//! may cost, `shell.rs` turns HTTP into plain data and back, `dispatch.rs` verifies the signature and finds the
//! handler, and the file of a noun answers. Whatever fails on that way becomes an answer in `failure.rs` alone.

mod attempts;
mod attribute;
mod authorization;
mod billing_group;
mod ca_certificate;
mod caller_identity;
mod certificate;
mod config;
mod connection;
mod coverage;
mod data;
pub mod delivery;
mod dispatch;
mod endpoint;
mod event_configuration;
mod event_source_mapping;
pub mod explanation;
mod failure;
mod function;
mod function_concurrency;
mod function_host;
pub mod function_log;
mod function_policy;
mod function_settings;
mod given;
mod greengrass;
mod greengrass_definition;
mod handler;
mod invocation;
pub mod landfall;
mod layer;
mod logging;
mod metrics;
mod named;
mod policy;
mod principal_policy;
mod random;
mod registered_cas;
mod registration_code;
pub mod registration_job;
mod request_class;
mod server;
mod settings;
mod shell;
mod tag;
#[cfg(test)]
mod tests;
mod thing;
mod thing_group;
mod thing_type;
mod topic_rule;
mod topic_rule_destination;

pub use config::{
    AccessKey, Authentication, Config, Limits, PageTokenKey, THING_TYPE_DELETION_DELAY_DEFAULT,
};
pub use coverage::{CoveredOperation, coverage};
pub use data::PAYLOAD_BYTES_MAX;
pub use function_host::{
    CodeRefusal, FunctionHost, FunctionsOff, InvocationAnswer, InvokeRefusal, LOG_PAGE_BYTES_MAX, LogFailure,
    LogPage, LogWanted, NoFunctions, RuntimeMissing, StoredCode,
};
pub use landfall::{HandshakeRejection, RejectionSource};
pub use metrics::MetricsSource;
pub use registration_job::{NotRetried, RegistrationRetrier, Retried};
pub use server::{ApiServer, BuildError, Ports};
pub use settings::SettingsReloader;
pub use topic_rule_destination::{CONFIRMATION_VALIDITY_MS, DestinationConfirmer, confirmation_path};
