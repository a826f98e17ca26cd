use std::io;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::Clock;
use landfall_pki::{
    ChainError, DeviceVerifier, PresentedChain, ServerTls, ServerTlsError, TrustAnchors, VerifiedChain,
    verify,
};
use rustls::ProtocolVersion;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::gathering::Gathering;

/// A connection whose peer has proven its certificate.
pub(crate) struct Authenticated {
    pub(crate) stream: TlsStream<Gathering>,
    pub(crate) chain: VerifiedChain,
    /// The name under which the client knows the server, where it said so.
    pub(crate) server_name: Option<Box<str>>,
}

/// Why a handshake came to nothing.
#[derive(Debug, Error)]
pub(crate) enum HandshakeError {
    #[error("the chain was not verified")]
    Chain(#[source] ChainError),
    #[error("no client certificate was presented")]
    NoCertificate,
    #[error("the server's TLS settings cannot be used")]
    Server(#[source] ServerTlsError),
    #[error("the handshake was not complete after {0:?}, the limit handshake_timeout")]
    Timeout(Duration),
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
}

/// Shakes hands over TLS and verifies the chain that the client presents.
pub(crate) async fn handshake(
    stream: TcpStream,
    tls: &ServerTls,
    anchors: TrustAnchors,
    clock: &dyn Clock,
) -> Result<Authenticated, HandshakeError> {
    let verifier = Arc::new(DeviceVerifier::new(anchors.clone()));
    let config = tls.config(Arc::clone(&verifier)).map_err(HandshakeError::Server)?;
    let accepted = TlsAcceptor::from(config).accept(Gathering::new(stream)).await;
    let mut stream = accepted.map_err(|error| failure(error, &verifier))?;
    let (socket, connection) = stream.get_mut();
    socket.stop();
    // In TLS 1.3 only a ticket is left to send, for which no client waits; before, it is the end of the handshake.
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        socket.flush().await.map_err(HandshakeError::Tls)?;
    }
    let chain = match verifier.verified_chain() {
        Some(chain) => chain.clone(),
        // A resumed session was not verified in this handshake, and who vouched for it may be gone since.
        None => verify_resumed(&stream, &anchors, clock)?,
    };
    let server_name = stream.get_ref().1.server_name().map(Into::into);
    Ok(Authenticated { stream, chain, server_name })
}

/// Why the handshake failed: what the verifier found says more than the alert that it became.
fn failure(error: io::Error, verifier: &DeviceVerifier) -> HandshakeError {
    if let Some(failure) = verifier.failure() {
        return HandshakeError::Chain(failure.clone());
    }
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if tls == Some(&rustls::Error::NoCertificatesPresented) {
        return HandshakeError::NoCertificate;
    }
    HandshakeError::Tls(error)
}

fn verify_resumed(
    stream: &TlsStream<Gathering>,
    anchors: &TrustAnchors,
    clock: &dyn Clock,
) -> Result<VerifiedChain, HandshakeError> {
    let (_, connection) = stream.get_ref();
    let Some([end_entity, others @ ..]) = connection.peer_certificates() else {
        return Err(HandshakeError::NoCertificate);
    };
    verify(&PresentedChain::new(end_entity, others), anchors, clock.now())
        .and_then(|chain| chain.for_client(connection.server_name().is_some()))
        .map_err(HandshakeError::Chain)
}

impl HandshakeError {
    /// A stable name of the reason, for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Chain(error) => error.code(),
            Self::NoCertificate => "tls.no_certificate",
            Self::Server(_) => "tls.server",
            Self::Timeout(_) => "tls.timeout",
            Self::Tls(_) => "tls.failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::{CertificateId, CertificateMode, UnixTime};
    use landfall_pki::{
        Issuer, KeyKind, KeyPair, ParsedCertificate, PinnedCertificates, SerialNumber, ServerRequest,
        Subject, Trust, validity_of_aws,
    };
    use rustls::{ClientConfig, HandshakeKind, RootCertStore};
    use rustls_pki_types::{CertificateDer, ServerName};
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;

    struct FixedClock;

    impl Clock for FixedClock {
        fn now(&self) -> UnixTime {
            UnixTime::from_secs(1_800_000_000)
        }
    }

