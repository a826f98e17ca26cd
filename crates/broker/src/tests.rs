//! A broker with real clients: what policies decide, and what becomes of who is let in.

mod heard;
mod refused;
mod registrations;

pub(crate) use self::heard::Heard;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use landfall_model::{
    AccountId, AttributeName, AttributeValue, Attributes, AutoRegistration, CaCertificate, CaStatus,
    Certificate, CertificateMode, CertificateStatus, ClientId, Clock, Policy, PolicyName, PolicyVersionId,
    Region, Scope, SignedPart, Thing, ThingId, ThingName, TopicFilter, TopicName, UnixTime, Validity,
};
use landfall_mqtt::{Client, ClientEvent, ClientOptions, ProtocolVersion, QoS, ReasonCode};
use landfall_pki::{
    CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, ParsedCertificate, ServerRequest, Subject,
    validity_of_aws,
};
use landfall_policy::PolicyAction;
use landfall_registration::{
    CaSettings, InactiveCaDevices, Interception, InterceptorRequest, InterceptorSettings, Interceptors,
    Registrar, Retries, Settings, SettingsSet, SettingsSource,
};
use landfall_registry::{MemoryRegistry, Registry, ThingUpdate, Transaction};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Broker, ClientIdSource, Config, Explainer, HandshakeRejections, Limits};

const ARN: &str = "arn:aws:iot:us-east-1:000000000000:";

/// When everything begins. TLS reads the machine's clock instead, so that certificates are valid as long as they can be.
const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

/// Begins somewhere and goes on as time does.
struct TestClock {
    began: Instant,
    at: UnixTime,
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        UnixTime::from_millis(self.at.as_millis() + passed)
    }
}

/// A broker, and the CA of its devices.
struct World {
    address: std::net::SocketAddr,
    registry: Arc<MemoryRegistry>,
    explainer: Explainer,
    rejections: Arc<HandshakeRejections>,
    ca: Issuer,
    roots: RootCertStore,
    stopping: CancellationToken,
}

/// Interceptors that nobody may ask.
struct NobodyAsks;

#[async_trait]
impl Interceptors for NobodyAsks {
    async fn intercept(&self, request: InterceptorRequest) -> Interception {
        panic!("asked about {}", request.applicant.certificate);
    }
}

/// What differs between the worlds.
struct Difference {
    inactive_ca_devices: InactiveCaDevices,
    policy_reasons: bool,
    at: UnixTime,
}

/// A certificate with its key.
struct Device {
    certificate: ParsedCertificate,
    key: KeyPair,
}

/// A client that is connected, or tried.
struct Session {
    stream: TlsStream<TcpStream>,
    client: Client,
    inbox: BytesMut,
}

const USUAL: Difference =
    Difference { inactive_ca_devices: InactiveCaDevices::Stay, policy_reasons: false, at: NOW };

fn forever() -> Validity {
    validity_of_aws(UnixTime::from_secs(0))
}

fn key() -> KeyPair {
    KeyPair::generate(KeyKind::P256).unwrap()
}

fn der(certificate: &ParsedCertificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.der().as_bytes().to_vec())
}

/// The server's certificate and key, and who vouches for it.
fn server_identity() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, RootCertStore) {
    let subject = Subject::common_name("server").unwrap();
    let issuer = Issuer::self_signed(&subject, key(), forever()).unwrap();
    let (key, names) = (key(), [ServerName::try_from("localhost").unwrap()]);
    let request =
        ServerRequest { subject: &subject, public_key: key.public_key(), validity: forever(), names: &names };
    let mut roots = RootCertStore::empty();
    roots.add(der(issuer.certificate())).unwrap();
    (vec![der(&issuer.sign_server(&request).unwrap())], key.to_private_key_der().unwrap(), roots)
}

impl World {
    async fn start(difference: Difference) -> Self {
        Self::start_asking(difference, Registrar::Rules, &[], Arc::new(NobodyAsks)).await
    }

