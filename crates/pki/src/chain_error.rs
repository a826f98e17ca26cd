use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{CaCertificateId, CertificateId, DistinguishedName, UnixTime};
use rustls::OtherError;
use thiserror::Error;

use crate::CertificateError;
use crate::algorithms::KeyFault;
use crate::chain::CHAIN_CERTIFICATES_MAX;

/// The most characters of a name in an error; a name from the wire may be long.
const SUMMARY_CHARACTERS_MAX: usize = 200;

/// Why a presented chain was not verified. Nothing that it tells of the chain is proven.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChainError {
    /// Too many certificates were presented.
    #[error("{found} certificates were presented, and {CHAIN_CERTIFICATES_MAX} are the most")]
    TooManyCertificates {
        /// How many.
        found: usize,
    },
    /// The device's certificate cannot be read.
    #[error("the device's certificate cannot be read")]
    Malformed(#[source] CertificateError),
    /// No path was found, and one of the other presented certificates cannot be read.
    #[error("a presented intermediate certificate cannot be read")]
    IntermediateMalformed(#[source] CertificateError),
    /// No registered CA certificate has the issuer's name.
    #[error("no registered CA certificate is named {issuer}, which is the issuer of {subject}")]
    UnknownIssuer {
        /// The certificate whose issuer is not known.
        subject: String,
        /// The issuer that it names.
        issuer: String,
    },
    /// The issuer's name is registered, with another key.
    #[error(
        "a CA certificate named {issuer} is registered, but {subject} was signed by another key of that name: {key_id}"
    )]
    UnknownIssuerKey {
        /// The certificate whose issuer is not known.
        subject: String,
        /// The issuer that it names.
        issuer: String,
        /// The identifier of the key that it names, in hex.
        key_id: String,
    },
    /// The certificate names another issuer than the CA certificate that is said to have issued it.
    #[error("the certificate of {subject} was issued by {issuer}, and the CA certificate is that of {ca}")]
    OtherIssuer {
        /// Its subject.
        subject: String,
        /// The issuer that it names.
        issuer: String,
        /// The subject of the CA certificate.
        ca: String,
    },
    /// The signature of a certificate is not one by the key of its issuer.
    #[error("the signature of the certificate was not made by the key of {issuer}")]
    BadSignature {
        /// The issuer.
        issuer: String,
    },
    /// The device's certificate has expired.
    #[error("the device's certificate expired at {}, and it is {}", utc(*not_after), utc(*now))]
    Expired {
        /// Its last moment.
        not_after: UnixTime,
        /// The moment of the check.
        now: UnixTime,
    },
    /// The device's certificate is not valid yet.
    #[error("the device's certificate is valid from {}, and it is {}", utc(*not_before), utc(*now))]
    NotYetValid {
        /// Its first moment.
        not_before: UnixTime,
        /// The moment of the check.
        now: UnixTime,
    },
    /// The registered CA certificate has expired.
    #[error("the CA certificate {ca} expired at {}, and it is {}", utc(*not_after), utc(*now))]
    CaExpired {
        /// The CA certificate.
        ca: CaCertificateId,
        /// Its last moment.
        not_after: UnixTime,
        /// The moment of the check.
        now: UnixTime,
    },
    /// The registered CA certificate is not valid yet.
    #[error("the CA certificate {ca} is valid from {}, and it is {}", utc(*not_before), utc(*now))]
    CaNotYetValid {
        /// The CA certificate.
        ca: CaCertificateId,
        /// Its first moment.
        not_before: UnixTime,
        /// The moment of the check.
        now: UnixTime,
    },
    /// An intermediate certificate has expired.
    #[error("the intermediate certificate of {subject} expired at {}, and it is {}", utc(*not_after), utc(*now))]
    IntermediateExpired {
        /// Its subject.
        subject: String,
        /// Its last moment.
        not_after: UnixTime,
        /// The moment of the check.
        now: UnixTime,
    },
    /// An intermediate certificate is not valid yet.
    #[error("the intermediate certificate of {subject} is valid from {}, and it is {}", utc(*not_before), utc(*now))]
    IntermediateNotYetValid {
        /// Its subject.
        subject: String,
        /// Its first moment.
        not_before: UnixTime,
        /// The moment of the check.
        now: UnixTime,
    },
    /// A signature of a broken kind.
    #[error(
        "the certificate of {subject} is signed by {algorithm}, which is not secure; SHA-256 is the usual choice"
    )]
    WeakSignature {
        /// Whose certificate.
        subject: String,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// A signature of a kind that is not supported.
    #[error("the certificate of {subject} is signed by an algorithm that is not supported: {oid}")]
    UnsupportedSignature {
        /// Whose certificate.
        subject: String,
        /// The algorithm's object identifier.
        oid: Box<str>,
    },
    /// A key that is not accepted.
    #[error("the certificate of {subject} is refused")]
    Key {
        /// Whose certificate.
        subject: String,
        /// What is wrong with its key.
        source: KeyFault,
    },
    /// A CA certificate was presented as a device's.
    #[error("the certificate of {subject} is a CA certificate (basicConstraints CA:TRUE), not a device's")]
    LeafIsCa {
        /// Its subject.
        subject: String,
    },
    /// The device's certificate is for other purposes.
    #[error(
        "the device's certificate is not for TLS clients: its extKeyUsage lacks clientAuth and has {}",
        list(found)
    )]
    NotForClientAuth {
        /// The purposes that it has, as object identifiers.
        found: Vec<Box<str>>,
    },
    /// The device's key may not sign a handshake.
    #[error(
        "the device's certificate has a keyUsage without digitalSignature, so its key may not sign a TLS handshake"
    )]
    KeyUsage,
    /// A certificate of version 1 that no registered CA issued directly.
    #[error(
        "a certificate of X.509 version 1 must be issued by a registered CA itself, and {issuer} is an intermediate"
    )]
    Version1BelowIntermediate {
        /// The intermediate.
        issuer: String,
    },
    /// A certificate of version 1 below a CA that limits names, which version 1 cannot be held to.
    #[error(
        "the CA certificate {ca} has name constraints, under which a certificate of X.509 version 1 is refused"
    )]
    Version1UnderNameConstraints {
        /// The CA certificate.
        ca: CaCertificateId,
    },
    /// An intermediate certificate is not a CA's.
    #[error("{subject} signed a certificate and is no CA: basicConstraints CA:TRUE is missing")]
    IntermediateNotCa {
        /// Its subject.
        subject: String,
    },
    /// An intermediate's key may not sign certificates.
    #[error("the intermediate certificate of {subject} has a keyUsage without keyCertSign")]
    IntermediateMayNotSign {
        /// Its subject.
        subject: String,
    },
    /// More CA certificates stand below a CA than it allows.
    #[error("{subject} allows {allowed} CA certificates below it, and the chain has {found}")]
    PathLength {
        /// The CA's subject.
        subject: String,
        /// Its pathLenConstraint.
        allowed: usize,
        /// How many there are.
        found: usize,
    },
    /// A name that the CA certificates above do not permit.
    #[error("a name in the chain is not permitted by the name constraints of a CA above it")]
    NameConstraints,
    /// A critical extension that is not known.
    #[error("a certificate of the chain has a critical extension that is not supported")]
    CriticalExtension,
    /// The client sent no server name, and the mode of its certificate needs one.
    #[error(
        "the client sent no server name (TLS extension SNI), and the mode of certificate {certificate} is SNI_ONLY; \
         connect to a host name, not to an address, with a client that sends it"
    )]
    NoServerName {
        /// The device's certificate.
        certificate: CertificateId,
    },
    /// Path validation found something else.
    #[error("the chain is not valid")]
    Invalid(#[source] webpki::Error),
}

