//! Hostile bytes: nothing panics, and nothing that was changed verifies.

use std::sync::{Arc, LazyLock};

use landfall_model::{CertificateMode, UnixTime};
use landfall_pki::{
    Anchor, CertificateRequest, CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair,
    ParsedCertificate, PinnedCertificates, PresentedChain, Subject, TrustAnchors,
    subject_from_openssl_config, validity_of_days, verify,
};
use proptest::prelude::*;
use rustls_pki_types::CertificateDer;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

struct World {
    anchors: TrustAnchors,
    /// The devices themselves, and no CA certificate.
    pinned: TrustAnchors,
    devices: Vec<Vec<u8>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let validity = validity_of_days(NOW, 30);
    let mut anchors = TrustAnchors::new();
    let mut devices = Vec::new();
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let root = Subject::parse("C=FR, O=Acme, CN=root").unwrap();
        let issuer = Issuer::self_signed(&root, KeyPair::generate(kind).unwrap(), validity).unwrap();
        let subject = Subject::parse("serialNumber=1, CN=device, title=iot").unwrap();
        for version in [CertificateVersion::V1, CertificateVersion::V3] {
            let request =
                DeviceRequest { subject: &subject, public_key: issuer.key().public_key(), validity, version };
            devices.push(issuer.sign_device(&request).unwrap().der().as_bytes().to_vec());
        }
        anchors = anchors.with(issuer.anchor().clone()).unwrap();
    }
    let pinned = PinnedCertificates::new();
    for device in &devices {
        pinned.pin(ParsedCertificate::from_der(device).unwrap().id(), CertificateMode::Default);
    }
    World { anchors, pinned: TrustAnchors::pinning(Arc::new(pinned)), devices }
});

fn verifies(der: &[u8], others: &[Vec<u8>]) -> bool {
    is_trusted(der, others, &WORLD.anchors)
}

fn is_trusted(der: &[u8], others: &[Vec<u8>], anchors: &TrustAnchors) -> bool {
    let end_entity = CertificateDer::from(der);
    let others: Vec<_> = others.iter().map(|other| CertificateDer::from(other.as_slice())).collect();
    verify(&PresentedChain::new(&end_entity, &others), anchors, NOW).is_ok()
}

/// Changes some bytes, takes some away, and puts some in.
fn mutated() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let change = (any::<prop::sample::Index>(), 0..4_u8, any::<u8>());
    (0..4_usize, prop::collection::vec(change, 1..5)).prop_map(|(device, changes)| {
        let mut bytes = WORLD.devices[device].clone();
        for (index, kind, byte) in changes {
            let position = index.index(bytes.len());
            match kind {
                0 => bytes[position] ^= byte,
                1 => bytes.insert(position, byte),
                2 => bytes.truncate(position.max(1)),
                _ => {
                    bytes.remove(position);
                }
            }
            if bytes.is_empty() {
                bytes.push(byte);
            }
        }
        (device, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_no_certificate(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(ParsedCertificate::from_der(&bytes).is_err());
        prop_assert!(ParsedCertificate::from_pem_or_der(&bytes).is_err());
        prop_assert!(KeyPair::from_pem(&bytes).is_err());
        prop_assert!(CertificateRequest::from_der(&bytes).is_err());
        prop_assert!(CertificateRequest::from_pem(&bytes).is_err());
        prop_assert!(!verifies(&bytes, std::slice::from_ref(&bytes)));
    }

    #[test]
    fn a_changed_certificate_does_not_verify((device, bytes) in mutated()) {
        let original = &WORLD.devices[device];
        prop_assert_eq!(verifies(&bytes, &[]), bytes == *original);
        prop_assert_eq!(is_trusted(&bytes, std::slice::from_ref(original), &WORLD.pinned), bytes == *original);
        // Beside a good certificate it does no harm, and as a CA it is never accepted.
        prop_assert!(verifies(original, std::slice::from_ref(&bytes)));
        if let Ok(certificate) = ParsedCertificate::from_der(&bytes) {
            prop_assert!(Anchor::new(certificate).is_err());
        }
    }

    #[test]
    fn any_text_is_a_subject_or_an_error(text in any::<String>(), lines in "(\\[(req|dn)\\]|[a-zA-Z_.$=\\\\\"'# ]{0,20}|\n){0,20}") {
        if let Ok(subject) = Subject::parse(&text) {
            prop_assert!(!subject.is_empty());
        }
        if let Ok(subject) = subject_from_openssl_config(&lines) {
            prop_assert!(!subject.is_empty());
        }
    }
}

#[test]
fn what_was_not_changed_verifies() {
    for device in &WORLD.devices {
        assert!(verifies(device, &[]) && is_trusted(device, &[], &WORLD.pinned));
    }
}

/// With (r, s) also (r, n - s) is a signature by the same key: a property of ECDSA that no verifier can undo without
/// refusing half of all certificates. What the issuer signed is the same, which `signed_part_sha256` shows.
#[test]
fn another_signature_of_the_same_certificate_has_the_same_signed_part() {
    for device in &WORLD.devices[..2] {
        let certificate = ParsedCertificate::from_der(device).unwrap();
        let twin = ParsedCertificate::from_der(&with_negated_s(device)).unwrap();
        assert!(verifies(twin.der().as_bytes(), &[]));
        assert!(!is_trusted(twin.der().as_bytes(), &[], &WORLD.pinned), "a fingerprint is that of all bytes");
        assert_ne!(twin.id(), certificate.id());
        assert_eq!(twin.signed_part_sha256(), certificate.signed_part_sha256());
    }
}

/// Replaces s by n - s in the ECDSA signature with which the certificate ends.
fn with_negated_s(der: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
        0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
    // The signature is BIT STRING { SEQUENCE { INTEGER r, INTEGER s } } of about 72 bytes; its start is found from the end.
    let start = (der.len() - 76..der.len() - 60)
        .find(|&at| {
            let [tag, length, unused, sequence, inner] = [at, at + 1, at + 2, at + 3, at + 4].map(|i| der[i]);
            (tag, unused, sequence) == (0x03, 0, 0x30)
                && at + 2 + usize::from(length) == der.len()
                && inner + 3 == length
        })
        .unwrap();
    let r_length = usize::from(der[start + 6]);
    let r = &der[start + 5..start + 7 + r_length];
    let s_value = &der[start + 9 + r_length..];

    let mut s = [0_u8; 32];
    let significant = &s_value[s_value.len().saturating_sub(32)..];
    s[32 - significant.len()..].copy_from_slice(significant);
    let mut negated = Vec::new();
    let mut borrow = 0_i16;
    for (order, digit) in ORDER.iter().zip(s).rev() {
        let difference = i16::from(*order) - i16::from(digit) - borrow;
        borrow = i16::from(difference < 0);
        negated.insert(0, u8::try_from(difference.rem_euclid(256)).unwrap());
    }
    while negated.len() > 1 && negated[0] == 0 && negated[1] < 0x80 {
        negated.remove(0);
    }
    if negated[0] >= 0x80 {
        negated.insert(0, 0);
    }
    let byte = |length: usize| u8::try_from(length).unwrap();
    let integers = [r, &[0x02, byte(negated.len())], &negated].concat();
    let signature =
        [&[0x03, byte(integers.len() + 3), 0x00, 0x30, byte(integers.len())], &integers[..]].concat();
    let mut changed = [&der[4..start], &signature].concat();
    let length = u16::try_from(changed.len()).unwrap().to_be_bytes();
    changed.splice(0..0, [0x30, 0x82, length[0], length[1]]);
    changed
}
