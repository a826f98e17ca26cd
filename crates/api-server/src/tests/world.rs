//! A server with a registry that has a few of everything.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use landfall_api::HttpRequest;
use landfall_api::signature::{AccessKeyId, SecretAccessKey};
use landfall_model::{
    AccountId, AttributeName, AttributeValue, AutoRegistration, CaCertificate, CaCertificateId, CaStatus,
    Certificate, CertificateDer, CertificateId, CertificateMode, CertificateStatus, Clock, CreationId,
    DeviceType, Outcome, Policy, PolicyName, PolicyVersionId, Region, RegistrationCode, RegistrationRecord,
    Rejection, Scope, SignedPart, Thing, ThingId, ThingName, ThingType, ThingTypeId, ThingTypeName,
    TopicRuleDestination, UnixTime, Validity,
};
use landfall_mqtt::Message;
use landfall_pki::{
    CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, ParsedCertificate, Subject, validity_of_days,
};
use landfall_registry::{MemoryRegistry, Registry, Transaction};
use landfall_services::MessagePublisher;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::{self, Answer};
use super::host::Host;
use crate::{
    AccessKey, ApiServer, Authentication, BuildError, Config, DestinationConfirmer, FunctionHost,
    HandshakeRejection, Limits, NoFunctions, PageTokenKey, Ports, THING_TYPE_DELETION_DELAY_DEFAULT,
};

/// When everything happens.
pub(super) const NOW: UnixTime = UnixTime::from_secs(1_767_323_045);
/// When what is registered at the start was registered.
pub(super) const EARLIER: UnixTime = UnixTime::from_millis(1_767_000_000_250);
pub(super) const ACCESS_KEY_ID: &str = "AKIALANDFALL00000001";
pub(super) const SECRET: &str = "a-secret-of-the-tests";
pub(super) const CODE: RegistrationCode = RegistrationCode::from_bytes([0xc0; 32]);
pub(super) const ARN: &str = "arn:aws:iot:us-east-1:123456789012:";

/// A server, and what it was started with.
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) registry: Arc<MemoryRegistry>,
    /// Registered as ACTIVE with auto-registration, and issued `device`.
    pub(super) ca: Issuer,
    /// ACTIVE, attached to thing-1 and to the policies.
    pub(super) device: ParsedCertificate,
    /// Signs the certificates that the server makes.
    pub(super) device_ca: Arc<Issuer>,
    pub(super) published: Arc<Published>,
    pub(super) confirmations: Arc<Confirmations>,
    /// The host of functions, unless the server was started with another.
    pub(super) host: Arc<Host>,
    pub(super) tracker: TaskTracker,
    pub(super) stopping: CancellationToken,
}

/// Keeps what is published, with the time until it expires.
#[derive(Default)]
pub(super) struct Published(Mutex<Vec<(Message, Option<Duration>)>>);

/// Keeps which destinations are asked to confirm.
#[derive(Default)]
pub(super) struct Confirmations(Mutex<Vec<TopicRuleDestination>>);

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixTime {
        NOW
    }
}

impl Published {
    /// What was published since the last time.
    pub(super) fn take(&self) -> Vec<(Message, Option<Duration>)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl MessagePublisher for Published {
    async fn publish(&self, message: Message, expires_after: Option<Duration>, republish_depth: u8) {
        assert_eq!(republish_depth, 0, "no rule published it");
        self.0.lock().unwrap().push((message, expires_after));
    }
}

impl Confirmations {
    /// Those that were asked since the last time.
    pub(super) fn take(&self) -> Vec<TopicRuleDestination> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl DestinationConfirmer for Confirmations {
    async fn confirm(&self, destination: TopicRuleDestination) {
        self.0.lock().unwrap().push(destination);
    }
}

impl World {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let host = Arc::new(Host::default());
        Self::start_in(Arc::clone(&host) as Arc<dyn FunctionHost>, host, change).await
    }

    /// Starts a server with another host of functions.
    pub(super) async fn start_with_host(functions: impl FunctionHost) -> Self {
        Self::start_in(Arc::new(functions), Arc::new(Host::default()), |_| {}).await
    }

    async fn start_in(
        functions: Arc<dyn FunctionHost>,
        host: Arc<Host>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let registry = Arc::new(MemoryRegistry::new());
        let ca = new_ca("CN=Root, O=Acme Inc");
        let device = device_of(&ca);
        fill(registry.as_ref(), &ca, &device).await;
        let mut config = config();
        change(&mut config);
        let device_ca = Arc::clone(&config.device_ca);
        let published = Arc::new(Published::default());
        let confirmations = Arc::new(Confirmations::default());
        let ports = Ports {
            publisher: Arc::clone(&published) as Arc<dyn MessagePublisher>,
            confirmer: Arc::clone(&confirmations) as Arc<dyn DestinationConfirmer>,
            functions,
            ..ports(Arc::clone(&registry))
        };
        let server = ApiServer::build(config, ports).await.unwrap();
        let (address, tracker, stopping) =
            (server.local_addr(), TaskTracker::new(), CancellationToken::new());
        server.spawn(&tracker, stopping.clone());
        Self { address, registry, ca, device, device_ca, published, confirmations, host, tracker, stopping }
    }

