use std::sync::Arc;

use landfall_pki::{KeyPair, ParsedCertificate};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

use crate::endpoint::ALPN_PORT;
use crate::fleet::DeviceKeyError;

/// AWS IoT's name for MQTT with a client certificate.
const ALPN_PROTOCOL: &[u8] = b"x-amzn-mqtt-ca";

/// The versions of TLS that devices offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3: the server chooses.
    #[default]
    Both,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// Why the CA certificates of the endpoint cannot be used.
#[derive(Debug, Error)]
pub enum TrustError {
    /// There is no certificate.
    #[error(
        "no `-----BEGIN CERTIFICATE-----` found; the file must hold the CA that signed the server's certificate"
    )]
    NoCertificate,
    /// The file is damaged.
    #[error("the file is not valid PEM")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// A certificate in it cannot be trusted.
    #[error("certificate {number} of the file cannot be used")]
    Certificate {
        /// Its place, counted from 1.
        number: usize,
        /// Why not.
        source: rustls::Error,
    },
}

/// What the TLS of every device shares.
#[derive(Debug)]
pub(crate) struct FleetTls {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    versions: Vec<&'static SupportedProtocolVersion>,
    protocols: Vec<Vec<u8>>,
}

impl FleetTls {
    pub(crate) fn new(trust_pem: &[u8], versions: TlsVersions, port: u16) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(trust_pem).enumerate() {
            let certificate = certificate.map_err(TrustError::Pem)?;
            roots.add(certificate).map_err(|source| TrustError::Certificate { number: index + 1, source })?;
        }
        if roots.is_empty() {
            return Err(TrustError::NoCertificate);
        }
        Ok(Self {
            provider: Arc::new(aws_lc_rs::default_provider()),
            roots: Arc::new(roots),
            versions: match versions {
                TlsVersions::Both => vec![&version::TLS13, &version::TLS12],
                TlsVersions::Tls12 => vec![&version::TLS12],
                TlsVersions::Tls13 => vec![&version::TLS13],
            },
            protocols: if port == ALPN_PORT { vec![ALPN_PROTOCOL.to_vec()] } else { Vec::new() },
        })
    }

    /// The configuration of one device, which presents its certificate and that of its issuer.
    ///
    /// Sessions are not resumed: what devices do is connect for the first time, and OpenSSL's clients keep none either.
    pub(crate) fn device_config(
        &self,
        certificate: &ParsedCertificate,
        issuer: &ParsedCertificate,
        key: &KeyPair,
    ) -> Result<Arc<ClientConfig>, DeviceKeyError> {
        let chain = [certificate, issuer]
            .map(|certificate| CertificateDer::from(certificate.der().as_bytes().to_vec()));
        let key = aws_lc_rs::sign::any_supported_type(&key.to_private_key_der()?)?;
        // rustls's own way of loading a client certificate refuses version 1.
        let certified = CertifiedKey::new(chain.to_vec(), key);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.resumption = Resumption::disabled();
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_trusted_file_is_said() {
        let cases = [
            (
                "",
                "no `-----BEGIN CERTIFICATE-----` found; the file must hold the CA that signed the server's certificate",
            ),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "the file is not valid PEM"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "certificate 1 of the file cannot be used",
            ),
        ];
        for (pem, expected) in cases {
            let error = FleetTls::new(pem.as_bytes(), TlsVersions::Both, 8883).unwrap_err();
            assert_eq!(error.to_string(), expected, "{pem}");
        }
    }
}
