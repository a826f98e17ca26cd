use std::io;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::Clock;
use landfall_pki::{
    ChainError, DeviceVerifier, PresentedChain, ServerTls, ServerTlsError, TrustAnchors, VerifiedChain,
    verify,
};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A connection whose peer has proven its certificate.
pub(crate) struct Authenticated {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) chain: VerifiedChain,
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
    let accepted = TlsAcceptor::from(config).accept(stream).await;
    let stream = accepted.map_err(|error| failure(error, &verifier))?;
    let chain = match verifier.verified_chain() {
        Some(chain) => chain.clone(),
        // A resumed session was not verified in this handshake, and its CA certificate may be gone since.
        None => verify_resumed(&stream, &anchors, clock)?,
    };
    Ok(Authenticated { stream, chain })
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
    stream: &TlsStream<TcpStream>,
    anchors: &TrustAnchors,
    clock: &dyn Clock,
) -> Result<VerifiedChain, HandshakeError> {
    let (_, connection) = stream.get_ref();
    let Some([end_entity, others @ ..]) = connection.peer_certificates() else {
        return Err(HandshakeError::NoCertificate);
    };
    verify(&PresentedChain::new(end_entity, others), anchors, clock.now()).map_err(HandshakeError::Chain)
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
