use std::net::IpAddr;

use crate::NamePart;
use crate::certificate::{CertificateError, read_attribute};
use crate::der_reader::{Malformed, TAG_SEQUENCE, TAG_SET, Tlv};
use crate::extensions::find_extension;
use crate::name_text::decode_text;

/// Another name of a certificate's owner, or of its issuer (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// The name of a host.
    Dns(Box<str>),
    /// A distinguished name as text, its last part first: `cn=bulb,o=Example,c=US` (RFC 4514).
    Directory(Box<str>),
    /// An address.
    Ip(IpAddr),
    /// A mail address.
    Rfc822(Box<str>),
    /// A URI.
    Uri(Box<str>),
}

const TAG_IA5_STRING: u8 = 0x16;
const TAG_RFC822_NAME: u8 = 0x81;
const TAG_DNS_NAME: u8 = 0x82;
const TAG_DIRECTORY_NAME: u8 = 0xA4;
const TAG_URI: u8 = 0x86;
const TAG_IP_ADDRESS: u8 = 0x87;

/// The attributes that have a name in RFC 4514, section 3, and those names.
const KEYWORDS: [(&str, &str); 9] = [
    ("2.5.4.3", "cn"),
    ("2.5.4.6", "c"),
    ("2.5.4.7", "l"),
    ("2.5.4.8", "st"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "o"),
    ("2.5.4.11", "ou"),
    ("0.9.2342.19200300.100.1.25", "dc"),
    ("0.9.2342.19200300.100.1.1", "uid"),
];

/// Reads the alternative names of a certificate, in their order. Those of other kinds, and those whose text cannot be read
/// safely, are passed over.
pub(crate) fn read(certificate: &[u8], part: NamePart) -> Result<Vec<AlternativeName>, Malformed> {
    let oid = match part {
        NamePart::Subject => "2.5.29.17",
        NamePart::Issuer => "2.5.29.18",
    };
    match find_extension(certificate, oid)? {
        Some(value) => read_names(&value),
        None => Ok(Vec::new()),
    }
}

fn read_names(value: &Tlv<'_>) -> Result<Vec<AlternativeName>, Malformed> {
    let what = "alternative names";
    let mut inside = value.open()?;
    let mut entries = inside.expect(TAG_SEQUENCE, what)?.open()?;
    inside.finish(what)?;
    let mut names = Vec::new();
    while !entries.is_finished() {
        names.extend(read_name(&entries.read()?));
    }
    Ok(names)
}

fn read_name(name: &Tlv<'_>) -> Option<AlternativeName> {
    let text = || decode_text(TAG_IA5_STRING, name.value).ok();
    match name.tag {
        TAG_RFC822_NAME => text().map(AlternativeName::Rfc822),
        TAG_DNS_NAME => text().map(AlternativeName::Dns),
        TAG_URI => text().map(AlternativeName::Uri),
        TAG_DIRECTORY_NAME => directory_name(name).ok().map(AlternativeName::Directory),
        TAG_IP_ADDRESS => {
            let of_4 = <[u8; 4]>::try_from(name.value).map(IpAddr::from);
            let of_16 = || <[u8; 16]>::try_from(name.value).map(IpAddr::from);
            of_4.or_else(|_| of_16()).ok().map(AlternativeName::Ip)
        }
        _ => None,
    }
}

/// The text of a distinguished name (RFC 4514, section 2).
fn directory_name(name: &Tlv<'_>) -> Result<Box<str>, CertificateError> {
    let mut explicit = name.open()?;
    let mut sets = explicit.expect(TAG_SEQUENCE, "a distinguished name")?.open()?;
    explicit.finish("the end of a distinguished name")?;
    let mut steps = Vec::new();
    while !sets.is_finished() {
        let mut members = sets.expect(TAG_SET, "a set of attributes of a name")?.open()?;
        let mut step = String::new();
        while !members.is_finished() {
            let member = members.expect(TAG_SEQUENCE, "an attribute of a name")?;
            let attribute = read_attribute(&member, NamePart::Subject)?;
            if !step.is_empty() {
                step.push('+');
            }
            let keyword = KEYWORDS.iter().find(|(oid, _)| **oid == *attribute.oid);
            step.push_str(keyword.map_or(&*attribute.oid, |(_, keyword)| keyword));
            step.push('=');
            push_escaped(&mut step, &attribute.value);
        }
        steps.push(step);
    }
    steps.reverse();
    Ok(steps.join(",").into())
}

