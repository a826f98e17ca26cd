//! The identifier that an MQTT client gives itself.

use std::fmt;
use std::sync::Arc;

/// Longest client identifier, in bytes of UTF-8: the limit of AWS IoT.
pub const CLIENT_ID_BYTES_MAX: usize = 128;

/// The identifier of an MQTT client: 1 to 128 bytes of UTF-8 without control characters.
///
/// A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// Parses a client identifier.
    ///
    /// # Errors
    /// The text is empty, longer than [`CLIENT_ID_BYTES_MAX`] or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        if text.is_empty() {
            return Err(InvalidClientId::Empty);
        }
        if text.len() > CLIENT_ID_BYTES_MAX {
            return Err(InvalidClientId::TooLong { bytes: text.len() });
        }
        if let Some((position, character)) = text.char_indices().find(|(_, character)| character.is_control())
        {
            return Err(InvalidClientId::ControlCharacter { character, position });
        }
        Ok(Self(text.into()))
    }

    /// The text of the identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ClientId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no client identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientId {
    /// There is no text.
    #[error("the client id is empty; it takes 1 to {CLIENT_ID_BYTES_MAX} bytes")]
    Empty,
    /// The text is longer than the limit.
    #[error("the client id has {bytes} bytes; at most {CLIENT_ID_BYTES_MAX} are allowed")]
    TooLong {
        /// Length of the text, in bytes of UTF-8.
        bytes: usize,
    },
    /// The text holds a control character, which could forge lines of a log.
    #[error("the client id has the control character {character:?} at byte {position}; none is allowed")]
    ControlCharacter {
        /// The first control character.
        character: char,
        /// Its position, in bytes of UTF-8.
        position: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_within_the_limits_are_kept_as_they_are() {
        for text in ["a", "sensor 7", "${x}", "gerät/1", &"x".repeat(CLIENT_ID_BYTES_MAX)] {
            let id = ClientId::parse(text).unwrap();
            assert_eq!((id.as_str(), id.to_string().as_str()), (text, text));
        }
    }

    #[test]
    fn client_ids_beyond_the_limits_are_refused_with_what_was_found() {
        for (text, expected) in [
            ("", InvalidClientId::Empty),
            (&"x".repeat(129), InvalidClientId::TooLong { bytes: 129 }),
            (&"ü".repeat(65), InvalidClientId::TooLong { bytes: 130 }),
            ("a\0", InvalidClientId::ControlCharacter { character: '\0', position: 1 }),
            ("ü\n", InvalidClientId::ControlCharacter { character: '\n', position: 2 }),
            ("\u{85}", InvalidClientId::ControlCharacter { character: '\u{85}', position: 0 }),
        ] {
            assert_eq!(ClientId::parse(text), Err(expected), "{text:?}");
        }
    }
}
