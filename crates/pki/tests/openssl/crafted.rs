//! Certificates that no tool makes, signed by the true key of a registered CA: a CA is trusted, its mistakes are not.

use landfall_model::UnixTime;
use landfall_pki::{
    CertificateError, CertificateVersion, ChainError, DeviceRequest, Issuer, KeyKind, KeyPair,
    ParsedCertificate, PresentedChain, Subject, TrustAnchors, VerifiedChain, validity_of_days, verify,
};
use rustls_pki_types::CertificateDer;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

const VERSION: usize = 0;
const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const SUBJECT: usize = 5;
const EXTENSIONS: usize = 7;

struct Workshop {
    issuer: Issuer,
    /// The fields of the signed part of a certificate of version 3, which each test changes.
    fields: Vec<Vec<u8>>,
    algorithm: Vec<u8>,
}

impl Workshop {
    fn new() -> Self {
        let validity = validity_of_days(NOW, 30);
        let root = Subject::parse("CN=root").unwrap();
        let issuer = Issuer::self_signed(&root, KeyPair::generate(KeyKind::P256).unwrap(), validity).unwrap();
        let subject = Subject::parse("CN=device").unwrap();
        let request = DeviceRequest {
            subject: &subject,
            public_key: issuer.key().public_key(),
            validity,
            version: CertificateVersion::V3,
        };
        let device = issuer.sign_device(&request).unwrap();
        let parts = children(device.der().as_bytes());
        Self { issuer, fields: children(&parts[0]), algorithm: parts[1].clone() }
    }

    /// Signs these fields.
    fn sign(&self, fields: &[Vec<u8>]) -> Vec<u8> {
        let signed = element(0x30, &fields.concat());
        let signature = element(0x03, &[&[0], &self.issuer.key().sign(&signed).unwrap()[..]].concat());
        element(0x30, &[signed, self.algorithm.clone(), signature].concat())
    }