impl ChainError {
    /// A short name that stays the same from version to version, for records and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooManyCertificates { .. } => "chain.too_many_certificates",
            Self::Malformed(_) => "chain.malformed",
            Self::IntermediateMalformed(_) => "chain.intermediate_malformed",
            Self::UnknownIssuer { .. } => "chain.unknown_issuer",
            Self::UnknownIssuerKey { .. } => "chain.unknown_issuer_key",
            Self::OtherIssuer { .. } => "chain.other_issuer",
            Self::BadSignature { .. } => "chain.bad_signature",
            Self::Expired { .. } => "chain.expired",
            Self::NotYetValid { .. } => "chain.not_yet_valid",
            Self::CaExpired { .. } => "chain.ca_expired",
            Self::CaNotYetValid { .. } => "chain.ca_not_yet_valid",
            Self::IntermediateExpired { .. } => "chain.intermediate_expired",
            Self::IntermediateNotYetValid { .. } => "chain.intermediate_not_yet_valid",
            Self::WeakSignature { .. } => "chain.weak_signature",
            Self::UnsupportedSignature { .. } => "chain.unsupported_signature",
            Self::Key { source: KeyFault::Weak { .. }, .. } => "chain.weak_key",
            Self::Key { source: KeyFault::TooLong { .. } | KeyFault::Unsupported { .. }, .. } => {
                "chain.unsupported_key"
            }
            Self::LeafIsCa { .. } => "chain.leaf_is_ca",
            Self::NotForClientAuth { .. } => "chain.not_for_client_auth",
            Self::KeyUsage => "chain.key_usage",
            Self::Version1BelowIntermediate { .. } => "chain.version_1_below_intermediate",
            Self::Version1UnderNameConstraints { .. } => "chain.version_1_under_name_constraints",
            Self::IntermediateNotCa { .. } => "chain.intermediate_not_ca",
            Self::IntermediateMayNotSign { .. } => "chain.intermediate_may_not_sign",
            Self::PathLength { .. } => "chain.path_length",
            Self::NameConstraints => "chain.name_constraints",
            Self::CriticalExtension => "chain.critical_extension",
            Self::NoServerName { .. } => "chain.no_server_name",
            Self::Invalid(_) => "chain.invalid",
        }
    }

    /// The error with which rustls ends the handshake, and which decides about the TLS alert (RFC 8446, section 6.2).
    pub fn to_rustls(&self) -> rustls::Error {
        use rustls::CertificateError as Tls;
        let error = match self {
            Self::TooManyCertificates { .. } | Self::Malformed(_) | Self::IntermediateMalformed(_) => {
                Tls::BadEncoding
            }
            Self::UnknownIssuer { .. } | Self::UnknownIssuerKey { .. } | Self::OtherIssuer { .. } => {
                Tls::UnknownIssuer
            }
            Self::BadSignature { .. } => Tls::BadSignature,
            Self::Expired { .. } | Self::CaExpired { .. } | Self::IntermediateExpired { .. } => Tls::Expired,
            Self::NotYetValid { .. } | Self::CaNotYetValid { .. } | Self::IntermediateNotYetValid { .. } => {
                Tls::NotValidYet
            }
            Self::LeafIsCa { .. } | Self::NotForClientAuth { .. } | Self::KeyUsage => Tls::InvalidPurpose,
            Self::CriticalExtension => Tls::UnhandledCriticalExtension,
            // It becomes the alert access_denied: the certificate is valid, and the server does not go on.
            Self::NoServerName { .. } => Tls::ApplicationVerificationFailure,
            // rustls has no word for these; they become the alert certificate_unknown.
            Self::WeakSignature { .. }
            | Self::UnsupportedSignature { .. }
            | Self::Key { .. }
            | Self::Version1BelowIntermediate { .. }
            | Self::Version1UnderNameConstraints { .. }
            | Self::IntermediateNotCa { .. }
            | Self::IntermediateMayNotSign { .. }
            | Self::PathLength { .. }
            | Self::NameConstraints
            | Self::Invalid(_) => Tls::Other(OtherError(Arc::new(self.clone()))),
        };
        rustls::Error::InvalidCertificate(error)
    }
}

