//! A fleet of simulated devices that connects to any endpoint with just-in-time registration.
//!
//! [`FleetConfig`] is what was asked for. [`Fleet::build`] checks it, [`Fleet::issue`] makes a key and a certificate for
//! each device, and [`connect`] lets the devices in: each connects, and after a failure connects again with the same
//! certificate after a random time that grows exponentially, until the endpoint accepts it or the fleet gives up.
//! [`run`] does all of it. The result is a [`FleetReport`].
//!
//! It is a client: it shares no code with the server but the names of things, certificates and MQTT.
//!
//! # File descriptors
//! A connection takes one. Devices that leave after they were accepted take at most [`FleetLimits::concurrency_max`]
//! at once, devices that stay take one each: see [`Fleet::sockets_max`]. Where the system gives no more of them, the
//! connection fails like any other and is tried again.

mod backoff;
mod conversation;
mod device;
mod dial;
mod endpoint;
mod failure;
mod fleet;
mod lifetime;
mod progress;
mod report;
mod scenario;
mod subject;
mod tls;
#[cfg(test)]
mod toy_server;

pub use backoff::{BACKOFF_FIRST_DEFAULT, BACKOFF_MAX_DEFAULT, Backoff};
pub use device::{Acceptance, ConnectionEnd, Device, DeviceOutcome, DeviceReport, GaveUp, MessageOutcome};
pub use endpoint::{ALPN_PORT, Endpoint, InvalidEndpoint, PORT_DEFAULT};
pub use failure::{AttemptFailure, Stage};
pub use fleet::{
    Afterwards, CONCURRENCY_DEFAULT, CONNACK_TIMEOUT_DEFAULT, DEVICES_MAX, DeviceKeyError, DeviceTypes,
    Fleet, FleetConfig, FleetError, FleetLimits, GIVE_UP_AFTER_DEFAULT, HANDSHAKE_TIMEOUT_DEFAULT,
    IssuanceError, IssuedFleet, PUBACK_TIMEOUT_DEFAULT, Profile, Publish,
};
pub use lifetime::{FAILURES_KEPT_MAX, PUBLISH_ATTEMPTS_MAX};
pub use progress::{NoProgress, Progress};
pub use report::{
    DeviceJson, FailureExample, FailureExampleJson, FailureGroup, FailureGroupJson, FleetReport,
    FleetReportJson, Latencies, LatencyJson, ReportDetail,
};
pub use scenario::{connect, run};
pub use subject::NamingError;
pub use tls::{TlsVersions, TrustError};
