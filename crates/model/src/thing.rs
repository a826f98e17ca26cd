use std::collections::BTreeMap;

use crate::name::{NameRule, name_type};
use crate::uuid::uuid_type;
use crate::{BillingGroupName, CaCertificateId, CertificateId, ThingTypeName, UnixTime, UnknownWord};

name_type! {
    /// The name of a thing: 1 to 128 characters of letters, digits and `:_-`.
    ThingName,
    NameRule {
        kind: "thing name",
        length_max: 128,
        punctuation: ":_-",
        allowed: "letters, digits and : _ -",
        may_be_empty: false,
    }
}

name_type! {
    /// The name of a thing's attribute: 1 to 128 characters of letters, digits and `_.,@/:#-`.
    AttributeName,
    NameRule {
        kind: "attribute name",
        length_max: 128,
        punctuation: "_.,@/:#-",
        allowed: "letters, digits and _ . , @ / : # -",
        may_be_empty: false,
    }
}

name_type! {
    /// The value of a thing's attribute: at most 800 characters of letters, digits and `_.,@/:#=[]-`.
    AttributeValue,
    NameRule {
        kind: "attribute value",
        length_max: 800,
        punctuation: "_.,@/:#=[]-",
        allowed: "letters, digits and _ . , @ / : # = [ ] -",
        may_be_empty: true,
    }
}

uuid_type! {
    /// The id of a thing, which tells it from an earlier one of its name.
    ThingId
}

/// The attributes of a thing or of a thing group, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<AttributeName, AttributeValue>);

/// An entry of the registry that stands for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Its name.
    pub name: ThingName,
    /// Its id.
    pub id: ThingId,
    /// Its type, if it has one.
    pub thing_type: Option<ThingTypeName>,
    /// Its billing group, if it is in one.
    pub billing_group: Option<BillingGroupName>,
    /// Its attributes.
    pub attributes: Attributes,
    /// Goes up by one with each change of type or attributes, from 1.
    pub version: u64,
    /// The CA certificate whose device it was made for; none when an operator made it.
    pub made_by: Option<CaCertificateId>,
    /// When it was created.
    pub created_at: UnixTime,
}

/// How a certificate is attached to a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThingPrincipalType {
    /// The certificate is attached to this thing alone; others may be attached to the thing.
    Exclusive,
    /// The certificate may be attached to several things.
    #[default]
    NonExclusive,
}

/// A certificate as a thing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThingPrincipal {
    /// The certificate.
    pub certificate: CertificateId,
    /// How it is attached.
    pub principal_type: ThingPrincipalType,
}

/// A thing as a certificate sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalThing {
    /// The thing.
    pub thing: ThingName,
    /// How the certificate is attached to it.
    pub principal_type: ThingPrincipalType,
}

impl ThingPrincipalType {
    /// AWS IoT's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exclusive => "EXCLUSIVE_THING",
            Self::NonExclusive => "NON_EXCLUSIVE_THING",
        }
    }

    /// The type by AWS IoT's word.
    ///
    /// # Errors
    /// The word is neither `EXCLUSIVE_THING` nor `NON_EXCLUSIVE_THING`.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "EXCLUSIVE_THING" => Ok(Self::Exclusive),
            "NON_EXCLUSIVE_THING" => Ok(Self::NonExclusive),
            _ => Err(UnknownWord::new(word, "EXCLUSIVE_THING, NON_EXCLUSIVE_THING")),
        }
    }
}

// The limits are those of <https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html>.
impl Attributes {
    /// The most attributes that a thing of a type can have.
    pub const TYPED_MAX: usize = 50;

    /// The most attributes that a thing without a type can have.
    pub const UNTYPED_MAX: usize = 3;

    /// The most bytes of all names and values of a thing together: 47 kibibytes.
    pub const BYTES_MAX: usize = 47 * 1_024;

    /// The bytes of all names and values together.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.as_str().len() + value.as_str().len()).sum()
    }

    /// Takes over `changes`: an empty value removes the attribute of that name, any other sets it.
    ///
    /// This is `merge` of AWS IoT's attribute payload.
    pub fn merge(&mut self, changes: Self) {
        for (name, value) in changes.0 {
            if value.as_str().is_empty() {
                self.0.remove(&name);
            } else {
                self.0.insert(name, value);
            }
        }
    }

    /// Sets an attribute.
    pub fn insert(&mut self, name: AttributeName, value: AttributeValue) {
        self.0.insert(name, value);
    }

    /// The value of an attribute.
    pub fn get(&self, name: &AttributeName) -> Option<&AttributeValue> {
        self.0.get(name)
    }

    /// Every attribute, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AttributeName, &AttributeValue)> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(AttributeName, AttributeValue)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (AttributeName, AttributeValue)>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

impl AttributeValue {
    /// Replaces each character that AWS IoT does not allow by `_`, then parses.
    ///
    /// # Errors
    /// The text is longer than an attribute value may be.
    pub fn parse_replacing(text: &str) -> Result<Self, crate::InvalidName> {
        let allowed: String = text.chars().map(|c| if Self::RULE.allows(c) { c } else { '_' }).collect();
        Self::parse(&allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thing_names_follow_the_pattern_of_aws() {
        for good in ["thing-1234-5678-9123", "a", "A:b_c-9", &"x".repeat(128)] {
            assert!(ThingName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a+b", "a#", "${x}", "ä", "a\0", &"x".repeat(129)] {
            assert!(ThingName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_shows_what_is_wrong_and_what_would_be_right() {
        let error = ThingName::parse("thing-a/b").unwrap_err().to_string();
        assert_eq!(
            error,
            r#"thing name "thing-a/b" has the character '/'; allowed are letters, digits and : _ -"#
        );
    }

    #[test]
    fn merging_sets_and_removes() {
        let pair = |(name, value): &(&str, &str)| {
            (AttributeName::parse(name).unwrap(), AttributeValue::parse(value).unwrap())
        };
        let attributes = |pairs: &[(&str, &str)]| pairs.iter().map(pair).collect::<Attributes>();
        let mut merged = attributes(&[("a", "1"), ("b", "2"), ("c", "")]);
        merged.merge(attributes(&[("a", ""), ("b", "3"), ("d", "4"), ("e", "")]));
        assert_eq!(merged, attributes(&[("b", "3"), ("c", ""), ("d", "4")]));
        assert_eq!(merged.bytes(), 2 + 1 + 2);
    }

    #[test]
    fn characters_that_aws_does_not_allow_are_replaced() {
        for (text, expected) in
            [("Acme Inc", "Acme_Inc"), ("a=b[c]", "a=b[c]"), ("", ""), ("é*?${}", "______")]
        {
            assert_eq!(AttributeValue::parse_replacing(text).unwrap().as_str(), expected, "{text}");
        }
    }
}
