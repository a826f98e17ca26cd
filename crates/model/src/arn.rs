use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::{CaCertificateId, CertificateId, PolicyName, ThingName, ThingTypeName};

/// An AWS account: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(Arc<str>);

/// An AWS region, as `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region(Arc<str>);

/// The one account and region that a server is, from which every ARN is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

/// An account id or a region of the wrong form.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidAccount {
    /// Not twelve digits.
    #[error("account id {0:?} is not twelve digits, as 000000000000 is")]
    AccountId(String),
    /// Not letters, digits and hyphens.
    #[error("region {0:?} is not of lower-case letters, digits and hyphens, as us-east-1 is")]
    Region(String),
}

impl AccountId {
    /// Parses an account id.
    ///
    /// # Errors
    /// The text is not twelve digits.
    pub fn parse(text: &str) -> Result<Self, InvalidAccount> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidAccount::AccountId(text.to_owned()))
        }
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// The most characters a region may have.
    pub const LENGTH_MAX: usize = 32;

    /// Parses a region.
    ///
    /// # Errors
    /// The text is empty, longer than [`Self::LENGTH_MAX`], or has other characters than `a-z`, `0-9` and `-`.
    pub fn parse(text: &str) -> Result<Self, InvalidAccount> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=Self::LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidAccount::Region(text.to_owned()))
        }
    }

    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scope {
    /// The part that every ARN of AWS IoT here begins with, up to and with the last colon.
    pub fn arn_prefix(&self) -> String {
        format!("arn:aws:iot:{}:{}:", self.region, self.account)
    }

    /// The ARN of a certificate.
    pub fn certificate_arn(&self, id: &CertificateId) -> String {
        format!("{}cert/{id}", self.arn_prefix())
    }

    /// The ARN of a CA certificate.
    pub fn ca_certificate_arn(&self, id: &CaCertificateId) -> String {
        format!("{}cacert/{id}", self.arn_prefix())
    }

    /// The ARN of a thing.
    pub fn thing_arn(&self, name: &ThingName) -> String {
        format!("{}thing/{name}", self.arn_prefix())
    }

    /// The ARN of a thing type.
    pub fn thing_type_arn(&self, name: &ThingTypeName) -> String {
        format!("{}thingtype/{name}", self.arn_prefix())
    }

    /// The ARN of a policy.
    pub fn policy_arn(&self, name: &PolicyName) -> String {
        format!("{}policy/{name}", self.arn_prefix())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
