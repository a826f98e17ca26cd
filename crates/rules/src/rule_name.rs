use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use landfall_model::InvalidName;

/// Longest name of a topic rule, in characters.
pub const RULE_NAME_CHARACTERS_MAX: usize = 128;

/// What the name of a topic rule may be made of.
const ALLOWED: &str = "letters, digits and _";

/// The name of a topic rule: 1 to 128 ASCII letters, digits and underscores.
///
/// A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(Arc<str>);

impl RuleName {
    /// Parses a name.
    ///
    /// # Errors
    /// The text is empty, too long, or has a character that AWS IoT does not allow here.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let kind = "the rule name";
        let length_max = RULE_NAME_CHARACTERS_MAX;
        let found = text.chars().count();
        if found == 0 {
            return Err(InvalidName::Empty { kind, length_max });
        }
        if found > length_max {
            return Err(InvalidName::TooLong { kind, length_max, found });
        }
        match text.chars().find(|character| !(character.is_ascii_alphanumeric() || *character == '_')) {
            Some(found) => {
                Err(InvalidName::Character { kind, value: text.to_owned(), found, allowed: ALLOWED })
            }
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RuleName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_underscores() {
        let longest = "r".repeat(RULE_NAME_CHARACTERS_MAX);
        for text in ["r", "JITR_rule_1", longest.as_str()] {
            assert_eq!(text.parse::<RuleName>().unwrap().as_str(), text);
        }
        let too_long = "r".repeat(RULE_NAME_CHARACTERS_MAX + 1);
        for (text, message) in [
            ("", "the rule name is empty; it needs 1 to 128 characters"),
            ("my-rule", "the rule name \"my-rule\" has the character '-'; allowed are letters, digits and _"),
            (&too_long, "the rule name has 129 characters; at most 128 are allowed"),
        ] {
            assert_eq!(RuleName::parse(text).unwrap_err().to_string(), message);
        }
    }
}
