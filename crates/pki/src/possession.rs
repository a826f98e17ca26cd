use landfall_model::{RegistrationCode, UnixTime, Validity};
use thiserror::Error;

use crate::chain_error::{summary, utc};
use crate::signature::SignatureFault;
use crate::{Anchor, CaError, ParsedCertificate, PemError};

/// The object identifier of CN.
const COMMON_NAME: &str = "2.5.4.3";

/// Why possession of a CA's key is not proven.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PossessionError {
    /// The CA certificate cannot be read.
    #[error("the CA certificate cannot be read")]
    CaUnreadable(#[source] PemError),
    /// The verification certificate cannot be read.
    #[error("the verification certificate cannot be read")]
    VerificationUnreadable(#[source] PemError),
    /// The CA certificate is not one that may be registered.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The CA certificate is not valid now.
    #[error("the CA certificate is valid from {} to {}, and it is {}", utc(validity.not_before), utc(validity.not_after), utc(*now))]
    CaNotValid {
        /// From when to when it is.
        validity: Validity,
        /// The moment of the check.
        now: UnixTime,
    },
    /// The verification certificate is not valid now.
    #[error(
        "the verification certificate is valid from {} to {}, and it is {}",
        utc(validity.not_before), utc(validity.not_after), utc(*now)
    )]
    VerificationNotValid {
        /// From when to when it is.
        validity: Validity,
        /// The moment of the check.
        now: UnixTime,
    },
    /// The verification certificate has no common name.
    #[error(
        "the verification certificate has no common name (CN); it must be the registration code {expected}"
    )]
    NoCommonName {
        /// The registration code.
        expected: RegistrationCode,
    },
    /// The common name is not the registration code.
    #[error(
        "the common name (CN) of the verification certificate is {found:?}, and must be the registration code {expected}"
    )]
    CommonName {
        /// What was found, cut to 200 characters.
        found: String,
        /// The registration code.
        expected: RegistrationCode,
    },
    /// The verification certificate names another issuer.
    #[error(
        "the verification certificate was issued by {found}, and the CA certificate is that of {expected}"
    )]
    OtherIssuer {
        /// The issuer of the verification certificate.
        found: String,
        /// The subject of the CA certificate.
        expected: String,
    },
    /// The signature is of a broken kind.
    #[error(
        "the verification certificate is signed by {algorithm}, which is not secure; sign it with -sha256"
    )]
    WeakSignature {
        /// The algorithm.
        algorithm: &'static str,
    },
    /// The signature is of a kind that is not supported.
    #[error("the verification certificate is signed by an algorithm that is not supported: {oid}")]
    UnsupportedSignature {
        /// The algorithm's object identifier.
        oid: Box<str>,
    },
    /// Another key made the signature.
    #[error("the verification certificate was signed by another key than that of the CA certificate of {ca}")]
    OtherKey {
        /// The subject of the CA certificate.
        ca: String,
    },
}

/// Proves that whoever sent both certificates holds the key of the CA certificate: it signed a certificate whose common
/// name is `code`, which nobody could know before. Both may be in PEM or in DER.
///
/// The verification certificate may be of version 1 or 3, and its own key does not matter.
///
/// # Errors
/// The proof fails, or the CA certificate is none that may be registered; the error says what would be right.
pub fn prove_possession(
    ca: &[u8],
    verification: &[u8],
    code: &RegistrationCode,
    now: UnixTime,
) -> Result<Anchor, PossessionError> {
    let ca = ParsedCertificate::from_pem_or_der(ca).map_err(PossessionError::CaUnreadable)?;
    let verification =
        ParsedCertificate::from_pem_or_der(verification).map_err(PossessionError::VerificationUnreadable)?;
    let anchor = Anchor::new(ca)?;
    let now = UnixTime::from_secs(now.as_secs());
    if !anchor.validity().contains(now) {
        return Err(PossessionError::CaNotValid { validity: anchor.validity(), now });
    }
    check_common_name(&verification, code)?;
    check_signature(&verification, &anchor)?;
    if !verification.validity().contains(now) {
        return Err(PossessionError::VerificationNotValid { validity: verification.validity(), now });
    }
    Ok(anchor)
}

fn check_common_name(
    verification: &ParsedCertificate,
    code: &RegistrationCode,
) -> Result<(), PossessionError> {
    let expected = code.to_string();
    let names: Vec<&str> = verification.subject().values(COMMON_NAME).collect();
    if names.is_empty() {
        return Err(PossessionError::NoCommonName { expected: code.clone() });
    }
    // Two common names are no proof either, since one of them was chosen for something else.
    if names == [expected] {
        return Ok(());
    }
    Err(PossessionError::CommonName {
        found: names.join(", ").chars().take(200).collect(),
        expected: code.clone(),
    })
}

fn check_signature(verification: &ParsedCertificate, anchor: &Anchor) -> Result<(), PossessionError> {
    let ca = anchor.certificate();
    if verification.issuer_der() != ca.subject_der() {
        return Err(PossessionError::OtherIssuer {
            found: summary(verification.issuer()),
            expected: summary(ca.subject()),
        });
    }
    if let Some(algorithm) = verification.weak_signature() {
        return Err(PossessionError::WeakSignature { algorithm });
    }
    verification.verify_signed_by(ca).map_err(|fault| match fault {
        SignatureFault::Algorithm => {
            PossessionError::UnsupportedSignature { oid: verification.signature_algorithm().into() }
        }
        SignatureFault::OtherKey => PossessionError::OtherKey { ca: summary(ca.subject()) },
    })
}
