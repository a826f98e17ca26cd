use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use der::asn1::{Any, ObjectIdentifier, SetOfVec};
use der::{Encode, Tag};
use landfall_model::{DistinguishedName, NameAttribute, SubjectField};
use thiserror::Error;
use x509_cert::attr::AttributeTypeAndValue;

use crate::attribute_type::{Encoding, attribute_encoding, attribute_oid};
use crate::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX};

/// The subject of a certificate to be made: attributes in order, each a step of the name of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    attributes: Vec<(ObjectIdentifier, Box<str>)>,
}

/// The name of a kind of attribute, read once for many subjects: an OpenSSL name or an object identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeName {
    oid: ObjectIdentifier,
    text: Box<str>,
}

/// Why a subject cannot be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SubjectError {
    /// There is no attribute.
    #[error("a subject needs at least one attribute, as in CN=device-1")]
    Empty,
    /// There are too many attributes.
    #[error("a subject has at most {ATTRIBUTES_MAX} attributes")]
    TooManyAttributes,
    /// A part without `=`.
    #[error(
        "{part:?} is not of the form name=value; write a comma or slash that belongs to a value as \\, or \\/"
    )]
    NoEquals {
        /// The part.
        part: String,
    },
    /// An attribute whose name is not known.
    #[error(
        "{name:?} is no known attribute of a subject; use an OpenSSL name such as CN or serialNumber, or an OID"
    )]
    UnknownName {
        /// The name.
        name: String,
    },
    /// Two attributes in one step.
    #[error("attributes joined by + are not supported; write a plus sign that belongs to a value as \\+")]
    MultiValued,
    /// A quotation that does not end.
    #[error("a quotation mark or backslash has nothing after it")]
    Unfinished,
    /// A value of no characters.
    #[error("the value of {name} is empty")]
    EmptyValue {
        /// The attribute.
        name: String,
    },
    /// A value that is too long.
    #[error("the value of {name} has {bytes} bytes, and {ATTRIBUTE_BYTES_MAX} are the most")]
    ValueTooLong {
        /// The attribute.
        name: String,
        /// Its size.
        bytes: usize,
    },
    /// A control character.
    #[error("the value of {name} contains the control character U+{code_point:04X}")]
    ControlCharacter {
        /// The attribute.
        name: String,
        /// The character.
        code_point: u32,
    },
    /// A country that is no code.
    #[error("{value:?} is no country code of two letters, as FR or US")]
    Country {
        /// The value.
        value: String,
    },
    /// A value that must be ASCII.
    #[error("the value of {name} must be ASCII: {value:?}")]
    NotAscii {
        /// The attribute.
        name: String,
        /// The value.
        value: String,
    },
}