    /// Starts with interceptors.
    async fn start_asking(
        difference: Difference,
        registrar: Registrar,
        asked: &[InterceptorSettings],
        interceptors: Arc<dyn Interceptors>,
    ) -> Self {
        let Difference { inactive_ca_devices, policy_reasons, at } = difference;
        let scope = Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        };
        let (certificate, server_key, roots) = server_identity();
        let settings = CaSettings {
            registrar,
            first_connect_hold: Duration::from_secs(5),
            settings: Settings::compile(&SettingsSource::default(), &scope).unwrap(),
            retries: Retries::default(),
            interceptors: asked.into(),
        };
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            certificate,
            key: server_key,
            scope,
            inactive_ca_devices,
            policy_reasons,
            settings: watch::Sender::new(Arc::new(SettingsSet::new(settings, []))).subscribe(),
            interceptors,
            limits: Limits::default(),
        };
        let registry = Arc::new(MemoryRegistry::new());
        let clock = Arc::new(TestClock { began: Instant::now(), at });
        let as_registry = Arc::clone(&registry) as Arc<dyn Registry>;
        let observer = Arc::new(Heard::default());
        let broker = Broker::build(config, as_registry, observer, clock, TaskTracker::new()).await;
        let broker = broker.unwrap();
        let ca = Issuer::self_signed(&Subject::common_name("root").unwrap(), key(), forever()).unwrap();
        let (address, stopping) = (broker.local_addr(), CancellationToken::new());
        let (explainer, rejections) = (broker.explainer(), broker.rejections());
        broker.spawn(&stopping);
        let world = Self { address, registry, explainer, rejections, ca, roots, stopping };
        world.register_ca().await;
        world
    }

    async fn register_ca(&self) {
        let certificate = self.ca.certificate();
        let mut transaction = Transaction::new();
        transaction.insert_ca_certificate(CaCertificate {
            id: certificate.ca_id(),
            status: CaStatus::Active,
            auto_registration: AutoRegistration::Enable,
            mode: CertificateMode::Default,
            der: certificate.der().clone(),
            validity: certificate.validity(),
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        });
        self.commit(transaction).await;
    }

    async fn commit(&self, transaction: Transaction) {
        self.registry.commit(transaction).await.unwrap();
    }

    /// A registered device, whose certificate has a policy with these statements.
    async fn device(&self, name: &str, statements: &str) -> Device {
        let key = key();
        let request = DeviceRequest {
            subject: &Subject::common_name(name).unwrap(),
            public_key: key.public_key(),
            validity: forever(),
            version: CertificateVersion::V3,
        };
        let certificate = self.ca.sign_device(&request).unwrap();
        let mut transaction = Transaction::new();
        transaction.insert_certificate(Certificate {
            id: certificate.id(),
            ca: Some(self.ca.certificate().ca_id()),
            status: CertificateStatus::Active,
            mode: CertificateMode::Default,
            signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
            der: certificate.der().clone(),
            validity: certificate.validity(),
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        });
        let policy = PolicyName::parse(&format!("policy-of-{name}")).unwrap();
        transaction.insert_policy(Policy {
            name: policy.clone(),
            default_version: PolicyVersionId::FIRST,
            document: format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#).into(),
            created_at: NOW,
            modified_at: NOW,
        });
        transaction.attach_policy(certificate.id(), policy);
        self.commit(transaction).await;
        Device { certificate, key }
    }

    /// Makes a thing and attaches a device to it.
    async fn attach_thing(&self, device: &Device, name: &str, site: &str) -> Thing {
        let thing = Thing {
            name: ThingName::parse(name).unwrap(),
            id: ThingId::from_bytes([1; 16]),
            thing_type: None,
            billing_group: None,
            attributes: attributes(site),
            version: 1,
            made_by: None,
            created_at: NOW,
        };
        let mut transaction = Transaction::new();
        transaction.insert_thing(thing.clone());
        transaction.attach_thing(device.certificate.id(), thing.name.clone());
        self.commit(transaction).await;
        thing
    }

    async fn set_ca_status(&self, status: CaStatus) {
        let mut transaction = Transaction::new();
        transaction.update_ca_certificate(self.ca.certificate().ca_id(), Some(status), None, NOW);
        self.commit(transaction).await;
    }

    async fn connect(&self, device: &Device, client_id: &str) -> Session {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(vec![der(&device.certificate)], device.key.to_private_key_der().unwrap())
            .unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let client_id = ClientId::parse(client_id).unwrap();
        let options = ClientOptions::new(ProtocolVersion::V5, Some(client_id));
        Session { stream, client: Client::new(&options).unwrap(), inbox: BytesMut::new() }
    }

    /// Connects, and must be let in.
    async fn enter(&self, device: &Device, client_id: &str) -> Session {
        let mut session = self.connect(device, client_id).await;
        let event = session.next().await;
        assert!(matches!(event, Some(ClientEvent::Connected { .. })), "{client_id}: {event:?}");
        session
    }

    /// Connects, and must be refused. What the server says to people.
    async fn refused(&self, device: &Device, client_id: &str) -> Option<String> {
        match self.connect(device, client_id).await.next().await {
            Some(ClientEvent::Refused { reason: ReasonCode::NotAuthorized, reason_string }) => {
                reason_string.map(Into::into)
            }
            other => panic!("{client_id}: {other:?}"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl Session {
    /// The next thing that happens; none when the connection is closed without a word.
    async fn next(&mut self) -> Option<ClientEvent> {
        loop {
            while let Some(bytes) = self.client.poll_transmit() {
                self.stream.write_all(&bytes).await.unwrap();
            }
            if let Some(event) = self.client.poll_event() {
                return Some(event);
            }
            let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read_buf(&mut self.inbox));
            if read.await.expect("nothing comes").unwrap_or(0) == 0 {
                return None;
            }
            self.client.handle_bytes(&mut self.inbox, Instant::now().into_std());
        }
    }

    /// Publishes, and gives what becomes of it.
    async fn publish(&mut self, topic: &str) -> Option<ClientEvent> {
        let (topic, now) = (TopicName::parse(topic).unwrap(), Instant::now().into_std());
        self.client.publish(&topic, "hello".into(), QoS::AtLeastOnce, now).unwrap();
        self.next().await
    }

    async fn may_publish(&mut self, topic: &str) -> bool {
        match self.publish(topic).await {
            Some(ClientEvent::PubAck { reason, .. }) => reason != ReasonCode::NotAuthorized,
            other => panic!("{topic}: {other:?}"),
        }
    }

    async fn subscribe(&mut self, filter: &str) -> Vec<ReasonCode> {
        self.subscribe_all(&[filter]).await.0
    }

    /// Subscribes to several filters at once, and gives the answers with what the server says to people.
    async fn subscribe_all(&mut self, filters: &[&str]) -> (Vec<ReasonCode>, Option<Box<str>>) {
        let filters: Vec<_> =
            filters.iter().map(|text| (TopicFilter::parse(text).unwrap(), QoS::AtLeastOnce)).collect();
        self.client.subscribe(&filters, Instant::now().into_std()).unwrap();
        match self.next().await {
            Some(ClientEvent::SubAck { codes, reason_string, .. }) => (codes, reason_string),
            other => panic!("{other:?}"),
        }
    }

    /// With which reason the server ends the connection.
    async fn ended(&mut self) -> ReasonCode {
        match self.next().await {
            Some(ClientEvent::Disconnected { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }
}

fn attributes(site: &str) -> Attributes {
    let attribute = (AttributeName::parse("site").unwrap(), AttributeValue::parse(site).unwrap());
    [attribute].into_iter().collect()
}

/// A statement that allows an action on a resource, which is what follows the account in an ARN.
fn allow(action: &str, resource: &str) -> String {
    format!(r#"{{"Effect": "Allow", "Action": "iot:{action}", "Resource": "{ARN}{resource}"}}"#)
}

fn allow_if(action: &str, resource: &str, condition: &str) -> String {
    let statement = allow(action, resource);
    format!(r#"{}, "Condition": {{{condition}}}}}"#, statement.strip_suffix('}').unwrap())
}

#[tokio::test]
async fn a_denied_connect_is_remembered_and_told_only_where_the_setting_says_so() {
    let expected = "no statement allows it; the nearest is statement 1 of policy policy-of-a, line 1, but it speaks of \
                    other resources: arn:aws:iot:us-east-1:000000000000:client/a";
    for (policy_reasons, told) in [(false, None), (true, Some(expected))] {
        let world = World::start(Difference { policy_reasons, ..USUAL }).await;
        let device = world.device("a", &allow("Connect", "client/a")).await;
        assert_eq!(world.refused(&device, "b").await.as_deref(), told);
        let remembered = world.rejections.list();
        let [rejection] = &*remembered else { panic!("{remembered:?}") };
        assert_eq!(rejection.code, "connect_denied");
        let id = device.certificate.id();
        assert_eq!(rejection.message, format!("certificate {id} as client b: {expected}"));
    }
}

#[tokio::test]
async fn what_is_denied_later_is_told_where_the_setting_says_so() {
    let nearest = |number: u8, resources: &str| {
        format!(
            "no statement allows it; the nearest is statement {number} of policy policy-of-a, line 1, but it speaks of \
             other resources: {ARN}{resources}"
        )
    };
    let publish = nearest(2, "topic/mine");
    let subscribe = nearest(3, "topicfilter/mine");
    for policy_reasons in [false, true] {
        let told = |reason: &str| policy_reasons.then(|| Box::from(reason));
        let world = World::start(Difference { policy_reasons, ..USUAL }).await;
        let rights = [
            allow("Connect", "client/a"),
            allow("Publish", "topic/mine"),
            allow("Subscribe", "topicfilter/mine"),
        ];
        let device = world.device("a", &rights.join(",")).await;

        let mut session = world.enter(&device, "a").await;
        let denied = session.publish("other").await;
        let Some(ClientEvent::PubAck { reason, reason_string, .. }) = denied else { panic!("{denied:?}") };
        assert_eq!((reason, reason_string), (ReasonCode::NotAuthorized, told(&publish)));
        let (codes, reason_string) = session.subscribe_all(&["x/#", "mine", "y"]).await;
        let denied = ReasonCode::NotAuthorized;
        assert_eq!(codes, [denied, ReasonCode::GrantedQoS1, denied]);
        assert_eq!(reason_string, told(&format!("x/#: {subscribe}; y: {subscribe}")));
        assert_eq!(session.subscribe_all(&["mine"]).await.1, None, "nothing was denied");
        // QoS 0 has no acknowledgement.
        let (topic, now) = (TopicName::parse("other").unwrap(), Instant::now().into_std());
        session.client.publish(&topic, "hello".into(), QoS::AtMostOnce, now).unwrap();
        let ended = ClientEvent::Disconnected { reason: denied, reason_string: told(&publish) };
        assert_eq!(session.next().await, Some(ended));

        let mut session = world.enter(&device, "a").await;
        let policy = PolicyName::parse("policy-of-a").unwrap();
        let mut transaction = Transaction::new();
        transaction.detach_policy(device.certificate.id(), policy);
        world.commit(transaction).await;
        let ended =
            ClientEvent::Disconnected { reason: denied, reason_string: told("no statement allows it") };
        assert_eq!(session.next().await, Some(ended));
    }
}

#[tokio::test]
async fn whoever_may_connect_as_a_client_takes_it_over_and_nobody_else() {
    let world = World::start(USUAL).await;
    let publish = allow("Publish", "topic/*");
    let rights = |client: &str| format!("{},{publish}", allow("Connect", &format!("client/{client}")));
    let owner = world.device("owner", &rights("shared")).await;
    let stranger = world.device("stranger", &rights("other")).await;
    let partner = world.device("partner", &rights("*")).await;

    let mut first = world.enter(&owner, "shared").await;
    assert_eq!(world.refused(&stranger, "shared").await, None);
    assert!(first.may_publish("still/here").await, "who may not connect takes nothing over");
    let mut second = world.enter(&partner, "shared").await;
    assert_eq!(first.ended().await, ReasonCode::SessionTakenOver);
    assert!(second.may_publish("here/now").await);
    let _third = world.enter(&owner, "shared").await;
    assert_eq!(second.ended().await, ReasonCode::SessionTakenOver);
}

#[tokio::test]
async fn devices_of_an_inactive_ca_certificate_go_and_come_back_where_the_setting_says_so() {
    let world = World::start(Difference { inactive_ca_devices: InactiveCaDevices::Go, ..USUAL }).await;
    let device = world.device("a", &allow("Connect", "client/a")).await;
    let mut session = world.enter(&device, "a").await;
    world.set_ca_status(CaStatus::Inactive).await;
    assert_eq!(session.ended().await, ReasonCode::AdministrativeAction);
    for _ in 0..2 {
        assert_eq!(world.refused(&device, "a").await, None);
    }
    world.set_ca_status(CaStatus::Active).await;
    world.enter(&device, "a").await;
}

#[tokio::test]
async fn a_held_device_of_a_ca_certificate_that_is_deactivated_is_refused_at_once() {
    let world = World::start(Difference { inactive_ca_devices: InactiveCaDevices::Go, ..USUAL }).await;
    let device = world.device("a", &allow("Connect", "client/a")).await;
    let unregistered = Device { certificate: sign(&world.ca, &device.key, "new"), key: device.key };
    let mut held = world.connect(&unregistered, "new").await;
    let deactivate = async {
        // Under rules its certificate is registered, and waits for whoever activates it.
        while world.registry_lacks(&unregistered).await {
            tokio::task::yield_now().await;
        }
        world.set_ca_status(CaStatus::Inactive).await;
    };
    let (event, ()) = tokio::join!(held.next(), deactivate);
    let reason = ReasonCode::NotAuthorized;
    assert_eq!(event, Some(ClientEvent::Refused { reason, reason_string: None }));
}

#[tokio::test]
async fn devices_of_an_inactive_ca_certificate_stay_as_at_aws() {
    let world = World::start(USUAL).await;
    let rights = format!("{},{}", allow("Connect", "client/a"), allow("Publish", "topic/*"));
    let device = world.device("a", &rights).await;
    let mut session = world.enter(&device, "a").await;
    world.set_ca_status(CaStatus::Inactive).await;
    assert!(session.may_publish("still/here").await);
    world.enter(&device, "a").await;
    assert_eq!(session.ended().await, ReasonCode::SessionTakenOver);
}

#[tokio::test]
async fn attributes_of_the_thing_and_the_server_name_are_asked_and_followed() {
    let world = World::start(USUAL).await;
    let site = r#""StringEquals": {"iot:Connection.Thing.Attributes[site]": "north"}"#;
    let by_name = |name: &str| format!(r#""StringEquals": {{"iot:DomainName": "{name}"}}"#);
    let rights = [
        allow_if("Connect", "client/thing-1", site),
        allow_if("Publish", "topic/local/*", &by_name("localhost")),
        allow_if("Publish", "topic/remote/*", &by_name("iot.example.com")),
        allow("Subscribe", "topicfilter/${iot:Connection.Thing.Attributes[site]}/*"),
    ];
    let device = world.device("a", &rights.join(",")).await;
    assert_eq!(world.refused(&device, "thing-1").await, None, "it has no thing yet");
    let thing = world.attach_thing(&device, "thing-1", "north").await;
    let mut session = world.enter(&device, "thing-1").await;
    assert!(session.may_publish("local/a").await);
    assert!(!session.may_publish("remote/a").await);
    assert_eq!(session.subscribe("north/+").await, [ReasonCode::GrantedQoS1]);
    assert_eq!(session.subscribe("south/+").await, [ReasonCode::NotAuthorized]);
    let mut transaction = Transaction::new();
    transaction.update_thing(ThingUpdate {
        name: thing.name,
        id: thing.id,
        version: 1,
        thing_type: None,
        attributes: attributes("south"),
    });
    world.commit(transaction).await;
    assert_eq!(session.ended().await, ReasonCode::NotAuthorized);
}

#[tokio::test]
async fn a_right_ends_when_its_time_is_over() {
    // Twenty milliseconds before the second at which it ends.
    let at = UnixTime::from_millis(NOW.as_millis() - 20);
    let world = World::start(Difference { at, ..USUAL }).await;
    let until = r#""DateLessThan": {"aws:EpochTime": "1800000001"}"#;
    let device = world.device("a", &allow_if("Connect", "client/a", until)).await;
    let mut session = world.enter(&device, "a").await;
    assert_eq!(session.ended().await, ReasonCode::NotAuthorized);
    assert_eq!(world.refused(&device, "a").await, None);
}

#[tokio::test]
async fn explained_is_what_holds_for_the_connection_that_is_there() {
    let world = World::start(USUAL).await;
    let nearby = r#""IpAddress": {"aws:SourceIp": "127.0.0.0/8"}"#;
    let rights = [allow("Connect", "client/*"), allow_if("Publish", "topic/a", nearby)];
    let device = world.device("a", &rights.join(",")).await;
    let id = device.certificate.id();
    let explain = async |client: Option<&str>, resource: &str| {
        let client = client.map(|client| ClientId::parse(client).unwrap());
        let explained = world.explainer.explain(id, client, PolicyAction::Publish, resource).await;
        explained.map(|found| (found.client_id.to_string(), found.client_id_source, found))
    };

    let problem = explain(None, "topic/a").await.unwrap_err();
    assert!(problem.to_string().starts_with("the certificate is neither connected"), "{problem}");
    let (_, source, found) = explain(Some("a"), "topic/a").await.unwrap();
    assert_eq!((source, found.is_connected), (ClientIdSource::Given, false));
    assert_eq!(found.unknown, ["aws:SourceIp"]);
    assert_eq!(
        found.explanation.summary(),
        "no statement allows it; the nearest is statement 2 of policy policy-of-a, line 1, but its condition does not hold: IpAddress aws:SourceIp \"127.0.0.0/8\"; there is no value"
    );

    let _session = world.enter(&device, "a").await;
    let (client_id, source, found) = explain(None, "topic/a").await.unwrap();
    assert_eq!((&*client_id, source, found.is_connected), ("a", ClientIdSource::Connection, true));
    assert_eq!(found.unknown, Vec::<String>::new());
    assert_eq!(found.explanation.summary(), "statement 2 of policy policy-of-a, line 1 allows it");
    assert_eq!(found.refusal, None);
    let (_, _, found) = explain(None, "topic/$aws/events/a").await.unwrap();
    assert_eq!(found.refusal.as_deref(), Some("topics that begin with $aws/events/ are the server's own"));

    let mut transaction = Transaction::new();
    transaction.set_certificate_status(id, CertificateStatus::Revoked, NOW);
    world.commit(transaction).await;
    let (_, _, found) = explain(Some("a"), "topic/a").await.unwrap();
    assert!(found.refusal.is_some_and(|refusal| refusal.starts_with("the certificate is REVOKED")));
}

fn sign(ca: &Issuer, key: &KeyPair, name: &str) -> ParsedCertificate {
    let request = DeviceRequest {
        subject: &Subject::common_name(name).unwrap(),
        public_key: key.public_key(),
        validity: forever(),
        version: CertificateVersion::V3,
    };
    ca.sign_device(&request).unwrap()
}

impl World {
    async fn registry_lacks(&self, device: &Device) -> bool {
        use landfall_registry::Certificates as _;
        self.registry.certificate(device.certificate.id()).await.unwrap().is_none()
    }
}
