//! The message that rules are asked about.

use std::borrow::Cow;
use std::sync::OnceLock;

use landfall_model::TopicName;
use thiserror::Error;

use crate::basic_ingest::BasicIngest;
use crate::json::{self, NotJson};
use crate::limits::PAYLOAD_BYTES_MAX;
use crate::value::Value;

/// A message: its topic and its payload. The payload is read as JSON once, when the first rule needs it.
#[derive(Debug)]
pub struct Message<'m> {
    topic: &'m str,
    payload: &'m [u8],
    parsed: OnceLock<ParsedPayload<'m>>,
}

/// A payload longer than messages may have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the payload has {bytes} bytes; at most {PAYLOAD_BYTES_MAX} are allowed")]
pub struct PayloadTooLong {
    /// How many bytes it has.
    pub bytes: usize,
}

/// Why a payload is taken as bytes: `SELECT *` passes it on, and no attribute of it has a value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OpaquePayload {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    NotJson(NotJson),
    /// It is JSON, and neither an object nor an array. The reference calls such a payload non-JSON (iot-sql-where).
    #[error("it is {found}; only JSON objects and arrays are more than bytes to a rule")]
    Scalar {
        /// What it is.
        found: &'static str,
    },
}

/// A payload as rules see it.
#[derive(Debug)]
struct ParsedPayload<'m> {
    value: Value<'m>,
    opaque: Option<OpaquePayload>,
}

impl<'m> Message<'m> {
    /// A message that was published to a topic.
    ///
    /// # Errors
    /// The payload has more than [`PAYLOAD_BYTES_MAX`] bytes.
    pub fn new(topic: &'m TopicName, payload: &'m [u8]) -> Result<Self, PayloadTooLong> {
        Self::with_topic(topic.as_str(), payload)
    }

    /// A message of Basic Ingest: its topic is what stands behind the name of the rule.
    ///
    /// # Errors
    /// As those of [`Message::new`].
    pub fn of_basic_ingest(ingest: &BasicIngest<'m>, payload: &'m [u8]) -> Result<Self, PayloadTooLong> {
        Self::with_topic(ingest.topic, payload)
    }

    /// The payload, as it came.
    pub fn payload(&self) -> &'m [u8] {
        self.payload
    }

    /// Why the payload is taken as bytes; none if it is a JSON object or array.
    pub fn opaque_payload(&self) -> Option<&OpaquePayload> {
        self.parsed().opaque.as_ref()
    }

    pub(crate) fn topic(&self) -> &'m str {
        self.topic
    }

    /// The payload as a value: an array, an object, or bytes.
    pub(crate) fn value(&self) -> &Value<'m> {
        &self.parsed().value
    }

    fn with_topic(topic: &'m str, payload: &'m [u8]) -> Result<Self, PayloadTooLong> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(PayloadTooLong { bytes: payload.len() });
        }
        Ok(Self { topic, payload, parsed: OnceLock::new() })
    }

    fn parsed(&self) -> &ParsedPayload<'m> {
        self.parsed.get_or_init(|| ParsedPayload::of(self.payload))
    }
}

impl<'m> ParsedPayload<'m> {
    fn of(payload: &'m [u8]) -> Self {
        let text =
            std::str::from_utf8(payload).map_err(|error| NotJson::NotUtf8 { byte: error.valid_up_to() });
        let opaque = match text.and_then(json::parse) {
            Ok(value @ (Value::Array(_) | Value::Object(_))) => return Self { value, opaque: None },
            Ok(other) => OpaquePayload::Scalar { found: other.kind() },
            Err(error) => OpaquePayload::NotJson(error),
        };
        Self { value: Value::Bytes(Cow::Borrowed(payload)), opaque: Some(opaque) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_an_object_an_array_or_bytes() {
        let topic = TopicName::parse("a/b").unwrap();
        for (payload, expected) in [
            (&b"{\"a\":1}"[..], None),
            (b" [] ", None),
            (b"80", Some("it is a number; only JSON objects and arrays are more than bytes to a rule")),
            (b"\"x\"", Some("it is a string; only JSON objects and arrays are more than bytes to a rule")),
            (b"", Some("it is not JSON: byte 0 is not JSON: it must be a value")),
            (b"{\xff}", Some("it is not JSON: byte 1 is not UTF-8")),
        ] {
            let message = Message::new(&topic, payload).unwrap();
            assert_eq!(message.opaque_payload().map(ToString::to_string).as_deref(), expected);
            assert_eq!(message.payload(), payload);
        }
    }

    #[test]
    fn a_payload_has_a_limit() {
        let topic = TopicName::parse("a").unwrap();
        assert!(Message::new(&topic, &vec![b' '; PAYLOAD_BYTES_MAX]).is_ok());
        let error = Message::new(&topic, &vec![b' '; 1_000_000]).unwrap_err();
        assert_eq!(error.to_string(), "the payload has 1000000 bytes; at most 131072 are allowed");
    }
}
