use std::fmt;
use std::str::FromStr;

use crate::certificate::parse_digest;
use crate::{CertificateDer, GenerationId, InvalidId, UnixTime, UnknownWord, Validity};

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
    /// Goes up by one with each change, from 1: AWS IoT's `customerVersion`.
    pub version: u64,
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

/// How a certificate or CA certificate was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateMode {
    /// With a verification certificate that proves possession of the CA's key, or by such a CA certificate.
    Default,
    /// Without a proof or without a CA certificate, for clients that send a server name.
    SniOnly,
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

impl CaCertificate {
    /// The id of its present state.
    pub fn generation_id(&self) -> GenerationId {
        GenerationId::of_ca_certificate(&self.id, self.version)
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
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "ACTIVE" => Ok(Self::Active),
            "INACTIVE" => Ok(Self::Inactive),
            _ => Err(UnknownWord::new(word, "ACTIVE, INACTIVE")),
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
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "ENABLE" => Ok(Self::Enable),
            "DISABLE" => Ok(Self::Disable),
            _ => Err(UnknownWord::new(word, "ENABLE, DISABLE")),
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

    /// The mode by AWS IoT's word.
    ///
    /// # Errors
    /// The word is neither DEFAULT nor SNI_ONLY.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "DEFAULT" => Ok(Self::Default),
            "SNI_ONLY" => Ok(Self::SniOnly),
            _ => Err(UnknownWord::new(word, "DEFAULT, SNI_ONLY")),
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