    pub(super) fn request(&self, method: &str, target: &str, body: &str) -> HttpRequest {
        client::request(self.address, method, target, body)
    }

    /// Sends a request signed for iot.
    pub(super) async fn iot(&self, method: &str, target: &str, body: &str) -> Answer {
        self.signed("iot", method, target, body).await
    }

    pub(super) async fn signed(&self, service: &str, method: &str, target: &str, body: &str) -> Answer {
        let request = client::signed(self.request(method, target, body), service, &client::credentials());
        client::send(self.address, &request).await
    }

    /// Sends a request signed for iot, with a header field.
    pub(super) async fn iot_with(
        &self,
        method: &str,
        target: &str,
        header: (&str, &str),
        body: &str,
    ) -> Answer {
        let request = self.request(method, target, body).with_header(header.0, header.1);
        client::send(self.address, &client::signed(request, "iot", &client::credentials())).await
    }

    pub(super) fn ca_id(&self) -> CaCertificateId {
        self.ca.certificate().ca_id()
    }
}

pub(super) async fn build(config: Config, registry: Arc<MemoryRegistry>) -> Result<ApiServer, BuildError> {
    ApiServer::build(config, ports(registry)).await
}

fn ports(registry: Arc<MemoryRegistry>) -> Ports {
    let rejections = || {
        vec![HandshakeRejection {
            at: EARLIER,
            peer: ([127, 0, 0, 1], 4711).into(),
            code: "unknown_issuer".to_owned(),
            message: "no registered CA certificate signed it".to_owned(),
        }]
    };
    Ports {
        registry,
        clock: Arc::new(FixedClock),
        rejections: Arc::new(rejections),
        publisher: Arc::new(Published::default()),
        confirmer: Arc::new(Confirmations::default()),
        functions: Arc::new(NoFunctions),
        explainer: Arc::new(super::explanation::OnePolicy),
        metrics: Arc::new(super::metrics::OneMetric),
        settings: Arc::new(super::settings::Reloads::default()),
        registrations: Arc::new(super::registration_jobs::Retries),
    }
}

pub(super) fn config() -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        limits: Limits::default(),
        scope: Scope {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        },
        hostname: "iot.example.com".to_owned(),
        credentials: AccessKey {
            id: AccessKeyId::parse(ACCESS_KEY_ID).unwrap(),
            secret: SecretAccessKey::new(SECRET),
        },
        authentication: Authentication::Required,
        page_token_key: PageTokenKey::from_bytes([9; 32]),
        device_ca: Arc::new(new_ca("O=Landfall, CN=Landfall device CA")),
        thing_type_deletion_delay: THING_TYPE_DELETION_DELAY_DEFAULT,
    }
}

pub(super) fn new_ca(subject: &str) -> Issuer {
    let subject = Subject::parse(subject).unwrap();
    Issuer::self_signed(&subject, KeyPair::generate(KeyKind::P256).unwrap(), validity_of_days(NOW, 30))
        .unwrap()
}

/// A verification certificate for a code.
pub(super) fn verification(ca: &Issuer, code: &RegistrationCode) -> ParsedCertificate {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    ca.sign_verification(code, key.public_key(), validity_of_days(NOW, 1)).unwrap()
}

/// The body of a registration that succeeds.
pub(super) fn registration_body(ca: &Issuer) -> Value {
    json!({
        "caCertificate": ca.certificate().to_pem(),
        "verificationCertificate": verification(ca, &CODE).to_pem(),
    })
}

/// The id of a certificate or CA certificate that is no more than an entry of the registry.
pub(super) fn id(number: u8) -> CertificateId {
    CertificateId::from_sha256([number; 32])
}

pub(super) fn thing_name(text: &str) -> ThingName {
    ThingName::parse(text).unwrap()
}

fn device_of(ca: &Issuer) -> ParsedCertificate {
    device_named(ca, "CN=device-1")
}

/// A certificate of version 1 that a CA issued, with a key of its own.
pub(super) fn device_named(ca: &Issuer, subject: &str) -> ParsedCertificate {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let request = DeviceRequest {
        subject: &Subject::parse(subject).unwrap(),
        public_key: key.public_key(),
        validity: validity_of_days(NOW, 10),
        version: CertificateVersion::V1,
    };
    ca.sign_device(&request).unwrap()
}

