use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::certificate::parse_digest;
use crate::{CertificateDer, InvalidId, UnixTime, Validity};

/// The id of a CA certificate: the SHA-256 of its DER, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaCertificateId([u8; 32]);

/// A registered issuer of device certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificate {
    /// Its id.
    pub id: CaCertificateId,
    /// Whether its devices may be registered at all.
    pub status: CaStatus,
    /// Whether a device's first connection registers it.
    pub auto_registration: AutoRegistration,
    /// How its key was proven.
    pub mode: CertificateMode,
    /// The certificate itself.
    pub der: CertificateDer,
    /// From when to when it is valid.
    pub validity: Validity,
    /// When it was registered.
    pub registered_at: UnixTime,
    /// When it last changed.
    pub modified_at: UnixTime,
}

/// Whether a CA certificate's devices may be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaStatus {
    /// They may.
    Active,
    /// No new ones; those already registered go on.
    Inactive,
}

/// Whether a device's first connection registers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoRegistration {
    /// It does.
    Enable,
    /// It does not; each certificate is registered by an operator.
    Disable,
}

/// How a CA certificate was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateMode {
    /// With a verification certificate that proves possession of the CA's key.
    Default,
    /// Without a proof, for clients that send a server name.
    SniOnly,
}

/// A word that names no status.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is none of {known}")]
pub struct UnknownStatus {
    /// What was found.
    pub found: String,
    /// The words that are known.
    pub known: &'static str,
}

impl CaCertificateId {
    /// The id with this SHA-256.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl CaStatus {
    /// AWS IoT's word for the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }

    /// The status by AWS IoT's word.
    ///
    /// # Errors
    /// The word is neither ACTIVE nor INACTIVE.
    pub fn parse(word: &str) -> Result<Self, UnknownStatus> {
        match word {
            "ACTIVE" => Ok(Self::Active),
            "INACTIVE" => Ok(Self::Inactive),
            _ => Err(UnknownStatus { found: word.to_owned(), known: "ACTIVE, INACTIVE" }),
        }
    }
}

impl AutoRegistration {
    /// AWS IoT's word for the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enable => "ENABLE",
            Self::Disable => "DISABLE",
        }
    }

    /// The status by AWS IoT's word.
    ///
    /// # Errors
    /// The word is neither ENABLE nor DISABLE.
    pub fn parse(word: &str) -> Result<Self, UnknownStatus> {
        match word {
            "ENABLE" => Ok(Self::Enable),
            "DISABLE" => Ok(Self::Disable),
            _ => Err(UnknownStatus { found: word.to_owned(), known: "ENABLE, DISABLE" }),
        }
    }
}

impl CertificateMode {
    /// AWS IoT's word for the mode.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::SniOnly => "SNI_ONLY",
        }
    }
}

impl fmt::Display for CaCertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CaCertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificateId({self})")
    }
}

impl FromStr for CaCertificateId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_digest(text).map(Self)
    }
}
