use std::fmt;
use std::sync::Arc;

use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{
    ClientHello, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache, StoresServerSessions,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedCipherSuite};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::DeviceVerifier;

/// The protocols that a client may name (RFC 7301): AWS IoT's name for MQTT with a client certificate on port 443, and
/// MQTT's own. A client may also name none.
pub const ALPN_PROTOCOLS: [&[u8]; 2] = [b"x-amzn-mqtt-ca", b"mqtt"];

/// How many TLS 1.2 sessions of clients without tickets are kept for resumption.
pub const SESSIONS_MAX: usize = 4_096;

/// What the TLS configurations of all connections share; the verifier alone is each connection's own.
pub struct ServerTls {
    provider: Arc<CryptoProvider>,
    certificate: Arc<dyn ResolvesServerCert>,
    sessions: Arc<dyn StoresServerSessions>,
    tickets: Arc<dyn ProducesTickets>,
    protocols: Vec<Vec<u8>>,
}

/// The server's certificate, which is the same for every client; the verifier of the connection hears on this occasion
/// whether the client sent a server name.
#[derive(Debug)]
struct Certificate {
    certificate: Arc<dyn ResolvesServerCert>,
    verifier: Arc<DeviceVerifier>,
}

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
pub enum ServerTlsError {
    /// The certificate and the key cannot be used.
    #[error("the server's certificate and key cannot be used together")]
    Certificate(#[source] rustls::Error),
    /// There is no key for tickets.
    #[error("no key for session tickets could be made")]
    Tickets(#[source] rustls::Error),
    /// The cryptographic provider supports no TLS version.
    #[error("the cryptographic provider supports neither TLS 1.2 nor TLS 1.3")]
    Versions(#[source] rustls::Error),
}

impl ServerTls {
    /// Sets up TLS with the server's own certificate, followed by those of its issuers, and its key.
    ///
    /// Tickets hold the client's chain, encrypted by a key that lives in this value and is renewed every six hours.
    ///
    /// # Errors
    /// The key is not that of the first certificate, or is of a kind that is not supported.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ServerTlsError> {
        let provider = Arc::new(server_provider());
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(ServerTlsError::Certificate)?;
        Ok(Self {
            certificate: Arc::new(SingleCertAndKey::from(certified)),
            sessions: ServerSessionMemoryCache::new(SESSIONS_MAX),
            tickets: aws_lc_rs::Ticketer::new().map_err(ServerTlsError::Tickets)?,
            protocols: ALPN_PROTOCOLS.iter().map(|name| name.to_vec()).collect(),
            provider,
        })
    }

    /// The configuration of one connection: TLS 1.2 and 1.3, client certificate mandatory, resumption on, no early data.
    ///
    /// Sessions are shared between all configurations of this value. rustls warns of that, since a session begun under
    /// one verifier can be resumed under another, which is not asked: so the chain of a resumed connection must be
    /// verified again by whoever serves it.
    ///
    /// # Errors
    /// The cryptographic provider supports no TLS version, which does not happen with the one that is built in.
    pub fn config(&self, verifier: Arc<DeviceVerifier>) -> Result<Arc<ServerConfig>, ServerTlsError> {
        let certificate =
            Certificate { certificate: Arc::clone(&self.certificate), verifier: Arc::clone(&verifier) };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(ServerTlsError::Versions)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(certificate));
        config.session_storage = Arc::clone(&self.sessions);
        config.ticketer = Arc::clone(&self.tickets);
        config.alpn_protocols.clone_from(&self.protocols);
        // A ticket carries the client's whole chain, and a device has one connection: one ticket is enough.
        config.send_tls13_tickets = 1;
        // The provider's order counts: see `uses_sha256`.
        config.ignore_client_order = true;
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // An address in its place, which RFC 6066, section 3, forbids, counts as absent.
        self.verifier.note_server_name(client_hello.server_name().is_some());
        self.certificate.resolve(client_hello)
    }
}

/// The cryptography of the server: that of aws-lc-rs, with the cipher suites first that hash with SHA-256. For a server
/// whose own order counts.
pub fn server_provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| !uses_sha256(suite));
    provider
}

/// Whether a handshake with this suite hashes with SHA-256, for which processors have instructions; SHA-384 costs a
/// twentieth of a handshake more, and no security is gained from it here.
fn uses_sha256(suite: &SupportedCipherSuite) -> bool {
    let hash = match suite {
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.algorithm(),
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.algorithm(),
    };
    hash == HashAlgorithm::SHA256
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}