impl AttributeName {
    /// Reads a name, of whatever case, or the digits of an object identifier.
    ///
    /// # Errors
    /// The name is not known.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let oid = attribute_oid(text).ok_or_else(|| SubjectError::UnknownName { name: shortened(text) })?;
        Ok(Self { oid, text: text.into() })
    }

    /// Whether it names this field.
    pub fn is(&self, field: SubjectField) -> bool {
        attribute_oid(field.oid()) == Some(self.oid)
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Subject {
    /// A subject without attributes, to be filled by [`Self::push`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A subject of one common name.
    ///
    /// # Errors
    /// The name is empty, too long, or contains control characters.
    pub fn common_name(name: &str) -> Result<Self, SubjectError> {
        let mut subject = Self::new();
        subject.push(SubjectField::CommonName, name)?;
        Ok(subject)
    }

    /// Adds an attribute at the end.
    ///
    /// # Errors
    /// The value is not one that the attribute may have.
    pub fn push(&mut self, field: SubjectField, value: &str) -> Result<(), SubjectError> {
        self.push_named(field.oid(), value)
    }

    /// Adds an attribute at the end, by an OpenSSL name or an object identifier.
    ///
    /// # Errors
    /// The name is not known, or the value is not one that the attribute may have.
    pub fn push_named(&mut self, name: &str, value: &str) -> Result<(), SubjectError> {
        self.push_attribute(&AttributeName::parse(name)?, value)
    }

    /// Adds an attribute at the end, by a name that was read before.
    ///
    /// # Errors
    /// The value is not one that the attribute may have.
    pub fn push_attribute(&mut self, name: &AttributeName, value: &str) -> Result<(), SubjectError> {
        self.push_oid(name.oid, &name.text, value)
    }

    pub(crate) fn push_oid(
        &mut self,
        oid: ObjectIdentifier,
        name: &str,
        value: &str,
    ) -> Result<(), SubjectError> {
        if self.attributes.len() == ATTRIBUTES_MAX {
            return Err(SubjectError::TooManyAttributes);
        }
        check_value(&oid, name, value)?;
        self.attributes.push((oid, value.into()));
        Ok(())
    }

    /// Reads a subject as people write it: `C=FR, O=Acme, CN=root`, or as OpenSSL's `-subj` takes it: `/C=FR/O=Acme`.
    ///
    /// A backslash takes the next character as it is, and in the form with commas a value may stand in double quotes.
    ///
    /// # Errors
    /// The text is not of either form, a name is not known, or a value is not one that its attribute may have.
    pub fn parse(text: &str) -> Result<Self, SubjectError> {
        let mut subject = Self::new();
        let trimmed = text.trim_start();
        let (separator, body) = match trimmed.strip_prefix('/') {
            Some(rest) => ('/', rest),
            None => (',', trimmed),
        };
        if body.trim().is_empty() {
            return Err(SubjectError::Empty);
        }
        let mut characters = body.chars().peekable();
        loop {
            let (name, value) = read_part(&mut characters, separator)?;
            subject.push_named(&name, &value)?;
            if characters.peek().is_none() {
                return Ok(subject);
            }
        }
    }

    /// This subject with the attributes of another: they take the place of its own of the same kind, where the first of
    /// those stands, and the rest of them comes at the end.
    ///
    /// # Errors
    /// Together there are too many.
    pub fn overlaid_with(&self, other: &Self) -> Result<Self, SubjectError> {
        let of_kind = |kind: ObjectIdentifier| other.attributes.iter().filter(move |(oid, _)| *oid == kind);
        let mut attributes: Vec<(ObjectIdentifier, Box<str>)> = Vec::new();
        let mut replaced: Vec<ObjectIdentifier> = Vec::new();
        for (oid, value) in &self.attributes {
            if of_kind(*oid).next().is_none() {
                attributes.push((*oid, value.clone()));
            } else if !replaced.contains(oid) {
                replaced.push(*oid);
                attributes.extend(of_kind(*oid).cloned());
            }
        }
        attributes.extend(other.attributes.iter().filter(|(oid, _)| !replaced.contains(oid)).cloned());
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(SubjectError::TooManyAttributes);
        }
        Ok(Self { attributes })
    }

    /// How many attributes it has.
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Whether it has no attribute.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The same as a name of the model.
    pub fn to_distinguished_name(&self) -> DistinguishedName {
        let attributes = self.attributes.iter();
        DistinguishedName::new(
            attributes
                .map(|(oid, value)| NameAttribute { oid: oid.to_string().into(), value: value.clone() })
                .collect(),
        )
    }

    /// The DER of the name (RFC 5280, section 4.1.2.4).
    pub(crate) fn to_der(&self) -> der::Result<Vec<u8>> {
        let mut steps = Vec::with_capacity(self.attributes.len());
        for (oid, value) in &self.attributes {
            let value = Any::new(string_tag(oid, value), value.as_bytes())?;
            steps.push(SetOfVec::try_from(vec![AttributeTypeAndValue { oid: *oid, value }])?);
        }
        steps.to_der()
    }
}

fn string_tag(oid: &ObjectIdentifier, value: &str) -> Tag {
    match attribute_encoding(oid) {
        Encoding::Country => Tag::PrintableString,
        Encoding::Printable if value.bytes().all(is_printable) => Tag::PrintableString,
        Encoding::Ia5 => Tag::Ia5String,
        Encoding::Printable | Encoding::Utf8 => Tag::Utf8String,
    }
}

/// The characters of a PrintableString (X.680, section 41.4).
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

