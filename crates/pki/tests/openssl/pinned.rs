//! Certificates that are registered without a CA certificate: each is known by its fingerprint, and nothing else is.

use std::sync::Arc;

use landfall_model::{CertificateMode, UnixTime};
use landfall_pki::{
    CHAIN_CERTIFICATES_MAX, ChainError, PinnedCertificates, PresentedChain, Trust, TrustAnchors,
    VerifiedChain, verify,
};

use crate::fixtures::{CA, DEVICE, Kind, Lab, P256, P384};

/// Verifies a chain of which the first certificate is pinned, half an hour after it was made.
fn verify_pinned(lab: &Lab, chain: &[&str]) -> Result<VerifiedChain, ChainError> {
    verify_at(lab, chain, &[chain[0]], 1_800)
}

/// Verifies a chain so many seconds after its first certificate becomes valid.
fn verify_at(lab: &Lab, chain: &[&str], pinned: &[&str], seconds: i64) -> Result<VerifiedChain, ChainError> {
    let now = lab.certificate(chain[0]).validity().not_before.as_secs() + seconds;
    let certificates = lab.presented(chain);
    let presented = PresentedChain::from_peer_certificates(&certificates).unwrap();
    verify(&presented, &trust(lab, pinned), UnixTime::from_secs(now))
}

fn trust(lab: &Lab, names: &[&str]) -> TrustAnchors {
    let pinned = PinnedCertificates::new();
    names.iter().for_each(|name| pinned.pin(lab.certificate(name).id(), CertificateMode::SniOnly));
    TrustAnchors::pinning(Arc::new(pinned))
}

#[test]
fn every_kind_of_key_in_both_versions_needs_no_issuer() {
    let lab = Lab::with_ca();
    for kind in [Kind::Rsa(2_048), P256, P384, Kind::Ec("secp521r1")] {
        for extensions in [None, Some(DEVICE)] {
            let id = lab.device("device", "ca", kind, extensions).id();
            for chain in [&["device"][..], &["device", "ca"], &["device", "device"]] {
                let verified = verify_pinned(&lab, chain).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
                assert_eq!((verified.certificate_id(), verified.trust()), (id, Trust::Pinned));
                assert_eq!(verified.mode(), CertificateMode::SniOnly);
            }
            assert!(verify_at(&lab, &["device"], &[], 60).is_err(), "it is not pinned");
        }
    }
}

#[test]
fn nobody_else_gets_in_by_it() {
    let lab = Lab::with_ca();
    lab.device("device", "ca", P256, Some(DEVICE));
    // The same key, subject and issuer: another serial number, and so another certificate.
    lab.write("again.key", &String::from_utf8(lab.read("device.key")).unwrap());
    lab.sign("again", "/CN=device", "ca", Some(DEVICE), "-sha256");
    lab.device("sibling", "ca", P256, Some(DEVICE));
    lab.self_signed("ca", "/CN=root", CA, "-sha256");
    for chain in
        [&["again"][..], &["sibling"], &["again", "device"], &["sibling", "device"], &["ca", "device"]]
    {
        let error = verify_at(&lab, chain, &["device"], 60).unwrap_err();
        assert!(["chain.unknown_issuer", "chain.leaf_is_ca"].contains(&error.code()), "{chain:?}: {error}");
    }
    // A certificate that it signed is not trusted for its sake, even if it is a CA certificate.
    lab.ca("pinned-ca", "/CN=pinned", P256, CA);
    lab.device("below", "pinned-ca", P256, Some(DEVICE));
    for chain in [&["below"][..], &["below", "pinned-ca"]] {
        let error = verify_at(&lab, chain, &["pinned-ca"], 60).unwrap_err();
        assert_eq!(error.code(), "chain.unknown_issuer", "{chain:?}");
    }
    let many = ["device"; CHAIN_CERTIFICATES_MAX + 1];
    assert_eq!(verify_pinned(&lab, &many).unwrap_err().code(), "chain.too_many_certificates");
}

#[test]
fn it_expires_and_is_no_weaker_than_others() {
    let lab = Lab::new();
    lab.ca("ca", "/CN=root", Kind::Rsa(2_048), CA);
    for extensions in [None, Some(DEVICE)] {
        lab.device("device", "ca", P256, extensions);
        let lifetime = 300 * 86_400;
        for (seconds, expected) in [
            (-1, Some("chain.not_yet_valid")),
            (0, None),
            (lifetime, None),
            (lifetime + 1, Some("chain.expired")),
        ] {
            let found = verify_at(&lab, &["device"], &["device"], seconds);
            assert_eq!(found.err().map(|error| error.code()), expected, "after {seconds} seconds");
        }
        for (digest, expected) in [("-sha1", "chain.weak_signature"), ("-md5", "chain.weak_signature")] {
            lab.sign("device", "/CN=device", "ca", extensions, digest);
            assert_eq!(verify_pinned(&lab, &["device"]).unwrap_err().code(), expected);
        }
        for (kind, expected) in
            [(Kind::Rsa(1_024), "chain.weak_key"), (Kind::Ec("secp256k1"), "chain.unsupported_key")]
        {
            lab.device("device", "ca", kind, extensions);
            assert_eq!(verify_pinned(&lab, &["device"]).unwrap_err().code(), expected);
        }
    }
    for (extensions, expected) in [
        ("extendedKeyUsage=serverAuth\n", Some("chain.not_for_client_auth")),
        ("keyUsage=keyEncipherment\n", Some("chain.key_usage")),
        ("1.2.3.4=critical,DER:0500\n", Some("chain.critical_extension")),
        ("1.2.3.4=DER:0500\n", None),
        ("basicConstraints=critical,CA:TRUE\n", None),
    ] {
        lab.device("device", "ca", P256, Some(extensions));
        let found = verify_pinned(&lab, &["device"]);
        assert_eq!(found.err().map(|error| error.code()), expected, "{extensions}");
    }
}

#[test]
fn its_own_registration_counts_before_its_issuer() {
    let lab = Lab::with_ca();
    let device = lab.device("device", "ca", P256, Some(DEVICE));
    let anchors = trust(&lab, &["device"]).with(lab.anchor("ca")).unwrap();
    let certificates = lab.presented(&["device", "ca"]);
    let presented = PresentedChain::from_peer_certificates(&certificates).unwrap();
    let now = device.validity().not_before;
    let found = || {
        let verified = verify(&presented, &anchors, now).unwrap();
        (verified.trust(), verified.mode())
    };
    assert_eq!(found(), (Trust::Pinned, CertificateMode::SniOnly));
    // The set is shared by every snapshot that was made of it.
    let other = anchors.preferring(&lab.anchor("ca").id()).without(&lab.anchor("ca").id());
    other.pinned().unpin(&device.id());
    assert_eq!(found(), (Trust::IssuedBy(lab.anchor("ca").id()), CertificateMode::Default));
}