    /// A server, and a client with a certificate that no registered CA issued. Clients resume their sessions.
    struct Pair {
        tls: ServerTls,
        listener: TcpListener,
        client: Arc<ClientConfig>,
        device: CertificateId,
    }

    impl Pair {
        async fn new(sends_server_name: bool) -> Self {
            // As long as can be: rustls reads the machine's clock.
            let validity = validity_of_aws(UnixTime::from_secs(0));
            let root = Subject::common_name("root").unwrap();
            let issuer =
                Issuer::self_signed(&root, KeyPair::generate(KeyKind::P256).unwrap(), validity).unwrap();
            let der =
                |certificate: &ParsedCertificate| CertificateDer::from(certificate.der().as_bytes().to_vec());
            let key = KeyPair::generate(KeyKind::P256).unwrap();
            let names = [ServerName::try_from("localhost").unwrap()];
            let request =
                ServerRequest { subject: &root, public_key: key.public_key(), validity, names: &names };
            let certificate = der(&issuer.sign_server(&request).unwrap());
            let tls = ServerTls::new(vec![certificate], key.to_private_key_der().unwrap()).unwrap();

            let device = issuer.issue_key(SerialNumber::random().unwrap(), validity).unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(der(issuer.certificate())).unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let mut client = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_client_auth_cert(
                    vec![der(&device.certificate)],
                    device.key.to_private_key_der().unwrap(),
                )
                .unwrap();
            client.enable_sni = sends_server_name;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Self { tls, listener, client: Arc::new(client), device: device.certificate.id() }
        }

        /// Shakes hands; gives whether the session was resumed.
        async fn meet(
            &self,
            anchors: &TrustAnchors,
        ) -> (Option<HandshakeKind>, Result<Trust, HandshakeError>) {
            let client = async {
                let stream = TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap();
                let host = ServerName::try_from("localhost").unwrap();
                let mut stream =
                    TlsConnector::from(Arc::clone(&self.client)).connect(host, stream).await.ok()?;
                // The ticket comes after the handshake, and an alert too.
                let _ = stream.read_to_end(&mut Vec::new()).await;
                stream.get_ref().1.handshake_kind()
            };
            let server = async {
                let (stream, _) = self.listener.accept().await.unwrap();
                let authenticated = handshake(stream, &self.tls, anchors.clone(), &FixedClock).await;
                authenticated.map(|authenticated| authenticated.chain.trust())
            };
            tokio::join!(client, server)
        }
    }

    #[tokio::test]
    async fn a_pinned_certificate_is_looked_up_in_each_handshake() {
        let pair = Pair::new(true).await;
        let pinned = Arc::new(PinnedCertificates::new());
        let anchors = TrustAnchors::pinning(Arc::clone(&pinned));
        let (_, stranger) = pair.meet(&anchors).await;
        assert_eq!(stranger.unwrap_err().code(), "chain.unknown_issuer");

        pinned.pin(pair.device, CertificateMode::SniOnly);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (kind, trust) = pair.meet(&anchors).await;
            assert_eq!((kind, trust.unwrap()), (Some(expected), Trust::Pinned));
        }
        pinned.unpin(&pair.device);
        let (kind, gone) = pair.meet(&anchors).await;
        assert_eq!(kind, Some(HandshakeKind::Resumed), "TLS knows nothing of it");
        assert_eq!(gone.unwrap_err().code(), "chain.unknown_issuer");
    }

    #[tokio::test]
    async fn a_mode_that_needs_a_server_name_counts_for_resumed_sessions_too() {
        let pair = Pair::new(false).await;
        let pinned = Arc::new(PinnedCertificates::new());
        let anchors = TrustAnchors::pinning(Arc::clone(&pinned));
        pinned.pin(pair.device, CertificateMode::SniOnly);
        let (_, refused) = pair.meet(&anchors).await;
        assert_eq!(refused.unwrap_err().code(), "chain.no_server_name");

        pinned.pin(pair.device, CertificateMode::Default);
        let (kind, trust) = pair.meet(&anchors).await;
        assert_eq!((kind, trust.unwrap()), (Some(HandshakeKind::Full), Trust::Pinned));
        pinned.pin(pair.device, CertificateMode::SniOnly);
        let (kind, refused) = pair.meet(&anchors).await;
        assert_eq!(kind, Some(HandshakeKind::Resumed));
        assert_eq!(refused.unwrap_err().code(), "chain.no_server_name");
    }
}
