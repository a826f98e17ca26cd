//! Real TLS handshakes in memory: rustls clients with OpenSSL's certificates against our verifier.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{CertificateMode, UnixTime};
use landfall_pki::{
    ChainError, DeviceVerifier, Issuer, KeyKind, KeyPair, PinnedCertificates, PresentedChain, ServerRequest,
    ServerTls, Subject, Trust, TrustAnchors, verify,
};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Connection, Error, HandshakeKind,
    RootCertStore, ServerConnection, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion, version,
};
use rustls_pki_types::{CertificateDer, ServerName};

use crate::fixtures::{DEVICE, Kind, Lab, P256, P384, presented};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// A server with a certificate of our own making, and what its clients trust.
pub(crate) struct Server {
    pub(crate) tls: ServerTls,
    roots: RootCertStore,
}

impl Server {
    /// Its certificate is valid whenever that of `clock` is.
    pub(crate) fn new(lab: &Lab, clock: &str) -> Self {
        let validity = lab.certificate(clock).validity();
        let subject = Subject::parse("CN=local").unwrap();
        let issuer =
            Issuer::self_signed(&subject, KeyPair::generate(KeyKind::P256).unwrap(), validity).unwrap();
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        let request =
            ServerRequest { subject: &subject, public_key: key.public_key(), validity, names: &names };
        let certificate = presented(&issuer.sign_server(&request).unwrap());
        let mut roots = RootCertStore::empty();
        roots.add(presented(issuer.certificate())).unwrap();
        Self { tls: ServerTls::new(vec![certificate], key.to_private_key_der().unwrap()).unwrap(), roots }
    }

    fn client_config(
        &self,
        version: &'static SupportedProtocolVersion,
        chain: Vec<CertificateDer<'static>>,
        key: Arc<dyn SigningKey>,
    ) -> ClientConfig {
        // rustls's own way of loading a client certificate refuses version 1.
        let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_client_cert_resolver(Arc::new(resolver));
        config.resumption = Resumption::in_memory_sessions(8);
        config
    }

    fn connect(&self, client: &Arc<ClientConfig>, anchors: TrustAnchors) -> Meeting {
        let verifier = Arc::new(DeviceVerifier::new(anchors));
        let server = ServerConnection::new(self.tls.config(Arc::clone(&verifier)).unwrap()).unwrap();
        let client =
            ClientConnection::new(Arc::clone(client), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut meeting = Meeting { client, server, verifier, client_error: None, outcome: Ok(()) };
        meeting.outcome = meeting.shake_hands();
        meeting
    }
}

/// Both ends of a connection.
struct Meeting {
    client: ClientConnection,
    server: ServerConnection,
    verifier: Arc<DeviceVerifier>,
    client_error: Option<Error>,
    outcome: Result<(), Error>,
}

impl Meeting {
    /// Carries bytes between the ends until both have nothing more to say; the result is the server's.
    fn shake_hands(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for _ in 0..10 {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            let mut unread = bytes.as_slice();
            while !unread.is_empty() && outcome.is_ok() {
                self.server.read_tls(&mut unread).unwrap();
                outcome = self.server.process_new_packets().map(drop);
            }
            let mut bytes = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut bytes).unwrap();
            }
            let mut unread = bytes.as_slice();
            while !unread.is_empty() && self.client_error.is_none() {
                self.client.read_tls(&mut unread).unwrap();
                self.client_error = self.client.process_new_packets().err();
            }
        }
        outcome
    }

    #[track_caller]
    fn assert_complete(&mut self) {
        assert_eq!(self.outcome, Ok(()));
        assert!(!self.server.is_handshaking() && !self.client.is_handshaking());
        self.client.writer().write_all(b"hello").unwrap();
        self.shake_hands().unwrap();
        let mut received = [0; 5];
        self.server.reader().read_exact(&mut received).unwrap();
        assert_eq!(&received, b"hello");
    }

    #[track_caller]
    fn assert_refused(&self, error: &Error, alert: AlertDescription) {
        assert_eq!(self.outcome.as_ref(), Err(error));
        assert!(self.server.is_handshaking());
        assert_eq!(self.client_error, Some(Error::AlertReceived(alert)));
    }
}

