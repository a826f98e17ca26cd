use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{DeviceType, InvalidTopicName, TopicName, UnixTime, Validity};
use landfall_mqtt::ProtocolVersion;
use landfall_pki::{
    CertificateVersion, DeviceRequest, IssueError, Issuer, KeyError, KeyKind, KeyPair, validity_of_days,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::subject::{Kind, Names, NamingError};
use crate::tls::FleetTls;
use crate::{Backoff, Device, Endpoint, Progress, TlsVersions, TrustError};

/// The most devices of one fleet. Each takes some 10 KB while it runs.
pub const DEVICES_MAX: usize = 100_000;

/// How many devices connect at once, unless told otherwise.
pub const CONCURRENCY_DEFAULT: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// How long the TCP connection and the TLS handshake may take together, unless told otherwise.
pub const HANDSHAKE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How long the answer to CONNECT may take, unless told otherwise: a server may hold a device's first CONNECT while it
/// is being registered, Landfall up to ten seconds.
pub const CONNACK_TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);

/// How long the acknowledgement of a message may take, unless told otherwise.
pub const PUBACK_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How long a fleet tries, unless told otherwise.
pub const GIVE_UP_AFTER_DEFAULT: Duration = Duration::from_secs(300);

/// How long a device's certificate is valid, in days.
const VALIDITY_DAYS: u32 = 365;

/// How far the endpoint's clock may be behind ours, in seconds.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// What fleet is asked for.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Where devices connect.
    pub endpoint: Endpoint,
    /// The CA certificates that may have signed the endpoint's certificate, in PEM.
    pub server_trust_pem: Vec<u8>,
    /// The CA that signs the devices' certificates, registered at the endpoint.
    pub issuer: Arc<Issuer>,
    /// How many devices there are, 1 to [`DEVICES_MAX`].
    pub devices: usize,
    /// What the devices' subjects look like.
    pub profile: Profile,
    /// The version of the devices' certificates: 1, which is what `openssl x509 -req` makes without extensions and so
    /// what most devices have, or 3.
    pub certificate_version: CertificateVersion,
    /// The devices' keys.
    pub key_kind: KeyKind,
    /// The versions of TLS that devices offer.
    pub tls_versions: TlsVersions,
    /// The version of MQTT that devices speak.
    pub mqtt_version: ProtocolVersion,
    /// What a device does once it was accepted and its message is acknowledged.
    pub afterwards: Afterwards,
    /// Makes the devices' names and waits the same each time, in one version of this program. The keys are always new: to an endpoint that knows the
    /// names already, these are other devices that claim the same things.
    pub seed: Option<u64>,
    /// The limits.
    pub limits: FleetLimits,
}

/// What the devices' subjects look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As the Universal JITR block wants them: a serial number that is a UUID, CN `thing-<serial number>`, O, OU, a
    /// product, a title, a random place, an e-mail address. The client id is the CN, which is also the thing's name.
    Universal {
        /// The titles.
        device_types: DeviceTypes,
        /// What a device publishes.
        publish: Publish,
    },
    /// A UUID as CN, and nothing else. The client id is that UUID. Nothing is published, since nothing is known of
    /// the policy that such a device gets.
    Plain,
}

/// The kinds of device in a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceTypes {
    /// All are ordinary devices.
    Iot,
    /// All are Greengrass cores.
    Greengrass,
    /// So many Greengrass cores, spread evenly over the fleet; the others are ordinary devices.
    Mixed {
        /// How many Greengrass cores.
        greengrass: usize,
    },
}

/// What a device publishes once it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    /// Nothing.
    Nothing,
    /// One message with quality of service 1, on `device/<thing name>`, or `greengrass/<CN>` for a Greengrass core: what
    /// the block's default policies allow.
    OneMessage,
}

/// What a device does once it was accepted and its message is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It disconnects.
    Disconnect,
    /// It stays connected until the fleet is told to stop, or the server ends the connection.
    Stay,
}

