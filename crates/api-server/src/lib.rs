//! The HTTP API: the operations that the AWS CLI and SDKs call, and the few under `/landfall/v1` that AWS has no
//! operation for.
//!
//! [`ApiServer::build`] binds, [`ApiServer::spawn`] serves. The way of a request: `connection.rs` bounds what a client
//! may cost, `shell.rs` turns HTTP into plain data and back, `dispatch.rs` verifies the signature and finds the
//! handler, and the file of a noun answers. Whatever fails on that way becomes an answer in `failure.rs` alone.

mod ca_certificate;
mod caller_identity;
mod certificate;
mod config;
mod connection;
mod dispatch;
mod endpoint;
mod failure;
mod handler;
pub mod landfall;
mod policy;
mod registration_code;
mod server;
mod shell;
#[cfg(test)]
mod tests;
mod thing;

pub use config::{AccessKey, Authentication, Config, Limits, PageTokenKey};
pub use landfall::{HandshakeRejection, RejectionSource};
pub use server::{ApiServer, BuildError};
