use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::UnknownWord;

/// From which level on something is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens, and worse.
    Info,
    /// What may go wrong, and worse.
    Warn,
    /// What went wrong.
    Error,
    /// Nothing.
    Disabled,
}

/// A text of the logging options, 1 to [`LogText::LENGTH_MAX`] characters without control characters: the ARN of a role,
/// the name of a target, of an event type or of a destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogText(Arc<str>);

/// What a log level of its own is set for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTarget {
    /// The kind of target.
    pub kind: LogTargetKind,
    /// Its name.
    pub name: LogText,
}

/// A kind of target with log levels of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogTargetKind {
    /// The clients with this id.
    ClientId,
    /// Whatever has no level of its own.
    Default,
    /// The principals with this id.
    PrincipalId,
    /// The clients at this address.
    SourceIp,
    /// The things in this group.
    ThingGroup,
}

/// The first form of the logging options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingOptions {
    /// The ARN of the role that may write logs.
    pub role: LogText,
    /// From which level on anything is logged.
    pub level: LogLevel,
}

/// The second form of the logging options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V2LoggingOptions {
    /// The ARN of the role that may write logs.
    pub role: Option<LogText>,
    /// From which level on anything without a level of its own is logged.
    pub default_level: LogLevel,
    /// Whether nothing is logged, whatever the levels are.
    pub all_disabled: bool,
    /// The levels of single event types.
    pub event_configurations: Vec<LogEventConfiguration>,
}

/// The level of one event type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEventConfiguration {
    /// The event type.
    pub event_type: LogText,
    /// From which level on it is logged; none for the default level.
    pub level: Option<LogLevel>,
    /// Where to; none for the default.
    pub destination: Option<LogText>,
}

/// A text that the logging options cannot have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidLogText {
    /// It is empty or too long.
    #[error("text has {found} characters; it needs 1 to {}", LogText::LENGTH_MAX)]
    Length {
        /// How many characters it has.
        found: usize,
    },
    /// It has a control character.
    #[error("text has the control character {found:?}")]
    Control {
        /// The first one.
        found: char,
    },
}

impl LogLevel {
    const ALL: [Self; 5] = [Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Disabled];

    /// AWS IoT's word for the level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Disabled => "DISABLED",
        }
    }

    /// The level by AWS IoT's word.
    ///
    /// # Errors
    /// The word is none of the levels'.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|level| level.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "DEBUG, INFO, ERROR, WARN, DISABLED"))
    }
}

impl LogTargetKind {
    const ALL: [Self; 5] =
        [Self::ClientId, Self::Default, Self::PrincipalId, Self::SourceIp, Self::ThingGroup];

    /// AWS IoT's word for the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "CLIENT_ID",
            Self::Default => "DEFAULT",
            Self::PrincipalId => "PRINCIPAL_ID",
            Self::SourceIp => "SOURCE_IP",
            Self::ThingGroup => "THING_GROUP",
        }
    }

    /// The kind by AWS IoT's word.
    ///
    /// # Errors
    /// The word is none of the kinds'.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == word);
        found
            .ok_or_else(|| UnknownWord::new(word, "DEFAULT, THING_GROUP, CLIENT_ID, SOURCE_IP, PRINCIPAL_ID"))
    }
}

impl LogTarget {
    /// The most targets with levels of their own that a server keeps.
    pub const OF_SERVER_MAX: usize = 1_000;
}

impl V2LoggingOptions {
    /// The most event types with levels of their own that a server keeps.
    pub const EVENT_CONFIGURATIONS_MAX: usize = 100;
}

impl LogText {
    /// The most characters.
    pub const LENGTH_MAX: usize = 2_048;

    /// Parses a text.
    ///
    /// # Errors
    /// The text is empty, too long, or has a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidLogText> {
        let found = text.chars().count();
        if found == 0 || found > Self::LENGTH_MAX {
            return Err(InvalidLogText::Length { found });
        }
        match text.chars().find(|c| c.is_control()) {
            None => Ok(Self(text.into())),
            Some(found) => Err(InvalidLogText::Control { found }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for level in LogLevel::ALL {
            assert_eq!(LogLevel::parse(level.as_str()), Ok(level));
        }
        for kind in LogTargetKind::ALL {
            assert_eq!(LogTargetKind::parse(kind.as_str()), Ok(kind));
        }
        assert!(LogLevel::parse("debug").is_err());
        assert!(LogTargetKind::parse("").is_err());
    }

    #[test]
    fn a_text_has_one_line() {
        assert!(LogText::parse("arn:aws:iam::000000000000:role/logs").is_ok());
        assert_eq!(LogText::parse(""), Err(InvalidLogText::Length { found: 0 }));
        assert_eq!(LogText::parse("a\nb"), Err(InvalidLogText::Control { found: '\n' }));
        assert_eq!(LogText::parse(&"x".repeat(2_049)), Err(InvalidLogText::Length { found: 2_049 }));
    }
}
