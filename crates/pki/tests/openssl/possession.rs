//! Proof of possession of a CA's key, with the commands of the first seed.

use landfall_model::{RegistrationCode, UnixTime};
use landfall_pki::{Anchor, CaError, KeyKind, KeyPair, PossessionError, prove_possession};

use crate::fixtures::{CA, DEVICE, Kind, Lab, P256};

fn code() -> RegistrationCode {
    RegistrationCode::from_bytes([0xA7; 32])
}

fn prove(lab: &Lab, ca: &str, verification: &str) -> Result<Anchor, PossessionError> {
    let now = lab.certificate(verification).validity().not_before;
    prove_at(lab, ca, verification, now)
}

fn prove_at(lab: &Lab, ca: &str, verification: &str, now: UnixTime) -> Result<Anchor, PossessionError> {
    let read = |name: &str| lab.read(&format!("{name}.pem"));
    prove_possession(&read(ca), &read(verification), &code(), now)
}

fn verification(lab: &Lab, name: &str, ca: &str, common_name: &str, extensions: Option<&str>) {
    lab.key(name, P256);
    lab.sign(name, &format!("/C=FR/O=Acme/CN={common_name}"), ca, extensions, "-sha256");
}

#[test]
fn a_certificate_with_the_code_by_the_ca_s_key_is_the_proof() {
    for kind in [Kind::Rsa(2_048), P256] {
        let lab = Lab::new();
        lab.ca("ca", "/CN=root", kind, CA);
        for extensions in [None, Some(DEVICE)] {
            verification(&lab, "proof", "ca", &code().to_string(), extensions);
            assert_eq!(prove(&lab, "ca", "proof").unwrap().id(), lab.certificate("ca").ca_id());
        }
        lab.openssl(&["x509", "-in", "proof.pem", "-outform", "DER", "-out", "proof.der"]);
        let now = lab.certificate("proof").validity().not_before;
        assert!(prove_possession(&lab.read("ca.pem"), &lab.read("proof.der"), &code(), now).is_ok());
    }
}

#[test]
fn what_is_no_proof_is_explained() {
    let lab = Lab::with_ca();
    lab.ca("other", "/CN=other root", P256, CA);
    lab.ca("same", "/CN=root", P256, CA);
    let right = code().to_string();
    verification(&lab, "wrong-name", "ca", "thing", None);
    verification(&lab, "upper-case", "ca", &right.to_uppercase(), None);
    verification(&lab, "two-names", "ca", &format!("{right}/CN=thing"), None);
    verification(&lab, "other-issuer", "other", &right, None);
    verification(&lab, "other-key", "same", &right, None);
    lab.key("nameless", P256);
    lab.sign("nameless", "/O=Acme", "ca", None, "-sha256");
    lab.key("weak", P256);
    lab.sign("weak", &format!("/CN={right}"), "ca", None, "-sha1");
    verification(&lab, "proof", "ca", &right, None);

    let fails = |ca: &str, proof: &str| prove(&lab, ca, proof).unwrap_err();
    for (name, found) in [("wrong-name", "\"thing\""), ("upper-case", "A7A7"), ("two-names", "a7, thing\"")] {
        let text = fails("ca", name).to_string();
        assert!(text.contains(found) && text.contains(&right), "{text}");
    }
    assert_eq!(fails("ca", "nameless"), PossessionError::NoCommonName { expected: code() });
    let text = fails("ca", "other-issuer").to_string();
    assert!(text.contains("CN=other root") && text.contains("CN=root"), "{text}");
    assert_eq!(fails("ca", "other-key"), PossessionError::OtherKey { ca: "CN=root".to_owned() });
    assert_eq!(fails("ca", "weak"), PossessionError::WeakSignature { algorithm: "ECDSA with SHA-1" });
    // The two files in the wrong order.
    assert!(matches!(fails("proof", "ca"), PossessionError::Ca(CaError::Version1 { .. })));
    // The CA certificate as its own proof.
    assert!(matches!(fails("ca", "ca"), PossessionError::CommonName { .. }));

    let now = lab.certificate("proof").validity().not_before;
    let unread = prove_possession(b"x", &lab.read("proof.pem"), &code(), now).unwrap_err();
    assert!(matches!(unread, PossessionError::CaUnreadable(_)));
    let unread = prove_possession(&lab.read("ca.pem"), b"x", &code(), now).unwrap_err();
    assert!(matches!(unread, PossessionError::VerificationUnreadable(_)));
}

#[test]
fn both_certificates_must_be_valid_now() {
    let lab = Lab::with_ca();
    verification(&lab, "proof", "ca", &code().to_string(), None);
    let end = |name: &str, offset: i64| {
        let end = lab.certificate(name).validity().not_after.as_secs();
        prove_at(&lab, "ca", "proof", UnixTime::from_secs(end + offset))
    };
    assert!(end("proof", 0).is_ok());
    assert!(matches!(end("proof", 1), Err(PossessionError::VerificationNotValid { .. })));
    assert!(matches!(end("ca", 1), Err(PossessionError::CaNotValid { .. })));
    let begin = lab.certificate("ca").validity().not_before.as_secs();
    let early = prove_at(&lab, "ca", "proof", UnixTime::from_secs(begin - 1));
    assert!(matches!(early, Err(PossessionError::CaNotValid { .. })));
}

#[test]
fn our_own_verification_certificate_is_a_proof() {
    let lab = Lab::with_ca();
    let issuer = landfall_pki::Issuer::new(lab.certificate("ca"), lab.key_pair("ca")).unwrap();
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let validity = issuer.certificate().validity();
    let proof = issuer.sign_verification(&code(), key.public_key(), validity).unwrap();
    let now = validity.not_before;
    assert!(prove_possession(&lab.read("ca.pem"), proof.to_pem().as_bytes(), &code(), now).is_ok());
}
