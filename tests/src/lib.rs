//! What the end-to-end tests stand on: the real binary, real programs beside it, and certificates made by OpenSSL.
//!
//! Everything here fails by a panic at the line of the test that called it, and says what was found. Nothing waits for a
//! time to pass: every wait is for an event, and has a deadline.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, which clippy.toml cannot see"
)]

mod api;
mod ca;
mod certificate;
mod clients;
mod fixtures;
mod fleet;
mod functions;
mod gate;
mod landfall;
mod moto;
mod mqtt;
mod paths;
mod process;
mod quick_ca;
mod renames;
mod rights;
mod web_server;

pub use crate::api::{Api, percent_encode};
pub use crate::ca::Ca;
pub use crate::certificate::{Chain, DeviceCertificate, DeviceRequest, EXTENSIONS, Version};
pub use crate::clients::{python, script};
pub use crate::fixtures::KeyKind;
pub use crate::fleet::{fleet, simulate};
pub use crate::gate::Gate;
pub use crate::landfall::Landfall;
pub use crate::moto::Moto;
pub use crate::mqtt::{Came, Connect, Device, Identity, Refused, Tls, Wire, alert, tcp};
pub use crate::paths::project;
pub use crate::process::{DEADLINE, Process, Ran, Signal, now, open_files, program, run};
pub use crate::quick_ca::QuickCa;
pub use crate::renames::Renames;
pub use crate::web_server::{WebAnswer, WebRequest, WebServer};
