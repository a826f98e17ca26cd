//! What a rule action is given.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::rule::{PayloadKind, RuleMatch};

/// The payload of a request. A clone shares the bytes.
///
/// Its stored form is `{"text": …}`, and `{"base64": …}` for what is not UTF-8.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(Bytes);

/// The payload that a rule gave its actions, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct RulePayload {
    pub(crate) bytes: Payload,
    pub(crate) kind: PayloadKind,
}

impl Payload {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to keep.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The text, if the payload is UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<RuleMatch<'_>> for RulePayload {
    fn from(found: RuleMatch<'_>) -> Self {
        let bytes = match found.payload {
            Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Self { bytes: Payload(bytes), kind: found.kind }
    }
}

/// The stored form of a payload.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StoredPayload<'a> {
    Text(Cow<'a, str>),
    Base64(Cow<'a, str>),
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = match self.as_text() {
            Some(text) => StoredPayload::Text(text.into()),
            None => StoredPayload::Base64(STANDARD.encode(&self.0).into()),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match StoredPayload::deserialize(deserializer)? {
            StoredPayload::Text(text) => text.into_owned().into(),
            StoredPayload::Base64(text) => decode(&text)?,
        }))
    }
}

/// Bytes as a string of base64.
pub(crate) mod base64_text {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        decode(&String::deserialize(deserializer)?)
    }
}

/// Bytes as a string of base64, or nothing.
pub(crate) mod optional_base64_text {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| decode(&text)).transpose()
    }
}

fn decode<E: de::Error>(text: &str) -> Result<Bytes, E> {
    let bytes = STANDARD.decode(text).map_err(|error| E::custom(format!("not base64: {error}")))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_stored_as_text_and_bytes_as_base64() {
        for (bytes, expected) in [
            (&b"{\"a\":1}"[..], r#"{"text":"{\"a\":1}"}"#),
            (b"", r#"{"text":""}"#),
            ("\u{0}ä".as_bytes(), "{\"text\":\"\\u0000ä\"}"),
            (b"\xff\x00", r#"{"base64":"/wA="}"#),
        ] {
            let payload = Payload::from(Bytes::copy_from_slice(bytes));
            let stored = serde_json::to_string(&payload).unwrap();
            assert_eq!(stored, expected);
            assert_eq!(serde_json::from_str::<Payload>(&stored).unwrap(), payload);
        }
        for wrong in [r#"{"base64":"!"}"#, r#"{"hex":"00"}"#, r#""text""#] {
            assert!(serde_json::from_str::<Payload>(wrong).is_err(), "{wrong}");
        }
    }
}