/// A name for an error text, cut to a length that a log can bear.
pub(crate) fn summary(name: &DistinguishedName) -> String {
    let text = name.to_string();
    if text.is_empty() {
        return "(an empty name)".to_owned();
    }
    match text.char_indices().nth(SUMMARY_CHARACTERS_MAX) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// A moment as people write it: `2026-01-31T12:00:00Z`.
pub(crate) fn utc(moment: UnixTime) -> impl fmt::Display {
    let since_epoch = Duration::from_secs(u64::try_from(moment.as_secs()).unwrap_or(0));
    match der::DateTime::from_unix_duration(since_epoch) {
        Ok(date) => date.to_string(),
        // Past the year 9999.
        Err(_) => format!("{moment} seconds after 1970"),
    }
}

fn list(purposes: &[Box<str>]) -> String {
    if purposes.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<&str> = purposes.iter().take(5).map(|purpose| &**purpose).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use landfall_model::NameAttribute;

    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = |value: &str| {
            DistinguishedName::new(vec![NameAttribute { oid: "2.5.4.3".into(), value: value.into() }])
        };
        assert_eq!(summary(&DistinguishedName::default()), "(an empty name)");
        assert_eq!(summary(&name("a")), "CN=a");
        assert_eq!(summary(&name(&"ü".repeat(4_000))), format!("CN={}…", "ü".repeat(197)));
    }

    #[test]
    fn a_moment_is_written_in_utc() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (-5, "1970-01-01T00:00:00Z"),
            (i64::MAX / 1_000, "9223372036854775.000 seconds after 1970"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(utc(UnixTime::from_secs(seconds)).to_string(), expected);
        }
    }
}
