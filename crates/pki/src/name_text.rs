use thiserror::Error;

/// Why the value of a name's attribute is not text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TextError {
    /// The value has a type that is no string.
    #[error("its type, ASN.1 tag {tag:#04x}, is none of the string types that a name may have")]
    Type {
        /// The tag that was found.
        tag: u8,
    },
    /// The bytes do not fit the type.
    #[error("its bytes are not a valid {string_type}")]
    Bytes {
        /// The type of the string.
        string_type: &'static str,
    },
    /// A control character, which no name needs and which hides things in logs and topics.
    #[error("it contains the control character U+{code_point:04X}")]
    ControlCharacter {
        /// The character.
        code_point: u32,
    },
}

/// The text of an attribute's value by its tag (X.680, section 41; RFC 5280, section 4.1.2.4).
pub(crate) fn decode_text(tag: u8, bytes: &[u8]) -> Result<Box<str>, TextError> {
    let text = match tag {
        0x0C => utf8(bytes)?,
        0x12 => ascii(bytes, "NumericString", |byte| byte.is_ascii_digit() || byte == b' ')?,
        // Many issuers put characters such as `_`, `@` and `*` into a PrintableString, so all of ASCII passes.
        0x13 => ascii(bytes, "PrintableString", |byte| byte.is_ascii())?,
        // T.61 as it is used in practice: Latin-1.
        0x14 => bytes.iter().map(|&byte| char::from(byte)).collect(),
        0x16 => ascii(bytes, "IA5String", |byte| byte.is_ascii())?,
        0x1C => universal(bytes)?,
        0x1E => bmp(bytes)?,
        _ => return Err(TextError::Type { tag }),
    };
    match text.chars().find(|character| character.is_control()) {
        Some(character) => Err(TextError::ControlCharacter { code_point: character.into() }),
        None => Ok(text.into_boxed_str()),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, TextError> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(TextError::Bytes { string_type: "UTF8String" }),
    }
}

fn ascii(bytes: &[u8], string_type: &'static str, allowed: fn(u8) -> bool) -> Result<String, TextError> {
    if bytes.iter().all(|&byte| allowed(byte)) {
        Ok(bytes.iter().map(|&byte| char::from(byte)).collect())
    } else {
        Err(TextError::Bytes { string_type })
    }
}

/// UCS-2; surrogate pairs are read as UTF-16, which is what issuers write.
fn bmp(bytes: &[u8]) -> Result<String, TextError> {
    let error = TextError::Bytes { string_type: "BMPString" };
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(error);
    }
    char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)))
        .collect::<Result<_, _>>()
        .map_err(|_| error)
}

/// UCS-4.
fn universal(bytes: &[u8]) -> Result<String, TextError> {
    let error = TextError::Bytes { string_type: "UniversalString" };
    let (units, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(error);
    }
    units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)).ok_or(error)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_type_is_read() {
        let cases: [(u8, &[u8], &str); 9] = [
            (0x0C, "Zürich".as_bytes(), "Zürich"),
            (0x0C, b"", ""),
            (0x12, b"12 34", "12 34"),
            (0x13, b"Acme_Inc", "Acme_Inc"),
            (0x14, b"Z\xFCrich", "Zürich"),
            (0x16, b"a@b", "a@b"),
            (0x1C, &[0, 0, 0, 0x5A, 0, 1, 0xF6, 0x00], "Z😀"),
            (0x1E, &[0, 0x5A, 0, 0xFC], "Zü"),
            (0x1E, &[0xD8, 0x3D, 0xDE, 0x00], "😀"),
        ];
        for (tag, bytes, expected) in cases {
            assert_eq!(decode_text(tag, bytes).as_deref(), Ok(expected), "{tag:#x}");
        }
    }

    #[test]
    fn what_is_not_text_is_refused() {
        let cases: [(u8, &[u8]); 13] = [
            (0x0C, b"\xFF"),
            (0x0C, b"a\0b"),
            (0x0C, "a\u{85}b".as_bytes()),
            (0x0C, b"a\nb"),
            (0x12, b"12a"),
            (0x13, b"\xC3\xBC"),
            (0x14, b"a\x80"),
            (0x16, b"\xE4"),
            (0x1C, &[0, 0, 0]),
            (0x1C, &[0, 0, 0xD8, 0]),
            (0x1E, &[0]),
            (0x1E, &[0xD8, 0x3D]),
            (0x04, b"a"),
        ];
        for (tag, bytes) in cases {
            assert!(decode_text(tag, bytes).is_err(), "{tag:#x} {bytes:x?}");
        }
        assert_eq!(decode_text(0x13, b"a\0"), Err(TextError::ControlCharacter { code_point: 0 }));
        assert_eq!(decode_text(0x03, b"a"), Err(TextError::Type { tag: 3 }));
    }
}
