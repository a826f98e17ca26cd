use std::collections::BTreeMap;

use crate::name::{NameRule, name_type};
use crate::{CaCertificateId, ThingTypeName, UnixTime};

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

/// The attributes of a thing, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<AttributeName, AttributeValue>);

/// An entry of the registry that stands for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Its name.
    pub name: ThingName,
    /// Its type, if it has one.
    pub thing_type: Option<ThingTypeName>,
    /// Its attributes.
    pub attributes: Attributes,
    /// Goes up by one with each change of type or attributes, from 1.
    pub version: u64,
    /// The CA certificate whose device it was made for; none when an operator made it.
    pub made_by: Option<CaCertificateId>,
    /// When it was created.
    pub created_at: UnixTime,
}

impl Attributes {
    /// The most attributes that a thing of a type can have.
    pub const TYPED_MAX: usize = 50;

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
    fn characters_that_aws_does_not_allow_are_replaced() {
        for (text, expected) in
            [("Acme Inc", "Acme_Inc"), ("a=b[c]", "a=b[c]"), ("", ""), ("é*?${}", "______")]
        {
            assert_eq!(AttributeValue::parse_replacing(text).unwrap().as_str(), expected, "{text}");
        }
    }
}