/// The limits of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetLimits {
    /// How many devices connect at once. Others wait; one that tries again waits behind at most one that is new.
    pub concurrency_max: NonZeroUsize,
    /// How long the TCP connection and the TLS handshake may take together; then the attempt has failed.
    pub handshake_timeout: Duration,
    /// How long the answer to CONNECT may take; then the attempt has failed.
    pub connack_timeout: Duration,
    /// How long the acknowledgement of a message may take; then the attempt has failed.
    pub puback_timeout: Duration,
    /// How long a device waits after a failed attempt.
    pub backoff: Backoff,
    /// How long the fleet tries; devices that were not accepted until then never are.
    pub give_up_after: Duration,
    /// How often one device tries; none is as often as the time allows.
    pub attempts_max: Option<NonZeroU32>,
}

/// A fleet that can be made.
pub struct Fleet {
    config: FleetConfig,
    tls: FleetTls,
    validity: Validity,
    epoch: Epoch,
}

/// A fleet whose devices have their certificates.
pub struct IssuedFleet {
    devices: Vec<Arc<Device>>,
    endpoint: Endpoint,
    mqtt_version: ProtocolVersion,
    afterwards: Afterwards,
    limits: FleetLimits,
    epoch: Epoch,
}

/// Why there can be no such fleet.
#[derive(Debug, Error)]
pub enum FleetError {
    /// There are no devices, or too many.
    #[error("a fleet of {devices} devices is not possible; it must have 1 to {DEVICES_MAX}")]
    Devices {
        /// How many were asked for.
        devices: usize,
    },
    /// More Greengrass cores than devices.
    #[error("{greengrass} Greengrass cores were asked for in a fleet of {devices} devices")]
    Greengrass {
        /// How many cores were asked for.
        greengrass: usize,
        /// How many devices there are.
        devices: usize,
    },
    /// The endpoint cannot be trusted.
    #[error("the CA certificates of the endpoint cannot be used")]
    Trust(#[from] TrustError),
    /// The CA certificate is not valid now, so no device would be accepted.
    #[error(
        "the CA certificate of the devices is valid from {} to {} (seconds since 1970) and it is {}",
        validity.not_before.as_secs(), validity.not_after.as_secs(), now.as_secs()
    )]
    IssuerNotValid {
        /// When it is.
        validity: Validity,
        /// The moment.
        now: UnixTime,
    },
}