fn signing_key(lab: &Lab, name: &str) -> Arc<dyn SigningKey> {
    any_supported_type(&lab.key_pair(name).to_private_key_der().unwrap()).unwrap()
}

#[test]
fn every_version_of_tls_and_of_certificates_and_every_key() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for kind in [Kind::Rsa(2_048), P256, P384] {
        for extensions in [None, Some(DEVICE)] {
            let id = lab.device("device", "ca", kind, extensions).id();
            for version in VERSIONS {
                for chain in [&["device"][..], &["device", "ca"]] {
                    let client =
                        server.client_config(version, lab.presented(chain), signing_key(&lab, "device"));
                    let mut meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
                    meeting.assert_complete();
                    assert_eq!(meeting.server.protocol_version(), Some(version.version));
                    let verified = meeting.verifier.verified_chain().unwrap();
                    assert_eq!(verified.certificate_id(), id);
                    assert_eq!(verified.trust(), Trust::IssuedBy(lab.anchor("ca").id()));
                    assert_eq!(meeting.verifier.failure(), None);
                }
            }
        }
    }
}

#[test]
fn a_certificate_without_its_key_opens_nothing() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for kind in [Kind::Rsa(2_048), P256, P384] {
        // The key of another device, of the same kind and of another.
        lab.device("thief", "ca", kind, None);
        lab.device(
            "stranger",
            "ca",
            if matches!(kind, Kind::Rsa(_)) { P256 } else { Kind::Rsa(2_048) },
            None,
        );
        for extensions in [None, Some(DEVICE)] {
            lab.device("device", "ca", kind, extensions);
            for version in VERSIONS {
                for key in ["thief", "stranger"] {
                    let client =
                        server.client_config(version, lab.presented(&["device"]), signing_key(&lab, key));
                    let meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
                    assert!(
                        matches!(meeting.outcome, Err(Error::InvalidCertificate(_))),
                        "{kind:?} {key}: {:?}",
                        meeting.outcome
                    );
                    assert!(meeting.server.is_handshaking());
                    assert!(matches!(
                        meeting.client_error,
                        Some(Error::AlertReceived(AlertDescription::DecryptError))
                    ));
                }
            }
        }
    }
}

#[test]
fn refusals_end_the_handshake_with_a_fitting_alert_and_are_remembered() {
    let lab = Lab::with_ca();
    lab.ca("other", "/CN=other", P256, crate::fixtures::CA);
    lab.ca("same", "/CN=root", P256, crate::fixtures::CA);
    let server = Server::new(&lab, "ca");
    lab.device("unknown", "other", P256, None);
    lab.device("forged", "same", P256, None);
    lab.device("web", "ca", P256, Some("extendedKeyUsage=serverAuth\n"));
    lab.device("device", "ca", P256, None);
    let mut garbage = lab.presented(&["device"]);
    garbage[0] = CertificateDer::from(vec![0x30, 0x01]);
    let cases = [
        (
            lab.presented(&["unknown"]),
            CertificateError::UnknownIssuer,
            AlertDescription::UnknownCA,
            "chain.unknown_issuer",
        ),
        (
            lab.presented(&["forged"]),
            CertificateError::BadSignature,
            AlertDescription::DecryptError,
            "chain.bad_signature",
        ),
        (
            lab.presented(&["web"]),
            CertificateError::InvalidPurpose,
            AlertDescription::UnsupportedCertificate,
            "chain.not_for_client_auth",
        ),
        (garbage, CertificateError::BadEncoding, AlertDescription::BadCertificate, "chain.malformed"),
    ];
    for (chain, error, alert, code) in cases {
        for version in VERSIONS {
            let client = server.client_config(version, chain.clone(), signing_key(&lab, "device"));
            let meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
            meeting.assert_refused(&Error::InvalidCertificate(error.clone()), alert);
            assert!(meeting.verifier.verified_chain().is_none());
            assert_eq!(meeting.verifier.failure().unwrap().code(), code);
        }
    }
}