async fn fill(registry: &MemoryRegistry, ca: &Issuer, device: &ParsedCertificate) {
    let mut transaction = Transaction::new();
    transaction.ensure_registration_code(CODE);
    transaction.insert_ca_certificate(ca_entry(
        ca.certificate().ca_id(),
        ca.certificate().der().clone(),
        CaStatus::Active,
    ));
    for (id, status, der) in [
        (device.id(), CertificateStatus::Active, device.der().clone()),
        (
            id(2),
            CertificateStatus::PendingActivation { creation_id: CreationId::from_bytes([2; 16]) },
            CertificateDer::new(b"two"),
        ),
        (id(3), CertificateStatus::Inactive, CertificateDer::new(b"three")),
    ] {
        transaction.insert_certificate(Certificate {
            id,
            ca: (status != CertificateStatus::Inactive).then_some(ca.certificate().ca_id()),
            status,
            mode: if status == CertificateStatus::Inactive {
                CertificateMode::SniOnly
            } else {
                CertificateMode::Default
            },
            signed_part: SignedPart::from_sha256(*id.as_bytes()),
            der,
            validity: device.validity(),
            version: 3,
            registered_at: EARLIER,
            modified_at: EARLIER,
        });
    }
    fill_things(&mut transaction);
    super::layers::fill(&mut transaction);
    super::functions::fill(&mut transaction);
    super::event_source_mappings::fill(&mut transaction);
    super::greengrass::fill(&mut transaction, device);
    transaction.create_destination(super::topic_rule_destinations::waiting());
    for name in ["policy-1", "policy-2", "policy-3"] {
        let name = PolicyName::parse(name).unwrap();
        transaction.ensure_policy(Policy {
            name: name.clone(),
            default_version: PolicyVersionId::FIRST,
            document: r#"{"Version":"2012-10-17","Statement":[]}"#.into(),
            created_at: EARLIER,
            modified_at: NOW,
        });
        transaction.attach_policy(device.id(), name);
    }
    for id in [device.id(), id(2), id(3)] {
        transaction.attach_thing(id, thing_name("thing-1"));
    }
    transaction.record(record(
        device.id(),
        Outcome::Success { thing: thing_name("thing-1"), device_type: DeviceType::Iot },
    ));
    for certificate in [id(2), id(3)] {
        let rejection =
            Rejection { code: "no_serial_number".to_owned(), message: "there is none".to_owned() };
        transaction.record(record(certificate, Outcome::Failure(rejection)));
    }
    registry.commit(transaction).await.unwrap();
}

/// Three things, two of them of a type, and a type that is deprecated.
fn fill_things(transaction: &mut Transaction) {
    let thing_type = ThingTypeName::parse("sensor").unwrap();
    transaction.ensure_thing_type(ThingType {
        name: thing_type.clone(),
        id: ThingTypeId::from_bytes([0x77; 16]),
        description: None,
        searchable_attributes: vec![AttributeName::parse("colour").unwrap()],
        propagating_attributes: Vec::new(),
        deprecated_at: None,
        created_at: EARLIER,
    });
    transaction.ensure_thing_type(ThingType {
        name: ThingTypeName::parse("old").unwrap(),
        id: ThingTypeId::from_bytes([0x66; 16]),
        description: None,
        searchable_attributes: Vec::new(),
        propagating_attributes: Vec::new(),
        deprecated_at: Some(EARLIER),
        created_at: EARLIER,
    });
    for (name, colour) in [("thing-1", "red"), ("thing-2", "blue"), ("thing-3", "red")] {
        let attribute = (AttributeName::parse("colour").unwrap(), AttributeValue::parse(colour).unwrap());
        transaction.insert_thing(Thing {
            name: thing_name(name),
            id: ThingId::from_bytes([0x11; 16]),
            billing_group: None,
            thing_type: (name != "thing-3").then(|| thing_type.clone()),
            attributes: [attribute].into_iter().collect(),
            version: 4,
            made_by: None,
            created_at: EARLIER,
        });
    }
}

/// A CA certificate as it stands in the registry.
pub(super) fn ca_entry(id: CaCertificateId, der: CertificateDer, status: CaStatus) -> CaCertificate {
    CaCertificate {
        id,
        status,
        auto_registration: AutoRegistration::Enable,
        mode: CertificateMode::Default,
        der,
        validity: Validity { not_before: UnixTime::from_secs(0), not_after: UnixTime::from_secs(10) },
        version: 2,
        registered_at: EARLIER,
        modified_at: EARLIER,
    }
}

fn record(certificate: CertificateId, outcome: Outcome) -> RegistrationRecord {
    RegistrationRecord {
        certificate,
        ca: CaCertificateId::from_sha256([7; 32]),
        first_at: EARLIER,
        last_at: NOW,
        attempts: 2,
        duration_us: 1_500,
        serial_number: Some("0001".to_owned()),
        product_id: None,
        outcome,
    }
}
