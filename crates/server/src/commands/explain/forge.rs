//! Certificates as no issuer of ours makes them, byte by byte, for tests.

use landfall_pki::{Issuer, KeyKind, KeyPair, Subject};

use crate::commands::explain::tests::VALIDITY;

/// Tags of text types.
pub(super) const UTF8: u8 = 0x0c;
pub(super) const PRINTABLE: u8 = 0x13;
pub(super) const BMP: u8 = 0x1e;

/// The last byte of the object identifiers below 2.5.4.
const FIELDS: [(&str, u8); 6] =
    [("CN", 3), ("serialNumber", 5), ("O", 10), ("T", 12), ("GQ", 44), ("postalCode", 17)];

const ECDSA_SHA256: &[u8] = &[0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const RSA: &[u8] = &[0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const BASIC_CONSTRAINTS: &[u8] = &[6, 3, 0x55, 0x1d, 0x13];
const ALTERNATIVE_NAMES: &[u8] = &[6, 3, 0x55, 0x1d, 0x11];

/// What a certificate has in place of what is usual.
#[derive(Clone)]
pub(super) struct Forged {
    fields: Vec<(u8, u8, Vec<u8>)>,
    version_1: bool,
    public_key: Option<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    /// `YYMMDDHHMMSSZ`.
    validity: [&'static str; 2],
    serial_number: u16,
}

/// The CA of the tests.
pub(super) fn ca(name: &str) -> Issuer {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    Issuer::self_signed(&Subject::common_name(name).unwrap(), key, VALIDITY).unwrap()
}

impl Forged {
    /// The device of the workshop, in version 3.
    pub(super) fn new() -> Self {
        let forged = Self {
            fields: Vec::new(),
            version_1: false,
            public_key: None,
            extensions: Vec::new(),
            validity: ["260101000000Z", "270101000000Z"],
            serial_number: 0x1234,
        };
        forged
            .field("O", "AcmeInc")
            .field("CN", "example-thing")
            .field("serialNumber", "1234-5678-9123")
            .field("T", "iot")
            .field("GQ", "smart-sensor")
    }

    pub(super) fn version_1(self) -> Self {
        Self { version_1: true, ..self }
    }

    pub(super) fn numbered(self, serial_number: u16) -> Self {
        Self { serial_number, ..self }
    }

    pub(super) fn valid(self, first: &'static str, last: &'static str) -> Self {
        Self { validity: [first, last], ..self }
    }

    /// Adds a field.
    pub(super) fn field(self, name: &str, value: &str) -> Self {
        self.bytes(name, UTF8, value.as_bytes())
    }

    /// Adds a field of this type.
    pub(super) fn bytes(mut self, name: &str, tag: u8, value: &[u8]) -> Self {
        self.fields.push((number(name), tag, value.to_vec()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, ..)| *field != number(name));
        self
    }

    /// With another value of a field.
    pub(super) fn with(self, name: &str, value: &str) -> Self {
        self.without(name).field(name, value)
    }

    /// With an RSA key of so many bits.
    pub(super) fn rsa(self, bits: usize) -> Self {
        let mut modulus = vec![0xc5; bits / 8];
        modulus.insert(0, 0);
        let key = tlv(0x30, &[&tlv(2, &[&modulus]), &[2, 3, 1, 0, 1]]);
        Self { public_key: Some(tlv(0x30, &[RSA, &tlv(3, &[&[0], &key])])), ..self }
    }

    pub(super) fn of_a_ca(mut self) -> Self {
        let value = tlv(4, &[&[0x30, 3, 1, 1, 0xff]]);
        self.extensions.push(tlv(0x30, &[BASIC_CONSTRAINTS, &[1, 1, 0xff], &value]));
        self
    }

    pub(super) fn alternative_names(mut self, count: usize) -> Self {
        let names: Vec<u8> =
            (0..count).flat_map(|number| tlv(0x82, &[format!("n{number}.example").as_bytes()])).collect();
        let value = tlv(4, &[&tlv(0x30, &[&names])]);
        self.extensions.push(tlv(0x30, &[ALTERNATIVE_NAMES, &value]));
        self
    }

    /// The certificate that the CA signs, in PEM.
    pub(super) fn sign(&self, ca: &Issuer) -> String {
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let signed = self.to_be_signed(ca.certificate().subject_der(), key.public_key().as_der());
        let signature = ca.key().sign(&signed).unwrap();
        pem(&tlv(0x30, &[&signed, ECDSA_SHA256, &tlv(3, &[&[0], &signature])]))
    }

    /// The certificate with this key and a signature of nobody, in PEM: always the same.
    pub(super) fn unsigned(&self, public_key: &[u8]) -> String {
        let issuer = tlv(0x30, &[&attribute(3, UTF8, b"nobody")]);
        let signed = self.to_be_signed(&issuer, public_key);
        pem(&tlv(0x30, &[&signed, ECDSA_SHA256, &tlv(3, &[&[0], &[0x30, 6, 2, 1, 1, 2, 1, 1]])]))
    }

    fn to_be_signed(&self, issuer: &[u8], public_key: &[u8]) -> Vec<u8> {
        let Self { fields, version_1, public_key: own_key, extensions, validity, serial_number } = self;
        let subject: Vec<u8> =
            fields.iter().flat_map(|(field, tag, value)| attribute(*field, *tag, value)).collect();
        let extensions = match version_1 {
            true => Vec::new(),
            false if extensions.is_empty() => Vec::new(),
            false => tlv(0xa3, &[&tlv(0x30, &[&extensions.concat()])]),
        };
        let [first, last] = validity.map(|moment| tlv(0x17, &[moment.as_bytes()]));
        let version: &[u8] = if *version_1 { &[] } else { &[0xa0, 3, 2, 1, 2] };
        tlv(
            0x30,
            &[
                version,
                &tlv(2, &[&serial_number.to_be_bytes()]),
                ECDSA_SHA256,
                issuer,
                &tlv(0x30, &[&first, &last]),
                &tlv(0x30, &[&subject]),
                own_key.as_deref().unwrap_or(public_key),
                &extensions,
            ],
        )
    }
}

fn number(name: &str) -> u8 {
    FIELDS.iter().find(|(known, _)| *known == name).unwrap().1
}

fn attribute(field: u8, tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x31, &[&tlv(0x30, &[&[6, 3, 0x55, 4, field], &tlv(tag, &[value])])])
}

/// An element of DER (X.690, section 8.1).
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    let head = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        (_, _) => vec![tag, 0x82, high, low],
    };
    [head, content].concat()
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).map(|start| &text[start..text.len().min(start + 64)]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
