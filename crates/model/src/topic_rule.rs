use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::name::{NameRule, name_type};
use crate::uuid::uuid_type;
use crate::{UnixTime, UnknownWord};

name_type! {
    /// The name of a topic rule: 1 to 128 letters, digits and underscores.
    RuleName,
    NameRule {
        kind: "rule name",
        length_max: 128,
        punctuation: "_",
        allowed: "letters, digits and _",
        may_be_empty: false,
    }
}

uuid_type! {
    /// The id of a topic rule destination.
    DestinationId
}

/// A topic rule: which messages it takes, and what it does with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRule {
    /// Its name.
    pub name: RuleName,
    /// SQL, rule actions and error action: JSON text of AWS IoT's `TopicRulePayload` without `ruleDisabled`, which was parsed
    /// as a rule before it was stored.
    pub document: Arc<str>,
    /// Whether it takes no messages.
    pub is_disabled: bool,
    /// When it was created.
    pub created_at: UnixTime,
    /// When it was last replaced, enabled or disabled.
    pub modified_at: UnixTime,
}

/// A web server that HTTP actions of topic rules may send to, as soon as it has shown that it wants that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRuleDestination {
    /// Its id.
    pub id: DestinationId,
    /// Where the confirmation message goes; HTTP actions may send to URLs that begin so.
    pub url: Arc<str>,
    /// Whether HTTP actions may send to it.
    pub status: DestinationStatus,
    /// Why it has this status, for people.
    pub reason: Option<Arc<str>>,
    /// What the server must send back to confirm; none once it has, or when nobody asks it to.
    pub confirmation_token: Option<ConfirmationToken>,
    /// When it was created.
    pub created_at: UnixTime,
    /// When its status last changed.
    pub modified_at: UnixTime,
}

/// Whether HTTP actions may send to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestinationStatus {
    /// They may: it was confirmed.
    Enabled,
    /// They may not yet: the confirmation message is sent, or is about to be.
    InProgress,
    /// They may not: an operator has switched it off.
    Disabled,
    /// They may not: it was not confirmed.
    Error,
    /// They may not: it is being deleted.
    Deleting,
}

/// What a destination gets in its confirmation message, and sends back to confirm. Who has it can confirm, so that it is
/// never shown: `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConfirmationToken {
    destination: DestinationId,
    secret: [u8; ConfirmationToken::SECRET_BYTES],
}

/// A text that is no confirmation token.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "a confirmation token is {} hex digits, as the confirmation message has it",
    ConfirmationToken::DIGITS
)]
pub struct InvalidConfirmationToken;

impl TopicRule {
    /// The most topic rules that a server keeps, as an account of AWS
    /// (<https://docs.aws.amazon.com/general/latest/gr/iot-core.html>).
    pub const OF_SERVER_MAX: usize = 1_000;
}

impl TopicRuleDestination {
    /// The most destinations that a server keeps.
    pub const OF_SERVER_MAX: usize = 1_000;
}

impl DestinationStatus {
    const ALL: [Self; 5] = [Self::Enabled, Self::InProgress, Self::Disabled, Self::Error, Self::Deleting];

    /// AWS IoT's word for the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::InProgress => "IN_PROGRESS",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
            Self::Deleting => "DELETING",
        }
    }

    /// The status by AWS IoT's word.
    ///
    /// # Errors
    /// The word is none of the statuses'.
    pub fn parse(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == word);
        found.ok_or_else(|| UnknownWord::new(word, "ENABLED, IN_PROGRESS, DISABLED, ERROR, DELETING"))
    }
}

impl ConfirmationToken {
    /// How many random bytes it has.
    pub const SECRET_BYTES: usize = 32;

    /// How many hex digits its text has: those of the destination's id, then those of the secret.
    const DIGITS: usize = 2 * (16 + Self::SECRET_BYTES);

    /// The token of a destination with these random bytes.
    pub const fn new(destination: DestinationId, secret: [u8; Self::SECRET_BYTES]) -> Self {
        Self { destination, secret }
    }

    /// The destination that it confirms.
    pub const fn destination(&self) -> DestinationId {
        self.destination
    }

    /// The random bytes.
    pub const fn secret(&self) -> &[u8; Self::SECRET_BYTES] {
        &self.secret
    }

    /// The text that goes into the confirmation message.
    pub fn reveal(&self) -> String {
        hex::encode(self.destination.as_bytes()) + &hex::encode(self.secret)
    }

    /// Parses the text that [`Self::reveal`] gives.
    ///
    /// # Errors
    /// The text is not of as many hex digits.
    pub fn parse(text: &str) -> Result<Self, InvalidConfirmationToken> {
        let mut bytes = [0; Self::DIGITS / 2];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidConfirmationToken)?;
        let (id, secret) = bytes.split_first_chunk().ok_or(InvalidConfirmationToken)?;
        let secret = secret.try_into().map_err(|_| InvalidConfirmationToken)?;
        Ok(Self { destination: DestinationId::from_bytes(*id), secret })
    }
}

impl fmt::Debug for ConfirmationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfirmationToken").field("destination", &self.destination).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_underscores() {
        let longest = "r".repeat(128);
        for text in ["r", "JITR_rule_1", longest.as_str()] {
            assert_eq!(text.parse::<RuleName>().unwrap().as_str(), text);
        }
        let too_long = "r".repeat(129);
        for (text, message) in [
            ("", "rule name is empty; it needs 1 to 128 characters"),
            ("my-rule", "rule name \"my-rule\" has the character '-'; allowed are letters, digits and _"),
            ("rül", "rule name \"rül\" has the character 'ü'; allowed are letters, digits and _"),
            (&too_long, "rule name has 129 characters; at most 128 are allowed"),
        ] {
            assert_eq!(RuleName::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn every_word_is_read_back() {
        for status in DestinationStatus::ALL {
            assert_eq!(DestinationStatus::parse(status.as_str()), Ok(status));
        }
        let message = "\"enabled\" is none of ENABLED, IN_PROGRESS, DISABLED, ERROR, DELETING";
        assert_eq!(DestinationStatus::parse("enabled").unwrap_err().to_string(), message);
    }

    #[test]
    fn a_confirmation_token_is_read_back_and_not_shown() {
        let token = ConfirmationToken::new(DestinationId::from_bytes([0xa1; 16]), [0x5e; 32]);
        let text = token.reveal();
        assert_eq!(text, "a1".repeat(16) + &"5e".repeat(32));
        assert_eq!(ConfirmationToken::parse(&text), Ok(token));
        for wrong in ["", &text[1..], &text[2..], &(text.clone() + "00"), &text.replace("5e", "5g")] {
            assert_eq!(ConfirmationToken::parse(wrong), Err(InvalidConfirmationToken), "{wrong}");
        }
        let shown = format!("{token:?}");
        assert!(shown.contains("DestinationId") && !shown.contains("94"), "{shown}");
        let message = "a confirmation token is 96 hex digits, as the confirmation message has it";
        assert_eq!(InvalidConfirmationToken.to_string(), message);
    }
}
