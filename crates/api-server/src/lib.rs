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
mod dispatch;
mod endpoint;
mod event_configuration;
pub mod explanation;
mod failure;
mod handler;
pub mod landfall;
mod logging;
mod named;
mod policy;
mod principal_policy;
mod random;
mod registered_cas;
mod registration_code;
mod server;
mod shell;
mod tag;
#[cfg(test)]
mod tests;
mod thing;
mod thing_group;
mod thing_type;

pub use config::{
    AccessKey, Authentication, Config, Limits, PageTokenKey, THING_TYPE_DELETION_DELAY_DEFAULT,
};
pub use coverage::{CoveredOperation, coverage};
pub use data::{MessagePublisher, PAYLOAD_BYTES_MAX};
pub use landfall::{HandshakeRejection, RejectionSource};
pub use server::{ApiServer, BuildError};
