use landfall_model::{CaCertificateId, UnixTime};
use thiserror::Error;

use crate::chain::{check_direct, check_pinned, direct_issuers};
use crate::{Anchor, ChainError, ParsedCertificate, TrustAnchors};

/// Why it is not known which registered CA certificate issued a certificate.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IssuerError {
    /// None did.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Several have the subject and the key that signed it: a CA certificate that was renewed with the same key.
    #[error(
        "{} registered CA certificates have the subject and the key that signed the certificate; say which one is meant \
         by sending that CA certificate too",
        cas.len()
    )]
    Ambiguous {
        /// Their ids.
        cas: Vec<CaCertificateId>,
    },
}

/// Checks that a device's certificate may be registered as one that this CA certificate issued: `ca` signed it itself,
/// and it would pass in a handshake.
///
/// A certificate that has expired is refused, since its device could never connect. One that is not valid yet may be
/// registered ahead of its time, and is checked as of its first moment.
///
/// # Errors
/// What stands against it, as in [`verify`](crate::verify).
pub fn check_issued_by(
    certificate: &ParsedCertificate,
    ca: &Anchor,
    now: UnixTime,
) -> Result<(), ChainError> {
    check_direct(certificate, ca, moment(certificate, now))
}

/// Finds the registered CA certificate that issued a device's certificate, which must pass as in [`check_issued_by`].
///
/// # Errors
/// None did, or it cannot be said which one.
pub fn find_issuer(
    certificate: &ParsedCertificate,
    anchors: &TrustAnchors,
    now: UnixTime,
) -> Result<CaCertificateId, IssuerError> {
    let cas = direct_issuers(certificate, anchors, moment(certificate, now))?;
    match cas.as_slice() {
        [only] => Ok(*only),
        _ => Err(IssuerError::Ambiguous { cas }),
    }
}

/// Checks that a device's certificate may be registered without a CA certificate: whoever signed it, it would pass in a
/// handshake once it is [pinned](crate::PinnedCertificates). Of its time the same is true as in [`check_issued_by`].
///
/// # Errors
/// What stands against it, as in [`verify`](crate::verify).
pub fn check_without_ca(certificate: &ParsedCertificate, now: UnixTime) -> Result<(), ChainError> {
    check_pinned(certificate, moment(certificate, now))
}

/// The moment as of which a certificate is checked that may be used later.
fn moment(certificate: &ParsedCertificate, now: UnixTime) -> UnixTime {
    UnixTime::from_secs(now.as_secs()).max(certificate.validity().not_before)
}