/// Writes a value so that nothing in it is taken for the end of it (RFC 4514, section 2.4).
fn push_escaped(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (place, character) in value.chars().enumerate() {
        let is_edge = (place == 0 && matches!(character, ' ' | '#')) || (place == last && character == ' ');
        if is_edge || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
            text.push('\\');
        }
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der_reader::{DerReader, TAG_OCTET_STRING};

    /// An element of at most 255 bytes.
    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u8::try_from(content.len()).unwrap();
        let mut der = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        der.extend(content);
        der
    }

    fn names_in(value: &[u8]) -> Result<Vec<AlternativeName>, Malformed> {
        let octets = tlv(TAG_OCTET_STRING, &[value]);
        read_names(&DerReader::new(&octets).unwrap().read().unwrap())
    }

    /// One step of a name: a common name, or an organization.
    fn step(attributes: &[(u8, &str)]) -> Vec<u8> {
        let attribute = |(last, value): &(u8, &str)| {
            let oid = tlv(0x06, &[&[0x55, 0x04, *last]]);
            tlv(TAG_SEQUENCE, &[&oid, &tlv(0x0C, &[value.as_bytes()])])
        };
        let attributes: Vec<_> = attributes.iter().map(attribute).collect();
        tlv(TAG_SET, &[&attributes.concat()])
    }

    fn directory(steps: &[&[(u8, &str)]]) -> Vec<u8> {
        let steps: Vec<_> = steps.iter().map(|attributes| step(attributes)).collect();
        tlv(TAG_DIRECTORY_NAME, &[&tlv(TAG_SEQUENCE, &[&steps.concat()])])
    }

    #[test]
    fn names_are_read_in_their_order_and_other_kinds_passed_over() {
        let other_name = tlv(0xA0, &[&tlv(0x06, &[&[0x55, 0x04, 0x03]])]);
        let value = tlv(
            TAG_SEQUENCE,
            &[
                &tlv(TAG_DNS_NAME, &[b"b.example"]),
                &other_name,
                &tlv(TAG_DNS_NAME, &[b"a.example"]),
                &tlv(TAG_DNS_NAME, &[b"two\nlines"]),
                &tlv(TAG_DNS_NAME, &[&[0xFF]]),
                &tlv(TAG_RFC822_NAME, &[b"a@b.example"]),
                &tlv(TAG_URI, &[b"urn:a:b"]),
                &tlv(TAG_IP_ADDRESS, &[&[192, 0, 2, 1]]),
                &tlv(TAG_IP_ADDRESS, &[&[0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]),
                &tlv(TAG_IP_ADDRESS, &[&[192, 0, 2]]),
                &directory(&[&[(6, "US")], &[(10, "IoT, Inc")], &[(3, "bulb"), (5, "1")]]),
            ],
        );
        assert_eq!(
            names_in(&value).unwrap(),
            [
                AlternativeName::Dns("b.example".into()),
                AlternativeName::Dns("a.example".into()),
                AlternativeName::Rfc822("a@b.example".into()),
                AlternativeName::Uri("urn:a:b".into()),
                AlternativeName::Ip([192, 0, 2, 1].into()),
                AlternativeName::Ip("2001:db8::1".parse().unwrap()),
                AlternativeName::Directory("cn=bulb+2.5.4.5=1,o=IoT\\, Inc,c=US".into()),
            ]
        );
    }

    #[test]
    fn a_value_cannot_pretend_to_be_another_part_of_the_name() {
        for (value, expected) in [
            ("a,o=b", "cn=a\\,o\\=b"),
            ("#a+b", "cn=\\#a\\+b"),
            (" a ", "cn=\\ a\\ "),
            (" ", "cn=\\ "),
            ("a\\", "cn=a\\\\"),
            ("", "cn="),
            ("a b é", "cn=a b é"),
        ] {
            let names = names_in(&tlv(TAG_SEQUENCE, &[&directory(&[&[(3, value)]])])).unwrap();
            assert_eq!(names, [AlternativeName::Directory(expected.into())], "{value:?}");
        }
    }

    #[test]
    fn what_is_no_list_of_names_is_malformed() {
        let list = tlv(TAG_SEQUENCE, &[&tlv(TAG_DNS_NAME, &[b"a"])]);
        for value in [&b""[..], &[0x04, 0x00], &[0x30, 0x05, 0x82], &[&list[..], &[0x05, 0x00]].concat()] {
            assert!(names_in(value).is_err(), "{value:02x?}");
        }
        assert_eq!(names_in(&list).unwrap(), [AlternativeName::Dns("a".into())]);
    }
}
