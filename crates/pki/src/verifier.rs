use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use landfall_model::UnixTime;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;

use crate::algorithms::SUPPORTED;
use crate::{
    CertificateVersion, ChainError, ParsedCertificate, PresentedChain, TrustAnchors, VerifiedChain, verify,
};

/// Verifies the certificate of one connection's client: by whom the server trusts, and by whether the client sent a
/// server name where the certificate's mode needs one.
///
/// It serves one connection, and keeps what it found: the chain, or the reason why there is none. A resumed TLS session
/// does not come here at all; whoever serves the connection then calls [`verify`] with its `peer_certificates()`, and
/// [`VerifiedChain::for_client`].
#[derive(Debug)]
pub struct DeviceVerifier {
    anchors: TrustAnchors,
    sent_server_name: AtomicBool,
    outcome: OnceLock<Result<VerifiedChain, ChainError>>,
}

impl DeviceVerifier {
    /// The verifier of one connection.
    pub fn new(anchors: TrustAnchors) -> Self {
        Self { anchors, sent_server_name: AtomicBool::new(false), outcome: OnceLock::new() }
    }

    /// Notes whether the ClientHello, which comes before the certificate, has a server name. Until then it counts as
    /// absent.
    pub(crate) fn note_server_name(&self, is_sent: bool) {
        self.sent_server_name.store(is_sent, Ordering::Relaxed);
    }

    /// The chain, once it has been verified; none before, after a failure, and in a resumed session.
    ///
    /// That the peer holds the key is proven only when the handshake is complete: do not ask earlier.
    pub fn verified_chain(&self) -> Option<&VerifiedChain> {
        self.outcome.get()?.as_ref().ok()
    }

    /// Why the chain was refused, if it was. The handshake can fail for other reasons too.
    pub fn failure(&self) -> Option<&ChainError> {
        self.outcome.get()?.as_ref().err()
    }

    /// The certificate that was verified, which must be the one whose key is asked about.
    fn verified_certificate(&self, der: &CertificateDer<'_>) -> Result<&ParsedCertificate, Error> {
        match self.verified_chain() {
            Some(chain) if chain.der().as_bytes() == &**der => Ok(chain.certificate()),
            Some(_) | None => {
                Err(Error::General("the handshake is signed for another certificate".to_owned()))
            }
        }
    }
}

impl ClientCertVerifier for DeviceVerifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    /// None: a device sends what it has, and who is registered here is nobody else's business.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: rustls_pki_types::UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let now = UnixTime::from_secs(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        let chain = PresentedChain::new(end_entity, intermediates);
        let outcome = verify(&chain, &self.anchors, now)
            .and_then(|chain| chain.for_client(self.sent_server_name.load(Ordering::Relaxed)));
        let answer = match &outcome {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(error) => Err(error.to_rustls()),
        };
        match self.outcome.set(outcome) {
            Ok(()) => answer,
            // What the first connection proved must never speak for the second.
            Err(_) => Err(Error::General("a device verifier serves one connection".to_owned())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = self.verified_certificate(cert)?;
        match certificate.version() {
            CertificateVersion::V1 => verify_tls12_signature_with_raw_key(message, certificate, dss),
            CertificateVersion::V3 => verify_tls12_signature(message, cert, dss, &SUPPORTED),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = self.verified_certificate(cert)?;
        match certificate.version() {
            CertificateVersion::V1 => {
                let public_key = SubjectPublicKeyInfoDer::from(certificate.public_key_der());
                verify_tls13_signature_with_raw_key(message, &public_key, dss, &SUPPORTED)
            }
            CertificateVersion::V3 => verify_tls13_signature(message, cert, dss, &SUPPORTED),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SUPPORTED.supported_schemes()
    }
}

/// Verifies a TLS 1.2 `CertificateVerify` by the key of a version 1 certificate (RFC 5246, section 7.4.8).
///
/// rustls has no such function, and its TLS 1.3 one takes neither PKCS#1 nor a curve that the scheme does not name. This
/// does what rustls does for certificates of version 3: in TLS 1.2 a scheme stands for several algorithms, so those that
/// are for another kind of key are passed over; the first one for this kind decides.
fn verify_tls12_signature_with_raw_key(
    message: &[u8],
    certificate: &ParsedCertificate,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let Some((_, algorithms)) = SUPPORTED.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme) else {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    };
    let public_key = SubjectPublicKeyInfoDer::from(certificate.public_key_der());
    let key = RawPublicKeyEntity::try_from(&public_key).map_err(|_| CertificateError::BadEncoding)?;
    for algorithm in *algorithms {
        match key.verify_signature(*algorithm, message, dss.signature()) {
            Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
            Err(_) => return Err(CertificateError::BadSignature.into()),
        }
    }
    Err(CertificateError::BadSignature.into())
}