    /// Signs the fields as `change` leaves them, and verifies the outcome.
    fn verify(&self, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Result<VerifiedChain, ChainError> {
        let mut fields = self.fields.clone();
        change(&mut fields);
        let der = CertificateDer::from(self.sign(&fields));
        let anchors = TrustAnchors::of([self.issuer.anchor().clone()]).unwrap();
        verify(&PresentedChain::new(&der, &[]), &anchors, NOW)
    }

    #[track_caller]
    fn malformed(&self, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> CertificateError {
        match self.verify(change) {
            Err(ChainError::Malformed(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(7)..];
    let header = match significant {
        [short @ 0..=0x7F] => vec![tag, *short],
        long => [&[tag, 0x80 | u8::try_from(long.len()).unwrap()], long].concat(),
    };
    [header, content.to_vec()].concat()
}

/// The elements inside an element.
pub(crate) fn children(der: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &der[header_length(der)..];
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (first, others) = rest.split_at(header_length(rest) + content_length(rest));
        elements.push(first.to_vec());
        rest = others;
    }
    elements
}

fn header_length(der: &[u8]) -> usize {
    if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7F) }
}

fn content_length(der: &[u8]) -> usize {
    match der[1] {
        short @ 0..=0x7F => usize::from(short),
        _ => der[2..header_length(der)].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    }
}

fn name(attributes: &[(u8, &[u8])]) -> Vec<u8> {
    let steps: Vec<Vec<u8>> = attributes
        .iter()
        .map(|(tag, value)| {
            let attribute = [&[0x06, 0x03, 0x55, 0x04, 0x03], &element(*tag, value)[..]].concat();
            element(0x31, &element(0x30, &attribute))
        })
        .collect();
    element(0x30, &steps.concat())
}

fn extension(last_of_oid: u8, value: &[u8]) -> Vec<u8> {
    element(0x30, &[&[0x06, 0x03, 0x55, 0x1D, last_of_oid], &element(0x04, value)[..]].concat())
}

fn extensions(list: &[Vec<u8>]) -> Vec<u8> {
    element(0xA3, &element(0x30, &list.concat()))
}

#[test]
fn what_was_not_changed_verifies() {
    let workshop = Workshop::new();
    assert_eq!(workshop.verify(|_| ()).unwrap().certificate().version(), CertificateVersion::V3);
}

#[test]
fn versions_other_than_1_and_3_and_mixtures_of_them_are_refused() {
    let workshop = Workshop::new();
    assert_eq!(
        workshop.malformed(|fields| drop(fields.remove(VERSION))),
        CertificateError::Version1Extensions
    );
    for (number, version) in [(1, 2), (3, 4)] {
        let error = workshop.malformed(|fields| fields[VERSION] = vec![0xA0, 0x03, 0x02, 0x01, number]);
        assert_eq!(error, CertificateError::Version { version });
    }
    // Version 1 that is written out, which DER forbids and some issuers do.
    let chain = workshop
        .verify(|fields| {
            fields.remove(EXTENSIONS);
            fields[VERSION] = vec![0xA0, 0x03, 0x02, 0x01, 0x00];
        })
        .unwrap();
    assert_eq!(chain.certificate().version(), CertificateVersion::V1);
    // The same without the field is the usual version 1.
    let chain = workshop.verify(|fields| {
        fields.remove(EXTENSIONS);
        fields.remove(VERSION);
    });
    assert_eq!(chain.unwrap().certificate().version(), CertificateVersion::V1);
}

#[test]
fn the_signed_part_has_its_fields_and_no_others() {
    let workshop = Workshop::new();
    // The unique identifiers of version 2, in version 3 and in version 1.
    workshop.malformed(|fields| fields.insert(EXTENSIONS, vec![0x81, 0x02, 0x00, 0x01]));
    workshop.malformed(|fields| {
        fields[EXTENSIONS] = vec![0x81, 0x02, 0x00, 0x01];
        fields.remove(VERSION);
    });
    workshop.malformed(|fields| fields.push(vec![0x05, 0x00]));
    for missing in SERIAL..EXTENSIONS {
        workshop.malformed(|fields| drop(fields.remove(missing)));
    }
    // ecdsa-with-SHA384 inside, ecdsa-with-SHA256 outside.
    let other = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03].to_vec();
    let error = workshop.malformed(|fields| fields[ALGORITHM] = other);
    assert_eq!(error, CertificateError::SignatureAlgorithms);
}

#[test]
fn extensions_that_decide_are_there_once_and_well_formed() {
    let workshop = Workshop::new();
    let cases: [(u8, &[u8]); 7] = [
        (14, &[0x04, 0x01, 0x07]),
        (15, &[0x03, 0x02, 0x07, 0x80]),
        (19, &[0x30, 0x00]),
        (30, &[0x30, 0x00]),
        (35, &[0x30, 0x00]),
        (37, &[0x30, 0x0A, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]),
        (17, &[0x30, 0x03, 0x82, 0x01, b'a']),
    ];
    for (oid, value) in cases {
        let one = extension(oid, value);
        let twice = |fields: &mut Vec<Vec<u8>>| fields[EXTENSIONS] = extensions(&[one.clone(), one.clone()]);
        if oid == 17 {
            assert!(
                matches!(workshop.verify(twice), Err(ChainError::Invalid(_))),
                "webpki looks at this one"
            );
        } else {
            assert!(matches!(workshop.malformed(twice), CertificateError::ExtensionTwice { .. }), "{oid}");
        }
        workshop.verify(|fields| fields[EXTENSIONS] = extensions(std::slice::from_ref(&one))).unwrap();
    }
    let malformed: [(u8, &[u8]); 8] = [
        (14, &[0x30, 0x00]),
        (15, &[0x03, 0x01, 0x08]),
        (15, &[0x03, 0x02, 0x07, 0x80, 0x00]),
        (19, &[0x30, 0x03, 0x01, 0x01, 0x01]),
        (19, &[0x30, 0x07, 0x01, 0x01, 0xFF, 0x02, 0x02, 0x00, 0x80]),
        (19, &[0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x80]),
        (35, &[0x04, 0x00]),
        (37, &[0x30, 0x02, 0x05, 0x00]),
    ];
    for (oid, value) in malformed {
        workshop.malformed(|fields| fields[EXTENSIONS] = extensions(&[extension(oid, value)]));
    }
    let with_usage = |bits: u8, unused: u8| {
        workshop.verify(|fields| {
            fields[EXTENSIONS] = extensions(&[extension(15, &[0x03, 0x02, unused, bits])]);
        })
    };
    assert_eq!(with_usage(0x40, 6).unwrap_err().code(), "chain.key_usage");
    assert!(with_usage(0x84, 2).unwrap().certificate().may_sign_certificates());
    // Bits that are said to be unused are no bits.
    assert!(!with_usage(0x84, 3).unwrap().certificate().may_sign_certificates());
}

#[test]
fn names_of_every_size_and_kind() {
    let workshop = Workshop::new();
    let universal = [0, 0, 0, b'a', 0, 1, 0xF6, 0];
    let chain =
        workshop.verify(|fields| fields[SUBJECT] = name(&[(0x1C, &universal), (0x14, b"\xFC")])).unwrap();
    assert_eq!(chain.subject().values("2.5.4.3").collect::<Vec<_>>(), ["a😀", "ü"]);
    assert_eq!(workshop.verify(|fields| fields[SUBJECT] = name(&[])).unwrap().subject().attributes(), []);
    let many = vec![(0x0C, &b"a"[..]); 65];
    assert_eq!(
        workshop.verify(|fields| fields[SUBJECT] = name(&many[..64])).unwrap().subject().attributes().len(),
        64
    );
    let error = workshop.malformed(|fields| fields[SUBJECT] = name(&many));
    assert!(matches!(error, CertificateError::TooManyAttributes { .. }));
    for (tag, value) in [(0x0C, &b"a\0"[..]), (0x03, b"\0a"), (0x2C, b"a"), (0x0C, b"\xFF")] {
        let error = workshop.malformed(|fields| fields[SUBJECT] = name(&[(tag, value)]));
        assert!(matches!(error, CertificateError::AttributeText { .. }), "{error}");
    }
}

#[test]
fn serial_numbers_are_bytes() {
    let workshop = Workshop::new();
    let long = [0x7F; 30];
    let cases: [(&[u8], &str); 5] =
        [(&[0], "00"), (&[0, 0x80], "80"), (&[0xFF], "ff"), (&[1, 2], "0102"), (&long, &"7f".repeat(30))];
    for (bytes, expected) in cases {
        let chain = workshop.verify(|fields| fields[SERIAL] = element(0x02, bytes)).unwrap();
        assert_eq!(chain.serial_number_hex(), expected);
    }
}

#[test]
fn a_certificate_has_at_most_64_kib() {
    let workshop = Workshop::new();
    let filled = |bytes: usize| {
        let mut fields = workshop.fields.clone();
        fields[EXTENSIONS] = extensions(&[extension(99, &vec![0; bytes])]);
        let der = workshop.sign(&fields);
        (der.len(), ParsedCertificate::from_der(&der))
    };
    let (length, parsed) = filled(60_000);
    assert!(length < 65_536 && parsed.is_ok());
    let (length, parsed) = filled(66_000);
    assert_eq!(parsed, Err(CertificateError::TooLarge { bytes: length }));
}
