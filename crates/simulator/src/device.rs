use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{CertificateId, ClientId, DeviceType, ThingName, TopicName, UnixTime};
use landfall_mqtt::ReasonCode;
use landfall_pki::ParsedCertificate;
use rustls::ClientConfig;

use crate::AttemptFailure;
use crate::subject::{Kind, Names};

/// One simulated device: its names, its certificate, and the key of it.
pub struct Device {
    names: Names,
    certificate: ParsedCertificate,
    topic: Option<TopicName>,
    tls: Arc<ClientConfig>,
}

/// When a device was accepted: CONNACK with reason 0 had arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// At which attempt, counted from 1.
    pub attempt: u32,
    /// The time from the beginning of the first attempt.
    pub after: Duration,
    /// The moment.
    pub accepted_at: UnixTime,
}

/// What became of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceReport {
    /// The client identifier that it connects with.
    pub client_id: ClientId,
    /// The thing that it is registered as; none when only the owner of the endpoint knows.
    pub thing_name: Option<ThingName>,
    /// What its subject says of its kind.
    pub device_type: Option<DeviceType>,
    /// The id of its certificate.
    pub certificate_id: CertificateId,
    /// How often it tried, with the attempt that was accepted.
    pub attempts: u32,
    /// How the first [`FAILURES_KEPT_MAX`](crate::FAILURES_KEPT_MAX) failed attempts ended, in order.
    pub failures: Vec<AttemptFailure>,
    /// How it ended.
    pub outcome: DeviceOutcome,
}

/// How a device ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceOutcome {
    /// It was accepted.
    Accepted {
        /// When.
        acceptance: Acceptance,
        /// What became of its message.
        message: MessageOutcome,
        /// How its connection ended.
        end: ConnectionEnd,
        /// When its connection ended.
        ended_at: UnixTime,
    },
    /// It was never accepted.
    NotAccepted(GaveUp),
}

/// What became of a device's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// It had none to send.
    Nothing,
    /// The server acknowledged it.
    Acknowledged,
    /// The server did not acknowledge it.
    Failed,
}

/// How the connection of an accepted device ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The device ended it.
    Left,
    /// The server ended it.
    ByServer {
        /// Why, when it said so, as MQTT 5 can.
        reason: Option<ReasonCode>,
    },
    /// It failed.
    Failed {
        /// How.
        reason: Box<str>,
    },
}

/// Why a device stopped trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// The time of the fleet was up.
    Deadline,
    /// It had tried as often as it may.
    AttemptsMax,
    /// Every other attempt would have failed as the last one.
    Permanent,
    /// The fleet was told to stop.
    Stopped,
    /// The simulator failed.
    Crashed,
}

impl Device {
    pub(crate) fn new(
        names: Names,
        certificate: ParsedCertificate,
        topic: Option<TopicName>,
        tls: Arc<ClientConfig>,
    ) -> Self {
        Self { names, certificate, topic, tls }
    }

    /// The client identifier that it connects with.
    pub fn client_id(&self) -> &ClientId {
        &self.names.client_id
    }

    /// The thing that it is registered as; none when only the owner of the endpoint knows.
    pub fn thing_name(&self) -> Option<&ThingName> {
        match &self.names.kind {
            Kind::Universal { thing_name, .. } => Some(thing_name),
            Kind::Plain => None,
        }
    }

    /// What its subject says of its kind.
    pub fn device_type(&self) -> Option<DeviceType> {
        match &self.names.kind {
            Kind::Universal { device_type, .. } => Some(*device_type),
            Kind::Plain => None,
        }
    }

    /// Its certificate.
    pub fn certificate(&self) -> &ParsedCertificate {
        &self.certificate
    }

    /// The topic of its message, if it has one to send.
    pub fn topic(&self) -> Option<&TopicName> {
        self.topic.as_ref()
    }

    pub(crate) fn tls(&self) -> &Arc<ClientConfig> {
        &self.tls
    }

    pub(crate) fn jitter_seed(&self) -> u64 {
        self.names.jitter_seed
    }

    /// The report of this device.
    pub(crate) fn report(
        &self,
        attempts: u32,
        failures: Vec<AttemptFailure>,
        outcome: DeviceOutcome,
    ) -> DeviceReport {
        DeviceReport {
            client_id: self.client_id().clone(),
            thing_name: self.thing_name().cloned(),
            device_type: self.device_type(),
            certificate_id: self.certificate.id(),
            attempts,
            failures,
            outcome,
        }
    }
}

impl DeviceReport {
    /// When it was accepted, if it was.
    pub fn acceptance(&self) -> Option<&Acceptance> {
        match &self.outcome {
            DeviceOutcome::Accepted { acceptance, .. } => Some(acceptance),
            DeviceOutcome::NotAccepted(_) => None,
        }
    }
}

impl GaveUp {
    /// A stable name, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::AttemptsMax => "attempts_max",
            Self::Permanent => "permanent",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
        }
    }
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "the time of the fleet was up",
            Self::AttemptsMax => "it had tried as often as it may",
            Self::Permanent => "every other attempt would have failed as the last one",
            Self::Stopped => "the fleet was told to stop",
            Self::Crashed => "the simulator failed",
        })
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.client_id())
    }
}
