/// Makes a newtype of 16 bytes that is written as a UUID, in the form 8-4-4-4-12 (RFC 9562, section 4).
macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id of these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::uuid::write(f, &self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidUuid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::uuid::parse(text).map(Self)
            }
        }
    };
}

use std::fmt;

use thiserror::Error;

pub(crate) use uuid_type;

/// An id that is not a UUID.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is not a UUID of 32 hex digits, with or without hyphens")]
pub struct InvalidUuid {
    /// The start of what was found.
    pub found: String,
}

/// How many characters of a wrong text an error repeats.
const SHOWN_MAX: usize = 80;

pub(crate) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8; 16]) -> fmt::Result {
    let digits = hex::encode(bytes);
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    for (index, group) in groups.into_iter().enumerate() {
        if index > 0 {
            f.write_str("-")?;
        }
        f.write_str(digits.get(group).unwrap_or_default())?;
    }
    Ok(())
}

pub(crate) fn parse(text: &str) -> Result<[u8; 16], InvalidUuid> {
    let mut bytes = [0; 16];
    match hex::decode_to_slice(text.replace('-', ""), &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(InvalidUuid { found: text.chars().take(SHOWN_MAX).collect() }),
    }
}

#[cfg(test)]
mod tests {
    use crate::{CreationId, ThingId};

    #[test]
    fn an_id_is_written_as_a_uuid_and_read_back() {
        let text = "167623d5-dd9b-4adc-8b63-e3b2c9ed73fa";
        assert_eq!(text.parse::<CreationId>().unwrap().to_string(), text);
        assert_eq!(text.replace('-', "").parse::<ThingId>().unwrap().to_string(), text);
        for wrong in ["", "167623d5", "167623d5-dd9b-4adc-8b63-e3b2c9ed73fg", &text.repeat(2)] {
            assert!(wrong.parse::<CreationId>().is_err(), "{wrong}");
        }
    }
}
