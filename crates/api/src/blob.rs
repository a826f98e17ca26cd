//! Bytes as they travel: base64 in JSON.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes in a request or response.
///
/// Where they are the whole body they travel as they are; in the JSON of an input or output they are base64
/// (RFC 4648, section 4). `Debug` shows their number only, since they are other people's data.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WireBlob(Vec<u8>);

impl WireBlob {
    /// These bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for WireBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireBlob({} bytes)", self.0.len())
    }
}

impl Serialize for WireBlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for WireBlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Visitor)
    }
}

/// Reads base64 without a copy of the text.
struct Base64Visitor;

impl Visitor<'_> for Base64Visitor {
    type Value = WireBlob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WireBlob, E> {
        BASE64.decode(text).map(WireBlob).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_base64_in_json() {
        let check = |bytes: &[u8], json: &str| {
            let blob = WireBlob::new(bytes);
            assert_eq!(serde_json::to_string(&blob).unwrap(), json);
            let read: WireBlob = serde_json::from_str(json).unwrap();
            assert_eq!(read.as_bytes(), bytes);
            assert_eq!(read.into_bytes(), bytes);
        };
        check(&[], "\"\"");
        check(&[0, 255], "\"AP8=\"");
        check(b"hello", "\"aGVsbG8=\"");
        for wrong in ["\"AP8\"", "\"a b=\"", "1", "null"] {
            assert!(serde_json::from_str::<WireBlob>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn its_bytes_are_not_shown() {
        assert_eq!(format!("{:?}", WireBlob::new(*b"secret")), "WireBlob(6 bytes)");
    }
}
