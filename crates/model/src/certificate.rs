use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::{CaCertificateId, CertificateMode, CreationId, GenerationId, UnixTime, UnknownWord};

/// The id of a certificate: the SHA-256 of its DER, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateId([u8; 32]);

/// A device's certificate as registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its id.
    pub id: CertificateId,
    /// The CA certificate that issued it; none when it was registered without one.
    pub ca: Option<CaCertificateId>,
    /// What may be done with it.
    pub status: CertificateStatus,
    /// How it was registered.
    pub mode: CertificateMode,
    /// What its issuer signed: no other registered certificate has the same.
    pub signed_part: SignedPart,
    /// The certificate itself.
    pub der: CertificateDer,
    /// From when to when it is valid.
    pub validity: Validity,
    /// Goes up by one with each change of the status, from 1: AWS IoT's `customerVersion`.
    pub version: u64,
    /// When it was registered.
    pub registered_at: UnixTime,
    /// When its status last changed.
    pub modified_at: UnixTime,
}

/// What a registered certificate may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// It may connect.
    Active,
    /// Its device is kept out until it is activated again.
    Inactive,
    /// Seen for the first time and not provisioned yet.
    PendingActivation {
        /// The id of its registration, which every retry keeps.
        creation_id: CreationId,
    },
    /// Its device is kept out for good.
    Revoked,
}

/// The SHA-256 of the part of a certificate that its issuer signed.
///
/// Whoever has a certificate signed by an elliptic curve key can make another signature of it, and so another certificate
/// id, without the issuer's key. This stays the same, so that a revoked device cannot come back as a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignedPart([u8; 32]);

/// The DER of one certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateDer(Arc<[u8]>);

/// From when to when a certificate is valid, both ends included (RFC 5280, section 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: UnixTime,
    /// The last moment.
    pub not_after: UnixTime,
}

/// An id that is not 64 hex digits.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is not an id of 64 hex digits")]
pub struct InvalidId {
    /// The start of what was found.
    pub found: String,
}

impl CertificateId {
    /// The id with this SHA-256.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Certificate {
    /// The id of its present state.
    pub fn generation_id(&self) -> GenerationId {
        GenerationId::of_certificate(&self.id, self.version)
    }
}

impl SignedPart {
    /// The part with this SHA-256.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl CertificateStatus {
    /// AWS IoT's word for the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::PendingActivation { .. } => "PENDING_ACTIVATION",
            Self::Revoked => "REVOKED",
        }
    }

    /// The status that an operator asks for by AWS IoT's word.
    ///
    /// # Errors
    /// The word is none of ACTIVE, INACTIVE and REVOKED, the statuses that can be set.
    pub fn parse_settable(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "ACTIVE" => Ok(Self::Active),
            "INACTIVE" => Ok(Self::Inactive),
            "REVOKED" => Ok(Self::Revoked),
            _ => Err(UnknownWord::new(word, "ACTIVE, INACTIVE, REVOKED")),
        }
    }
}

impl CertificateDer {
    /// Wraps the DER of a certificate, which the caller has parsed.
    pub fn new(der: &[u8]) -> Self {
        Self(der.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Validity {
    /// Whether the certificate is valid at `now`.
    pub fn contains(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

impl fmt::Debug for CertificateDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateDer({} bytes)", self.0.len())
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateId({self})")
    }
}

impl FromStr for CertificateId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_digest(text).map(Self)
    }
}

/// Reads 64 hex digits; AWS IoT also takes them after `0x`.
pub(crate) fn parse_digest(text: &str) -> Result<[u8; 32], InvalidId> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut digest = [0; 32];
    match hex::decode_to_slice(digits, &mut digest) {
        Ok(()) => Ok(digest),
        Err(_) => Err(InvalidId { found: text.chars().take(80).collect() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_hex_digits() {
        let id = CertificateId::from_sha256([0xab; 32]);
        assert_eq!(id.to_string(), "ab".repeat(32));
        for good in ["ab".repeat(32), "AB".repeat(32), format!("0x{}", "ab".repeat(32))] {
            assert_eq!(good.parse::<CertificateId>(), Ok(id), "{good}");
        }
        for bad in ["", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(bad.parse::<CertificateId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn both_ends_of_a_validity_belong_to_it() {
        let validity = Validity { not_before: UnixTime::from_secs(10), not_after: UnixTime::from_secs(20) };
        for (second, expected) in [(9, false), (10, true), (20, true), (21, false)] {
            assert_eq!(validity.contains(UnixTime::from_secs(second)), expected, "{second}");
        }
    }
}
