//! What happened, and on which reserved topic it is told.
//!
//! An [`Event`] is stored with the change that caused it and published later, at least once. Topics and payloads are
//! those that AWS IoT publishes, so that rules and functions written for it see the same.

mod certificate;

use landfall_model::TopicName;

pub use certificate::CertificateRegistered;

/// Something that happened in the registry and that others may want to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A certificate was registered by its first connection, or a pending one connected again.
    CertificateRegistered(CertificateRegistered),
}

impl Event {
    /// The reserved topic on which the event is published.
    pub fn topic(&self) -> TopicName {
        match self {
            Self::CertificateRegistered(event) => event.topic(),
        }
    }

    /// The payload: one JSON object.
    pub fn payload(&self) -> Vec<u8> {
        match self {
            Self::CertificateRegistered(event) => event.payload(),
        }
    }
}
