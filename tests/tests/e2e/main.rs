//! The whole of Landfall from outside: the real binary with real clients. Each test is a promise, and its name says it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests too, which clippy.toml cannot see"
)]

mod accepted;
mod bad_input;
mod control_plane;
mod demo;
mod devices;
mod explain;
mod functions;
mod greengrass;
mod interceptors;
mod limits;
mod log_sinks;
mod policy;
mod refused;
mod restart;
mod revocation;
mod rule_actions;
mod rules;
mod sdks;
mod serve;
mod settings;
mod texts;
mod walkthrough;