#[test]
fn an_expired_certificate_is_refused_with_its_alert() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    let issuer = Issuer::new(lab.certificate("ca"), lab.key_pair("ca")).unwrap();
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let subject = Subject::parse("CN=late").unwrap();
    let begin = UnixTime::from_secs(lab.certificate("ca").validity().not_before.as_secs() - 10 * 86_400);
    for (version, certificate_version) in VERSIONS.into_iter().flat_map(|version| {
        [landfall_pki::CertificateVersion::V1, landfall_pki::CertificateVersion::V3]
            .map(|other| (version, other))
    }) {
        let request = landfall_pki::DeviceRequest {
            subject: &subject,
            public_key: key.public_key(),
            validity: landfall_pki::validity_of_days(begin, 5),
            version: certificate_version,
        };
        let chain = vec![presented(&issuer.sign_device(&request).unwrap())];
        let signer = any_supported_type(&key.to_private_key_der().unwrap()).unwrap();
        let client = server.client_config(version, chain, signer);
        let meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
        meeting.assert_refused(
            &Error::InvalidCertificate(CertificateError::Expired),
            AlertDescription::CertificateExpired,
        );
    }
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for version in VERSIONS {
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(server.roots.clone())
            .with_no_client_auth();
        let meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
        assert_eq!(meeting.outcome, Err(Error::NoCertificatesPresented));
        assert!(meeting.verifier.verified_chain().is_none() && meeting.verifier.failure().is_none());
    }
}

#[test]
fn a_resumed_session_has_the_chain_and_no_verdict() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for extensions in [None, Some(DEVICE)] {
        let device = lab.device("device", "ca", P256, extensions);
        let now = UnixTime::from_secs(device.validity().not_before.as_secs() + 60);
        for version in VERSIONS {
            let chain = lab.presented(&["device", "ca"]);
            let client = Arc::new(server.client_config(version, chain.clone(), signing_key(&lab, "device")));
            let mut first = server.connect(&client, lab.anchors(&["ca"]));
            first.assert_complete();
            assert_eq!(first.server.handshake_kind(), Some(HandshakeKind::Full));

            let mut second = server.connect(&client, lab.anchors(&["ca"]));
            second.assert_complete();
            assert_eq!(second.server.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
            assert!(second.verifier.verified_chain().is_none() && second.verifier.failure().is_none());
            let certificates = second.server.peer_certificates().unwrap();
            assert_eq!(certificates, chain, "all that was presented in the full handshake");
            let presented = PresentedChain::from_peer_certificates(certificates).unwrap();
            assert_eq!(verify(&presented, &lab.anchors(&["ca"]), now).unwrap().certificate_id(), device.id());

            // TLS lets a session live on whose CA is gone; the verification at CONNECT does not.
            let mut third = server.connect(&client, TrustAnchors::new());
            third.assert_complete();
            assert_eq!(third.server.handshake_kind(), Some(HandshakeKind::Resumed));
            let presented =
                PresentedChain::from_peer_certificates(third.server.peer_certificates().unwrap()).unwrap();
            let error = verify(&presented, &TrustAnchors::new(), now).unwrap_err();
            assert_eq!(error.code(), "chain.unknown_issuer");
        }
    }
}

/// The trust in these certificates alone, each in this mode.
fn pinned(lab: &Lab, names: &[&str], mode: CertificateMode) -> TrustAnchors {
    let pinned = PinnedCertificates::new();
    names.iter().for_each(|name| pinned.pin(lab.certificate(name).id(), mode));
    TrustAnchors::pinning(Arc::new(pinned))
}

#[test]
fn a_pinned_certificate_opens_with_its_key_alone() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for kind in [Kind::Rsa(2_048), P256, P384] {
        lab.device("thief", "ca", kind, None);
        for extensions in [None, Some(DEVICE)] {
            let id = lab.device("device", "ca", kind, extensions).id();
            let anchors = || pinned(&lab, &["device"], CertificateMode::Default);
            for version in VERSIONS {
                let connect = |chain: &[&str], key: &str| {
                    let client = server.client_config(version, lab.presented(chain), signing_key(&lab, key));
                    server.connect(&Arc::new(client), anchors())
                };
                for chain in [&["device"][..], &["device", "ca"]] {
                    let mut meeting = connect(chain, "device");
                    meeting.assert_complete();
                    let verified = meeting.verifier.verified_chain().unwrap();
                    assert_eq!((verified.certificate_id(), verified.trust()), (id, Trust::Pinned));
                }
                let stolen = connect(&["device"], "thief");
                assert!(stolen.outcome.is_err() && stolen.server.is_handshaking(), "{:?}", stolen.outcome);
                // Whose certificate it is does not matter to one that is not pinned.
                for chain in [&["thief"][..], &["thief", "device"]] {
                    let other = connect(chain, "thief");
                    other.assert_refused(
                        &Error::InvalidCertificate(CertificateError::UnknownIssuer),
                        AlertDescription::UnknownCA,
                    );
                }
            }
        }
    }
}

