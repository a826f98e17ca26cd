use crate::name::{InvalidName, NameRule};
use std::fmt;
use std::sync::Arc;

/// What an operator says of a thing type or a group: at most 2,028 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Description(Arc<str>);

impl Description {
    /// The most characters.
    pub const LENGTH_MAX: usize = 2_028;

    const RULE: NameRule = NameRule {
        kind: "description",
        length_max: Self::LENGTH_MAX,
        punctuation: " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        allowed: "printable ASCII characters",
        may_be_empty: true,
    };

    /// Parses a description.
    ///
    /// # Errors
    /// The text is too long, or has a character that is not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        Self::RULE.check(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_printable_ascii() {
        let printable: String = (' '..='~').collect();
        for good in ["", "Lights, all of them.", &printable, &"x".repeat(Description::LENGTH_MAX)] {
            assert_eq!(Description::parse(good).unwrap().as_str(), good);
        }
        for bad in ["a\nb", "\u{7f}", "é", &"x".repeat(Description::LENGTH_MAX + 1)] {
            assert!(Description::parse(bad).is_err(), "{bad}");
        }
    }
}
