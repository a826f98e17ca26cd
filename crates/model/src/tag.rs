use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::{BillingGroupName, CaCertificateId, PolicyName, RuleName, ThingGroupName, ThingTypeName};

/// The name of a tag: 1 to 128 letters, digits, spaces and `_.:/=+-@`, of any script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagKey(Arc<str>);

/// The value of a tag: at most 256 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TagValue(Arc<str>);

/// A name and a value that an operator gave to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name. A resource has one tag of a name.
    pub key: TagKey,
    /// Its value.
    pub value: TagValue,
}

/// What can have tags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TaggedResource {
    /// A billing group.
    BillingGroup(BillingGroupName),
    /// A CA certificate.
    CaCertificate(CaCertificateId),
    /// A policy.
    Policy(PolicyName),
    /// A thing group.
    ThingGroup(ThingGroupName),
    /// A thing type.
    ThingType(ThingTypeName),
    /// A topic rule.
    TopicRule(RuleName),
}

/// A tag that AWS would not take.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidTag {
    /// The key is empty or too long.
    #[error("tag key has {found} characters; it needs 1 to {}", TagKey::LENGTH_MAX)]
    KeyLength {
        /// How many characters it has.
        found: usize,
    },
    /// The key has a character that is not allowed.
    #[error("tag key has the character {found:?}; allowed are letters, digits, spaces and _ . : / = + - @")]
    KeyCharacter {
        /// The first character at fault.
        found: char,
    },
    /// The key is one of those that AWS keeps for itself.
    #[error("tag key begins with aws:, which is kept for AWS")]
    KeyReserved,
    /// The value is too long.
    #[error("tag value has {found} characters; at most {} are allowed", TagValue::LENGTH_MAX)]
    ValueLength {
        /// How many characters it has.
        found: usize,
    },
}

impl TagKey {
    /// The most characters.
    pub const LENGTH_MAX: usize = 128;

    /// Parses a key.
    ///
    /// # Errors
    /// The text is empty, too long, has a character that AWS does not allow, or begins with `aws:` in any case.
    pub fn parse(text: &str) -> Result<Self, InvalidTag> {
        let found = text.chars().count();
        if found == 0 || found > Self::LENGTH_MAX {
            return Err(InvalidTag::KeyLength { found });
        }
        if let Some(found) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(InvalidTag::KeyCharacter { found });
        }
        if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(InvalidTag::KeyReserved);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TagValue {
    /// The most characters.
    pub const LENGTH_MAX: usize = 256;

    /// Parses a value.
    ///
    /// # Errors
    /// The text is too long.
    pub fn parse(text: &str) -> Result<Self, InvalidTag> {
        let found = text.chars().count();
        if found > Self::LENGTH_MAX {
            return Err(InvalidTag::ValueLength { found });
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tag {
    /// The most tags that a resource can have
    /// (<https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot.html>).
    pub const OF_RESOURCE_MAX: usize = 50;
}

impl fmt::Display for TaggedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BillingGroup(name) => write!(f, "billing group {name}"),
            Self::CaCertificate(id) => write!(f, "CA certificate {id}"),
            Self::Policy(name) => write!(f, "policy {name}"),
            Self::ThingGroup(name) => write!(f, "thing group {name}"),
            Self::ThingType(name) => write!(f, "thing type {name}"),
            Self::TopicRule(name) => write!(f, "topic rule {name}"),
        }
    }
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || "_.:/=+-@".contains(c) || (c.is_whitespace() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_pattern_of_aws() {
        for good in ["a", "Cost Centre", "été:2/=+-@_.", "awsome", &"x".repeat(128), &"ß".repeat(128)] {
            assert_eq!(TagKey::parse(good).unwrap().as_str(), good);
        }
        for (bad, expected) in [
            ("", InvalidTag::KeyLength { found: 0 }),
            (&*"x".repeat(129), InvalidTag::KeyLength { found: 129 }),
            ("a\nb", InvalidTag::KeyCharacter { found: '\n' }),
            ("a#", InvalidTag::KeyCharacter { found: '#' }),
            ("AWS:x", InvalidTag::KeyReserved),
        ] {
            assert_eq!(TagKey::parse(bad), Err(expected), "{bad}");
        }
    }

    #[test]
    fn values_have_at_most_256_characters() {
        assert!(TagValue::parse("").is_ok());
        assert!(TagValue::parse(&"ß".repeat(256)).is_ok());
        assert_eq!(TagValue::parse(&"x".repeat(257)), Err(InvalidTag::ValueLength { found: 257 }));
    }
}