/// What `openssl req -x509` makes says CA:TRUE, and has no issuer but itself.
#[test]
fn a_pinned_certificate_may_be_self_signed() {
    let lab = Lab::new();
    lab.ca("device", "/CN=device", P256, "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n");
    let server = Server::new(&lab, "device");
    for version in VERSIONS {
        let connect = |anchors| {
            let client =
                server.client_config(version, lab.presented(&["device"]), signing_key(&lab, "device"));
            server.connect(&Arc::new(client), anchors)
        };
        connect(pinned(&lab, &["device"], CertificateMode::Default)).assert_complete();
        assert!(connect(TrustAnchors::new()).outcome.is_err(), "{version:?}");
    }
}

#[test]
fn a_mode_that_needs_a_server_name_is_held_to_it() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for extensions in [None, Some(DEVICE)] {
        let id = lab.device("device", "ca", P256, extensions).id();
        for version in VERSIONS {
            for mode in [CertificateMode::Default, CertificateMode::SniOnly] {
                let issued = TrustAnchors::of([lab.anchor("ca").in_mode(mode)]).unwrap();
                for anchors in [issued, pinned(&lab, &["device"], mode)] {
                    for sends_name in [true, false] {
                        let (chain, key) = (lab.presented(&["device"]), signing_key(&lab, "device"));
                        let mut client = server.client_config(version, chain, key);
                        client.enable_sni = sends_name;
                        let mut meeting = server.connect(&Arc::new(client), anchors.clone());
                        if sends_name || mode == CertificateMode::Default {
                            meeting.assert_complete();
                            assert_eq!(meeting.verifier.verified_chain().unwrap().mode(), mode);
                            continue;
                        }
                        meeting.assert_refused(
                            &Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
                            AlertDescription::AccessDenied,
                        );
                        let failure = meeting.verifier.failure();
                        assert_eq!(failure, Some(&ChainError::NoServerName { certificate: id }));
                    }
                }
            }
        }
    }
}

#[test]
fn a_resumed_session_of_a_pinned_certificate_is_verified_again() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for extensions in [None, Some(DEVICE)] {
        let device = lab.device("device", "ca", P256, extensions);
        let now = UnixTime::from_secs(device.validity().not_before.as_secs() + 60);
        for version in VERSIONS {
            let (chain, key) = (lab.presented(&["device"]), signing_key(&lab, "device"));
            let client = Arc::new(server.client_config(version, chain, key));
            let anchors = pinned(&lab, &["device"], CertificateMode::SniOnly);
            server.connect(&client, anchors.clone()).assert_complete();

            let mut resumed = server.connect(&client, anchors.clone());
            resumed.assert_complete();
            assert_eq!(resumed.server.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
            assert_eq!(resumed.server.server_name(), Some("localhost"));
            let certificates = resumed.server.peer_certificates().unwrap();
            let presented = PresentedChain::from_peer_certificates(certificates).unwrap();
            let verified = verify(&presented, &anchors, now).unwrap();
            assert_eq!(verified.trust(), Trust::Pinned);
            let error = verified.clone().for_client(false).unwrap_err();
            assert_eq!(error, ChainError::NoServerName { certificate: device.id() });
            assert!(verified.for_client(true).is_ok());

            anchors.pinned().unpin(&device.id());
            assert_eq!(verify(&presented, &anchors, now).unwrap_err().code(), "chain.unknown_issuer");
        }
    }
}

