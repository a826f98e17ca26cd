use std::fmt;

use crate::InvalidId;
use crate::certificate::parse_digest;

/// What the common name of a verification certificate must be: 64 lower-case hex digits, random, one for each server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationCode([u8; 32]);

impl RegistrationCode {
    /// The code of these random bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 64 hex digits.
    ///
    /// # Errors
    /// The text is not 64 hex digits.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        parse_digest(text).map(Self)
    }
}

impl fmt::Display for RegistrationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