/// Why the certificates of a fleet were not made.
#[derive(Debug, Error)]
pub enum IssuanceError {
    /// It was told to stop.
    #[error("the fleet was told to stop before its certificates were made")]
    Stopped,
    /// A device has no names.
    #[error("the names of a device cannot be made")]
    Naming(#[from] NamingError),
    /// A device has no topic.
    #[error("the topic of a device cannot be made")]
    Topic(#[from] InvalidTopicName),
    /// A certificate cannot be signed.
    #[error("the certificate of a device cannot be signed")]
    Issue(#[from] IssueError),
    /// A device's key cannot be made or used.
    #[error("the key of a device cannot be used")]
    Key(#[from] DeviceKeyError),
    /// The simulator failed.
    #[error("the simulator failed while it made a certificate")]
    Crashed,
}

/// Why a device's key cannot be used.
#[derive(Debug, Error)]
pub enum DeviceKeyError {
    /// It cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// TLS does not take it.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// A moment on both clocks: tells the time of day without reading it again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    time: UnixTime,
    instant: Instant,
}

impl FleetConfig {
    /// A fleet of ordinary devices with version 1 certificates and P-256 keys, that speak MQTT 3.1.1, publish one
    /// message and leave.
    pub fn new(endpoint: Endpoint, server_trust_pem: Vec<u8>, issuer: Arc<Issuer>, devices: usize) -> Self {
        Self {
            endpoint,
            server_trust_pem,
            issuer,
            devices,
            profile: Profile::Universal { device_types: DeviceTypes::Iot, publish: Publish::OneMessage },
            certificate_version: CertificateVersion::V1,
            key_kind: KeyKind::P256,
            tls_versions: TlsVersions::Both,
            mqtt_version: ProtocolVersion::V311,
            afterwards: Afterwards::Disconnect,
            seed: None,
            limits: FleetLimits::default(),
        }
    }
}

impl Default for FleetLimits {
    fn default() -> Self {
        Self {
            concurrency_max: CONCURRENCY_DEFAULT,
            handshake_timeout: HANDSHAKE_TIMEOUT_DEFAULT,
            connack_timeout: CONNACK_TIMEOUT_DEFAULT,
            puback_timeout: PUBACK_TIMEOUT_DEFAULT,
            backoff: Backoff::default(),
            give_up_after: GIVE_UP_AFTER_DEFAULT,
            attempts_max: None,
        }
    }
}

impl DeviceTypes {
    /// The kind of the device with that place, counted from 0, in a fleet of `devices`.
    pub(crate) fn of(self, index: usize, devices: usize) -> DeviceType {
        match self {
            Self::Iot => DeviceType::Iot,
            Self::Greengrass => DeviceType::Greengrass,
            Self::Mixed { greengrass } => {
                // So many cores are among the first `count` devices.
                let cores = |count: usize| count * greengrass / devices.max(1);
                if cores(index + 1) > cores(index) { DeviceType::Greengrass } else { DeviceType::Iot }
            }
        }
    }
}

impl Fleet {
    /// Checks what was asked for. The devices' certificates will be valid for a year from `now`.
    ///
    /// # Errors
    /// There are no or too many devices, the trusted CA certificates cannot be read, or the devices' CA certificate is
    /// not valid now.
    pub fn build(config: FleetConfig, now: UnixTime) -> Result<Self, FleetError> {
        let devices = config.devices;
        if !(1..=DEVICES_MAX).contains(&devices) {
            return Err(FleetError::Devices { devices });
        }
        if let Profile::Universal { device_types: DeviceTypes::Mixed { greengrass }, .. } = config.profile
            && greengrass > devices
        {
            return Err(FleetError::Greengrass { greengrass, devices });
        }
        let issuer_validity = config.issuer.certificate().validity();
        if !issuer_validity.contains(now) {
            return Err(FleetError::IssuerNotValid { validity: issuer_validity, now });
        }
        let tls = FleetTls::new(&config.server_trust_pem, config.tls_versions, config.endpoint.port())?;
        let skewed = UnixTime::from_secs(now.as_secs().saturating_sub(CLOCK_SKEW_SECONDS));
        let validity = Validity {
            not_before: skewed.max(issuer_validity.not_before),
            not_after: validity_of_days(now, VALIDITY_DAYS).not_after,
        };
        let epoch = Epoch { time: now, instant: Instant::now() };
        Ok(Self { config, tls, validity, epoch })
    }

    /// The most sockets, and so file descriptors, that the fleet has open at once.
    pub fn sockets_max(&self) -> usize {
        let FleetConfig { devices, limits, afterwards, .. } = &self.config;
        match afterwards {
            Afterwards::Disconnect => limits.concurrency_max.get().min(*devices),
            Afterwards::Stay => *devices,
        }
    }

    /// Makes the keys and the certificates, on as many threads as there are processors.
    ///
    /// # Errors
    /// It was told to stop, or a certificate cannot be made.
    pub async fn issue(
        self,
        progress: &dyn Progress,
        shutdown: &CancellationToken,
    ) -> Result<IssuedFleet, IssuanceError> {
        let Self { config, tls, validity, epoch } = self;
        let mut random = config.seed.map_or_else(rand::make_rng, StdRng::seed_from_u64);
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let workshop = Arc::new(Workshop {
            issuer: Arc::clone(&config.issuer),
            tls,
            validity,
            version: config.certificate_version,
            key_kind: config.key_kind,
            profile: config.profile,
        });
        let mut tasks = JoinSet::new();
        let mut devices = Vec::with_capacity(config.devices);
        let mut next = 0;
        while devices.len() < config.devices {
            while next < config.devices && tasks.len() < threads {
                let names = Names::random(&config.profile, next, config.devices, &mut random)?;
                let workshop = Arc::clone(&workshop);
                let index = next;
                tasks.spawn_blocking(move || workshop.make(names).map(|device| (index, device)));
                next += 1;
            }
            let made = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Err(IssuanceError::Stopped),
                made = tasks.join_next() => made,
            };
            let Some(Ok(made)) = made else { return Err(IssuanceError::Crashed) };
            devices.push(made?);
            progress.certificate_made(devices.len());
        }
        // They are ready in any order; a fleet with a seed is always in the same.
        devices.sort_unstable_by_key(|(index, _)| *index);
        let FleetConfig { endpoint, mqtt_version, afterwards, limits, .. } = config;
        let devices = devices.into_iter().map(|(_, device)| Arc::new(device)).collect();
        Ok(IssuedFleet { devices, endpoint, mqtt_version, afterwards, limits, epoch })
    }
}

impl IssuedFleet {
    /// The devices, in the order in which they start.
    pub fn devices(&self) -> &[Arc<Device>] {
        &self.devices
    }

    /// Where they connect.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The limits.
    pub fn limits(&self) -> &FleetLimits {
        &self.limits
    }

    pub(crate) fn mqtt_version(&self) -> ProtocolVersion {
        self.mqtt_version
    }

    pub(crate) fn afterwards(&self) -> Afterwards {
        self.afterwards
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// What it takes to make a device.
struct Workshop {
    issuer: Arc<Issuer>,
    tls: FleetTls,
    validity: Validity,
    version: CertificateVersion,
    key_kind: KeyKind,
    profile: Profile,
}

impl Workshop {
    fn make(&self, names: Names) -> Result<Device, IssuanceError> {
        let key = KeyPair::generate(self.key_kind).map_err(DeviceKeyError::Key)?;
        let certificate = self.issuer.sign_device(&DeviceRequest {
            subject: &names.subject,
            public_key: key.public_key(),
            validity: self.validity,
            version: self.version,
        })?;
        let tls = self.tls.device_config(&certificate, self.issuer.certificate(), &key)?;
        let topic = self.topic(&names.kind)?;
        Ok(Device::new(names, certificate, topic, tls))
    }

    fn topic(&self, kind: &Kind) -> Result<Option<TopicName>, InvalidTopicName> {
        match (&self.profile, kind) {
            (
                Profile::Universal { publish: Publish::OneMessage, .. },
                Kind::Universal { thing_name, device_type },
            ) => {
                let first_level = match device_type {
                    DeviceType::Iot => "device",
                    DeviceType::Greengrass => "greengrass",
                };
                TopicName::parse(&format!("{first_level}/{thing_name}")).map(Some)
            }
            (Profile::Universal { .. } | Profile::Plain, Kind::Universal { .. } | Kind::Plain) => Ok(None),
        }
    }
}

impl Epoch {
    /// The time of day at an instant that is not before this moment.
    pub(crate) fn time_at(&self, instant: Instant) -> UnixTime {
        let passed = instant.saturating_duration_since(self.instant).as_millis();
        UnixTime::from_millis(self.time.as_millis().saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)))
    }
}

/// The instant so long after another. What is too far away for the clock never comes, and is thirty years away.
pub(crate) fn instant_after(start: Instant, after: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    start.checked_add(after.min(NEVER)).unwrap_or(start)
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fleet({} devices)", self.config.devices)
    }
}

impl fmt::Debug for IssuedFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedFleet({} devices)", self.devices.len())
    }
}

#[cfg(test)]
mod tests;