#[test]
fn a_verifier_serves_one_connection() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    for name in ["one", "two"] {
        lab.device(name, "ca", P256, None);
    }
    let verifier = Arc::new(DeviceVerifier::new(lab.anchors(&["ca"])));
    let config = server.tls.config(Arc::clone(&verifier)).unwrap();
    let meet = |name: &str| {
        let chain = lab.presented(&[name]);
        let client = server.client_config(&version::TLS13, chain, signing_key(&lab, name));
        let host = ServerName::try_from("localhost").unwrap();
        let mut meeting = Meeting {
            client: ClientConnection::new(Arc::new(client), host).unwrap(),
            server: ServerConnection::new(Arc::clone(&config)).unwrap(),
            verifier: Arc::clone(&verifier),
            client_error: None,
            outcome: Ok(()),
        };
        meeting.outcome = meeting.shake_hands();
        meeting.outcome
    };
    assert_eq!(meet("one"), Ok(()));
    assert!(matches!(meet("two"), Err(Error::General(_))));
    assert_eq!(verifier.verified_chain().unwrap().certificate_id(), lab.certificate("one").id());

    // Nor does it answer twice for the same certificate.
    let verifier = DeviceVerifier::new(lab.anchors(&["ca"]));
    let chain = lab.presented(&["one"]);
    let seconds = u64::try_from(lab.certificate("one").validity().not_before.as_secs()).unwrap();
    let now = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    assert!(verifier.verify_client_cert(&chain[0], &[], now).is_ok());
    assert!(matches!(verifier.verify_client_cert(&chain[0], &[], now), Err(Error::General(_))));
}

#[test]
fn protocols_of_mqtt_are_agreed_and_others_refused() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    lab.device("device", "ca", P256, None);
    let cases: [(&[&str], Option<&str>); 4] = [
        (&[], None),
        (&["mqtt"], Some("mqtt")),
        (&["x-amzn-mqtt-ca"], Some("x-amzn-mqtt-ca")),
        (&["h2", "mqtt"], Some("mqtt")),
    ];
    for (offered, agreed) in cases {
        let mut client =
            server.client_config(&version::TLS13, lab.presented(&["device"]), signing_key(&lab, "device"));
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
        meeting.assert_complete();
        assert_eq!(Connection::from(meeting.server).alpn_protocol(), agreed.map(str::as_bytes));
    }
    let mut client =
        server.client_config(&version::TLS13, lab.presented(&["device"]), signing_key(&lab, "device"));
    client.alpn_protocols = vec![b"h2".to_vec()];
    let meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
    assert_eq!(meeting.outcome, Err(Error::NoApplicationProtocol));
}

/// A key that signs by one scheme, whatever the server offers.
#[derive(Debug)]
struct Stubborn {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
}

impl SigningKey for Stubborn {
    fn choose_scheme(&self, _offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.key.choose_scheme(&[self.scheme])
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[test]
fn every_rsa_scheme_of_tls_12_passes_and_pkcs1_is_refused_in_tls_13() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    let pss =
        [SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PSS_SHA384, SignatureScheme::RSA_PSS_SHA512];
    let pkcs1 = [
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA512,
    ];
    for extensions in [None, Some(DEVICE)] {
        lab.device("device", "ca", Kind::Rsa(2_048), extensions);
        for version in VERSIONS {
            for scheme in pss.into_iter().chain(pkcs1) {
                let key = Arc::new(Stubborn { key: signing_key(&lab, "device"), scheme });
                let client = server.client_config(version, lab.presented(&["device"]), key);
                let mut meeting = server.connect(&Arc::new(client), lab.anchors(&["ca"]));
                if version == &version::TLS13 && pkcs1.contains(&scheme) {
                    // RFC 8446, section 4.4.3: PKCS#1 v1.5 signs no handshake.
                    assert!(
                        matches!(meeting.outcome, Err(Error::PeerMisbehaved(_))),
                        "{:?}",
                        meeting.outcome
                    );
                } else {
                    meeting.assert_complete();
                }
            }
        }
    }
}

/// A configuration is made for each connection, so it must not load keys or make secrets of its own.
#[test]
fn configurations_share_what_is_costly() {
    let lab = Lab::with_ca();
    let server = Server::new(&lab, "ca");
    let config = || server.tls.config(Arc::new(DeviceVerifier::new(TrustAnchors::new()))).unwrap();
    let (one, two) = (config(), config());
    assert!(Arc::ptr_eq(&one.ticketer, &two.ticketer));
    assert!(Arc::ptr_eq(&one.session_storage, &two.session_storage));
    assert!(Arc::ptr_eq(one.crypto_provider(), two.crypto_provider()));
    assert_eq!(one.max_early_data_size, 0);
}
