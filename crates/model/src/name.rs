use thiserror::Error;

/// A name that AWS IoT would not take.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidName {
    /// Nothing was given.
    #[error("{kind} is empty; it needs 1 to {length_max} characters")]
    Empty {
        /// What the name would have been of.
        kind: &'static str,
        /// The most characters allowed.
        length_max: usize,
    },
    /// More characters than allowed.
    #[error("{kind} has {found} characters; at most {length_max} are allowed")]
    TooLong {
        /// What the name would have been of.
        kind: &'static str,
        /// The most characters allowed.
        length_max: usize,
        /// How many there were.
        found: usize,
    },
    /// A character that is not allowed.
    #[error("{kind} {value:?} has the character {found:?}; allowed are {allowed}")]
    Character {
        /// What the name would have been of.
        kind: &'static str,
        /// The start of the text, at most 80 characters of it.
        value: String,
        /// The first character at fault.
        found: char,
        /// The characters that are allowed, for people.
        allowed: &'static str,
    },
}

/// A word that is none of those that are known.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is none of {known}")]
pub struct UnknownWord {
    /// The start of what was found.
    pub found: String,
    /// The words that are known.
    pub known: &'static str,
}

impl UnknownWord {
    pub(crate) fn new(found: &str, known: &'static str) -> Self {
        Self { found: found.chars().take(SHOWN_MAX).collect(), known }
    }
}

/// How many characters of a wrong text an error repeats.
const SHOWN_MAX: usize = 80;

/// What a kind of name may look like.
pub(crate) struct NameRule {
    pub(crate) kind: &'static str,
    pub(crate) length_max: usize,
    /// The characters besides ASCII letters and digits.
    pub(crate) punctuation: &'static str,
    pub(crate) allowed: &'static str,
    pub(crate) may_be_empty: bool,
}

impl NameRule {
    pub(crate) fn check(&self, text: &str) -> Result<(), InvalidName> {
        // Nearly every name is in order, and then it has as many characters as bytes.
        let is_short = (1..=self.length_max).contains(&text.len());
        if is_short && text.bytes().all(|byte| self.allows_byte(byte)) {
            return Ok(());
        }
        self.check_characters(text)
    }

    fn check_characters(&self, text: &str) -> Result<(), InvalidName> {
        let found = text.chars().count();
        if found == 0 && !self.may_be_empty {
            return Err(InvalidName::Empty { kind: self.kind, length_max: self.length_max });
        }
        if found > self.length_max {
            return Err(InvalidName::TooLong { kind: self.kind, length_max: self.length_max, found });
        }
        match text.chars().find(|c| !self.allows(*c)) {
            None => Ok(()),
            Some(found) => Err(InvalidName::Character {
                kind: self.kind,
                value: text.chars().take(SHOWN_MAX).collect(),
                found,
                allowed: self.allowed,
            }),
        }
    }

    pub(crate) fn allows(&self, c: char) -> bool {
        u8::try_from(c).is_ok_and(|byte| self.allows_byte(byte))
    }

    fn allows_byte(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || self.punctuation.as_bytes().contains(&byte)
    }
}

/// Makes a newtype for a name that follows a [`NameRule`].
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $rule:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            const RULE: $crate::name::NameRule = $rule;

            /// Parses a name.
            ///
            /// # Errors
            /// The text is empty, too long, or has a character that AWS IoT does not allow here.
            pub fn parse(text: &str) -> Result<Self, $crate::InvalidName> {
                Self::RULE.check(text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
    };
}

pub(crate) use name_type;