fn check_value(oid: &ObjectIdentifier, name: &str, value: &str) -> Result<(), SubjectError> {
    if value.is_empty() {
        return Err(SubjectError::EmptyValue { name: shortened(name) });
    }
    if value.len() > ATTRIBUTE_BYTES_MAX {
        return Err(SubjectError::ValueTooLong { name: shortened(name), bytes: value.len() });
    }
    if let Some(character) = value.chars().find(|character| character.is_control()) {
        return Err(SubjectError::ControlCharacter { name: shortened(name), code_point: character.into() });
    }
    match attribute_encoding(oid) {
        Encoding::Country if value.len() != 2 || !value.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Err(SubjectError::Country { value: shortened(value) })
        }
        Encoding::Ia5 if !value.is_ascii() => {
            Err(SubjectError::NotAscii { name: shortened(name), value: shortened(value) })
        }
        Encoding::Country | Encoding::Ia5 | Encoding::Printable | Encoding::Utf8 => Ok(()),
    }
}

/// Reads one `name=value` and the separator after it.
fn read_part(
    characters: &mut Peekable<Chars<'_>>,
    separator: char,
) -> Result<(String, String), SubjectError> {
    let mut name = String::new();
    loop {
        match characters.next() {
            Some('=') => break,
            Some(character) if character != separator => name.push(character),
            Some(_) | None => return Err(SubjectError::NoEquals { part: shortened(&name) }),
        }
    }
    let mut value = String::new();
    // Spaces at the end count only where a backslash or quotation marks keep them.
    let mut kept = 0;
    let mut in_quotes = false;
    loop {
        match characters.next() {
            None if in_quotes => return Err(SubjectError::Unfinished),
            None => break,
            Some('\\') => {
                value.push(characters.next().ok_or(SubjectError::Unfinished)?);
                kept = value.len();
            }
            Some('"') if separator == ',' => {
                in_quotes = !in_quotes;
                kept = value.len();
            }
            Some(character) if in_quotes => value.push(character),
            Some(character) if character == separator => break,
            Some('+') => return Err(SubjectError::MultiValued),
            Some(' ') if value.is_empty() && kept == 0 => {}
            Some(character) => value.push(character),
        }
    }
    let end = value.trim_end_matches(' ').len().max(kept);
    value.truncate(end);
    Ok((name.trim().to_owned(), value))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_distinguished_name().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let subject = Subject::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found: Vec<_> =
            subject.attributes.iter().map(|(oid, value)| (oid.to_string(), &**value)).collect();
        let expected: Vec<_> = expected.iter().map(|(oid, value)| ((*oid).to_owned(), *value)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn both_forms_are_read() {
        check("CN=root", &[("2.5.4.3", "root")]);
        check(
            "C=FR, O=Acme Inc , CN = root",
            &[("2.5.4.6", "FR"), ("2.5.4.10", "Acme Inc"), ("2.5.4.3", "root")],
        );
        check(
            "/C=FR/O=Acme, Inc/CN=a=b",
            &[("2.5.4.6", "FR"), ("2.5.4.10", "Acme, Inc"), ("2.5.4.3", "a=b")],
        );
        check(r"O=Acme\, Inc,OU=a,OU=b", &[("2.5.4.10", "Acme, Inc"), ("2.5.4.11", "a"), ("2.5.4.11", "b")]);
        check(r#"O="Acme, Inc+", CN=x"#, &[("2.5.4.10", "Acme, Inc+"), ("2.5.4.3", "x")]);
        check(r"/O=a\/b/CN=c\+d", &[("2.5.4.10", "a/b"), ("2.5.4.3", "c+d")]);
        check(r"CN=a\ ", &[("2.5.4.3", "a ")]);
        check(
            "2.5.4.44=x1, title=iot, serialnumber=42",
            &[("2.5.4.44", "x1"), ("2.5.4.12", "iot"), ("2.5.4.5", "42")],
        );
        check("CN=Zürich", &[("2.5.4.3", "Zürich")]);
    }

    #[test]
    fn a_name_is_read_once_for_many_subjects() {
        let name = AttributeName::parse("serialnumber").unwrap();
        assert!(name.is(SubjectField::SerialNumber) && !name.is(SubjectField::CommonName));
        assert_eq!(name.as_str(), "serialnumber");
        assert!(AttributeName::parse("2.5.4.44").unwrap().is(SubjectField::GenerationQualifier));
        let unknown = SubjectError::UnknownName { name: "colour".to_owned() };
        assert_eq!(AttributeName::parse("colour"), Err(unknown));
        let mut subject = Subject::new();
        subject.push_attribute(&name, "1").unwrap();
        assert_eq!(subject, Subject::parse("serialNumber=1").unwrap());
        let empty = SubjectError::EmptyValue { name: "serialnumber".to_owned() };
        assert_eq!(subject.push_attribute(&name, ""), Err(empty));
    }

    #[test]
    fn a_subject_is_laid_over_another() {
        let cases = [
            ("O=a, CN=b", "CN=c", "O=a, CN=c"),
            ("CN=b, O=a", "serialNumber=1, CN=c", "CN=c, O=a, serialNumber=1"),
            ("OU=a, CN=b, OU=c", "OU=d", "OU=d, CN=b"),
            ("OU=a, CN=b", "OU=c, OU=d", "OU=c, OU=d, CN=b"),
            ("CN=a", "OU=b, OU=c", "CN=a, OU=b, OU=c"),
        ];
        for (below, above, expected) in cases {
            let [below, above, expected] = [below, above, expected].map(|text| Subject::parse(text).unwrap());
            assert_eq!(below.overlaid_with(&above).unwrap(), expected);
            assert_eq!(Subject::new().overlaid_with(&above).unwrap(), above);
            assert_eq!(below.overlaid_with(&Subject::new()).unwrap(), below);
        }
        let full = Subject::parse(&vec!["OU=a"; ATTRIBUTES_MAX].join(",")).unwrap();
        let one = Subject::parse("CN=a").unwrap();
        assert_eq!(full.overlaid_with(&one), Err(SubjectError::TooManyAttributes));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("", SubjectError::Empty),
            ("/", SubjectError::Empty),
            ("root", SubjectError::NoEquals { part: "root".to_owned() }),
            ("O=Acme, Inc", SubjectError::NoEquals { part: " Inc".to_owned() }),
            ("colour=red", SubjectError::UnknownName { name: "colour".to_owned() }),
            ("CN=a+OU=b", SubjectError::MultiValued),
            ("CN=\"a", SubjectError::Unfinished),
            ("CN=a\\", SubjectError::Unfinished),
            ("CN=", SubjectError::EmptyValue { name: "CN".to_owned() }),
            ("CN=a\u{7}", SubjectError::ControlCharacter { name: "CN".to_owned(), code_point: 7 }),
            ("C=France", SubjectError::Country { value: "France".to_owned() }),
            ("E=ü@x", SubjectError::NotAscii { name: "E".to_owned(), value: "ü@x".to_owned() }),
        ];
        for (text, expected) in cases {
            assert_eq!(Subject::parse(text), Err(expected), "{text}");
        }
        let long = format!("CN={}", "a".repeat(ATTRIBUTE_BYTES_MAX + 1));
        assert!(matches!(Subject::parse(&long), Err(SubjectError::ValueTooLong { bytes: 4_097, .. })));
        let many = vec!["CN=a"; ATTRIBUTES_MAX + 1].join(",");
        assert_eq!(Subject::parse(&many), Err(SubjectError::TooManyAttributes));
    }

    #[test]
    fn values_get_the_type_that_openssl_gives_them() {
        let cases = [
            ("C=FR", 0x13),
            ("serialNumber=0123-45", 0x13),
            ("serialNumber=01_23", 0x0C),
            ("dnQualifier=a b", 0x13),
            ("CN=a", 0x0C),
            ("emailAddress=a@b", 0x16),
        ];
        for (text, tag) in cases {
            let der = Subject::parse(text).unwrap().to_der().unwrap();
            // SEQUENCE, SET, SEQUENCE with headers of two bytes, then the object identifier, then the value.
            let value_at = 6 + 2 + usize::from(der[7]);
            assert_eq!(der[value_at], tag, "{text}");
        }
    }
}
