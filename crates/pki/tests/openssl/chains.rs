//! Presented chains: what is verified, and what is refused and why.

use landfall_model::{CaCertificateId, CertificateMode, NameAttribute, SubjectField, UnixTime};
use landfall_pki::{
    Anchor, CA_CERTIFICATES_PER_SUBJECT_MAX, CHAIN_CERTIFICATES_MAX, CaError, CertificateError,
    CertificateVersion, ChainError, KeyAlgorithm, NamePart, ParsedCertificate, PemError, PresentedChain,
    TextError, Trust, TrustAnchors, VerifiedChain, verify,
};
use rustls_pki_types::CertificateDer;

use crate::fixtures::{CA, DEVICE, Kind, Lab, P256, P384, presented};

const INTERMEDIATE: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n\
                            subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

/// The registered CA certificate that vouches for the chain.
fn ca(verified: Result<VerifiedChain, ChainError>) -> CaCertificateId {
    verified.unwrap().trust().ca().unwrap()
}

#[test]
fn every_kind_of_key_is_verified_in_both_versions() {
    let kinds = [Kind::Rsa(2_048), Kind::Rsa(4_096), P256, P384, Kind::Ec("secp521r1")];
    for (number, ca_kind) in [Kind::Rsa(2_048), P256, P384].into_iter().enumerate() {
        let lab = Lab::new();
        let ca = format!("ca{number}");
        lab.ca(&ca, "/C=FR/O=Acme Inc/CN=root", ca_kind, CA);
        for kind in kinds {
            for extensions in [None, Some(DEVICE)] {
                let certificate = lab.device("device", &ca, kind, extensions);
                let chain =
                    lab.verify(&["device"], &[&ca]).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
                assert_eq!(chain.certificate_id(), certificate.id());
                assert_eq!(chain.trust(), Trust::IssuedBy(lab.certificate(&ca).ca_id()));
                assert_eq!(chain.mode(), CertificateMode::Default);
                assert_eq!(chain.subject().field(SubjectField::CommonName), Some("device"));
                assert_eq!(chain.issuer(), lab.certificate(&ca).subject());
                assert!(lab.verify(&["device", &ca], &[&ca]).is_ok(), "the leaf with its CA");
            }
        }
    }
}

#[test]
fn the_facts_of_a_certificate_are_those_that_openssl_prints() {
    let lab = Lab::with_ca();
    lab.key("device", Kind::Rsa(2_048));
    let subject = "/serialNumber=0123/C=FR/O=Acme, Inc/OU=a/OU=b/CN=thing-1/title=iot/generationQualifier=x1";
    let certificate = lab.sign("device", subject, "ca", Some(DEVICE), "-sha256");

    let printed = |option: &str| {
        let text = lab.openssl(&["x509", "-in", "device.pem", "-noout", option]);
        text.trim().rsplit_once('=').map(|(_, value)| value.to_lowercase()).unwrap()
    };
    assert_eq!(
        printed("-serial").trim_start_matches('0'),
        certificate.serial_number_hex().trim_start_matches('0')
    );
    let fingerprint = lab.openssl(&["x509", "-in", "device.pem", "-noout", "-fingerprint", "-sha256"]);
    let digits = fingerprint.trim().rsplit_once('=').unwrap().1.replace(':', "").to_lowercase();
    assert_eq!(certificate.id().to_string(), digits);

    let attributes: Vec<_> =
        certificate.subject().attributes().iter().map(|part| (&*part.oid, &*part.value)).collect();
    let expected = [
        ("2.5.4.5", "0123"),
        ("2.5.4.6", "FR"),
        ("2.5.4.10", "Acme, Inc"),
        ("2.5.4.11", "a"),
        ("2.5.4.11", "b"),
        ("2.5.4.3", "thing-1"),
        ("2.5.4.12", "iot"),
        ("2.5.4.44", "x1"),
    ];
    assert_eq!(attributes, expected);
    assert_eq!(certificate.key_algorithm(), &KeyAlgorithm::Rsa { bits: 2_048 });
    assert_eq!(certificate.extended_key_usage().map(<[_]>::len), Some(1));
    assert_eq!(certificate.authority_key_id(), lab.certificate("ca").subject_key_id());
    assert!(
        !certificate.is_ca() && certificate.may_sign_handshakes() && !certificate.may_sign_certificates()
    );
    let days = certificate.validity().not_after.since(certificate.validity().not_before).as_secs() / 86_400;
    assert_eq!(days, 300);
}

#[test]
fn names_in_every_encoding_are_read() {
    let lab = Lab::with_ca();
    lab.key("device", P256);
    for (mask, expected) in [("utf8only", "Zürich"), ("MASK:0x4", "Zürich"), ("MASK:0x800", "Zürich")] {
        let config = format!(
            "[req]\nprompt=no\nutf8=yes\nstring_mask={mask}\ndistinguished_name=dn\n[dn]\nL={expected}\n"
        );
        lab.write("names.cnf", &config);
        lab.openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            "device.key",
            "-config",
            "names.cnf",
            "-out",
            "named.pem",
        ]);
        let attributes = lab.certificate("named").subject().attributes().to_vec();
        assert_eq!(attributes, [NameAttribute { oid: "2.5.4.7".into(), value: expected.into() }], "{mask}");
    }
}

#[test]
fn a_control_character_in_a_name_is_refused_with_its_attribute() {
    let lab = Lab::with_ca();
    lab.key("device", P256);
    lab.write("names.cnf", "[req]\nprompt=no\ndistinguished_name=dn\n[dn]\nCN=a\\nb\n");
    lab.openssl(&["req", "-x509", "-new", "-key", "device.key", "-config", "names.cnf", "-out", "named.pem"]);
    let error = ParsedCertificate::from_pem(&lab.read("named.pem")).unwrap_err();
    let PemError::Certificate { number: 1, source: CertificateError::AttributeText { oid, source, .. } } =
        error
    else {
        panic!("{error:?}");
    };
    assert_eq!((&*oid, source), ("2.5.4.3", TextError::ControlCharacter { code_point: 10 }));
}

#[test]
fn intermediates_lead_to_a_registered_root_in_whatever_order() {
    let lab = Lab::with_ca();
    lab.device("upper", "ca", P384, Some(INTERMEDIATE));
    lab.device("lower", "upper", P256, Some(INTERMEDIATE));
    lab.device("device", "lower", P256, Some(DEVICE));
    let root = lab.certificate("ca").ca_id();
    for chain in [
        &["device", "lower", "upper"][..],
        &["device", "upper", "lower"],
        &["device", "lower", "upper", "ca"],
        &["device", "ca", "upper", "lower"],
    ] {
        assert_eq!(ca(lab.verify(chain, &["ca"])), root, "{chain:?}");
    }
    // A registered intermediate is an anchor like a root; the nearest one is taken.
    for anchors in [&["lower"][..], &["lower", "upper", "ca"]] {
        assert_eq!(ca(lab.verify(&["device"], anchors)), lab.certificate("lower").ca_id());
    }
    assert_eq!(ca(lab.verify(&["device", "lower"], &["upper"])), lab.certificate("upper").ca_id());

    let error = lab.refused(&["device", "lower"], &["ca"], "chain.unknown_issuer");
    assert!(error.to_string().contains("CN=upper"), "{error}");
    lab.refused(&["device"], &["ca"], "chain.unknown_issuer");
    lab.refused(&["device", "upper"], &["ca"], "chain.unknown_issuer");
}

#[test]
fn an_unknown_issuer_is_named() {
    let lab = Lab::with_ca();
    lab.ca("other", "/CN=other root", P256, CA);
    for extensions in [None, Some(DEVICE)] {
        lab.device("device", "other", P256, extensions);
        for chain in [&["device"][..], &["device", "other"]] {
            let error = lab.refused(chain, &["ca"], "chain.unknown_issuer");
            assert!(error.to_string().contains("CN=other root"), "{error}");
        }
        lab.refused(&["device"], &[], "chain.unknown_issuer");
    }
}

#[test]
fn several_cas_may_share_a_subject() {
    let lab = Lab::new();
    let names = ["one", "two", "three"];
    for name in names {
        lab.ca(name, "/CN=root", P256, CA);
    }
    for (index, name) in names.into_iter().enumerate() {
        for (suffix, extensions) in [("v1", None), ("v3", Some(DEVICE))] {
            let device = format!("{suffix}-{index}");
            lab.device(&device, name, P256, extensions);
            assert_eq!(ca(lab.verify(&[&device], &names)), lab.certificate(name).ca_id());
        }
    }
    // With a key identifier it is known that the key is another one; without one it shows in the signature.
    lab.refused(&["v3-0"], &["two", "three"], "chain.unknown_issuer_key");
    let error = lab.refused(&["v1-0"], &["two", "three"], "chain.bad_signature");
    assert!(error.to_string().contains("CN=root"), "{error}");
}

#[test]
fn a_subject_has_at_most_ten_cas() {
    let lab = Lab::new();
    let mut anchors = TrustAnchors::new();
    for number in 0..CA_CERTIFICATES_PER_SUBJECT_MAX {
        lab.ca(&format!("ca{number}"), "/CN=root", P256, CA);
        anchors = anchors.with(lab.anchor(&format!("ca{number}"))).unwrap();
    }
    lab.ca("last", "/CN=root", P256, CA);
    assert!(anchors.with(lab.anchor("last")).unwrap_err().to_string().contains("CN=root"));
    // One that is there already is no new one, and one that goes makes room.
    assert_eq!(anchors.with(lab.anchor("ca3")).unwrap().len(), CA_CERTIFICATES_PER_SUBJECT_MAX);
    let fewer = anchors.without(&lab.anchor("ca0").id());
    assert_eq!((fewer.len(), anchors.len()), (9, 10));
    assert_eq!(fewer.with(lab.anchor("last")).unwrap().len(), CA_CERTIFICATES_PER_SUBJECT_MAX);
    let empty = lab.anchors(&["last"]).without(&lab.anchor("last").id());
    assert!(empty.is_empty());
}

#[test]
fn time_is_checked_to_the_second_at_both_ends_and_for_each_certificate() {
    let lab = Lab::with_ca();
    lab.device("middle", "ca", P256, Some(INTERMEDIATE));
    lab.device("direct1", "ca", P256, None);
    lab.device("direct3", "ca", P256, Some(DEVICE));
    lab.device("below", "middle", P256, Some(DEVICE));
    let at = |chain: &[&str], second: i64| lab.verify_at(chain, &["ca"], UnixTime::from_secs(second));
    for chain in [&["direct1"][..], &["direct3"], &["below", "middle"]] {
        let validity = lab.certificate(chain[0]).validity();
        let (first, last) = (validity.not_before.as_secs(), validity.not_after.as_secs());
        assert!(at(chain, first).is_ok(), "{chain:?}");
        assert!(lab.verify_at(chain, &["ca"], UnixTime::from_millis(first * 1_000 + 999)).is_ok());
        assert_eq!(at(chain, first - 1).unwrap_err().code(), "chain.not_yet_valid");
        assert_eq!(at(chain, last + 1).unwrap_err().code(), "chain.expired");
        assert_eq!(at(chain, -1).unwrap_err().code(), "chain.not_yet_valid");
    }
    // The last second of the direct ones: the CA lives 65 days longer.
    let last = lab.certificate("direct1").validity().not_after.as_secs();
    assert!(at(&["direct1"], last).is_ok());
    assert!(lab.verify_at(&["direct1"], &["ca"], UnixTime::from_millis(last * 1_000 + 999)).is_ok());
    let error = at(&["direct1"], last + 1).unwrap_err().to_string();
    assert_eq!(error.matches('Z').count(), 2, "both moments are told: {error}");
}

#[test]
fn a_ca_and_an_intermediate_expire_too() {
    let lab = Lab::with_ca();
    lab.key("middle", P256);
    lab.sign("middle", "/CN=middle", "ca", Some(INTERMEDIATE), "-sha256");
    for (name, ca) in [("direct1", "ca"), ("direct3", "ca"), ("below", "middle")] {
        lab.key(name, P256);
        let [key, csr, pem] = ["key", "csr", "pem"].map(|suffix| format!("{name}.{suffix}"));
        let (ca_pem, ca_key) = (format!("{ca}.pem"), format!("{ca}.key"));
        lab.openssl(&["req", "-new", "-key", &key, "-config", "csr.cnf", "-subj", "/CN=long", "-out", &csr]);
        lab.write("ext.cnf", DEVICE);
        let mut arguments = vec![
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            &ca_pem,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-days",
            "3650",
            "-out",
            &pem,
            "-sha256",
        ];
        if name != "direct1" {
            arguments.extend(["-extfile", "ext.cnf"]);
        }
        lab.openssl(&arguments);
    }
    let code = |chain: &[&str], name: &str, offset: i64| {
        let end = lab.certificate(name).validity().not_after.as_secs();
        lab.verify_at(chain, &["ca"], UnixTime::from_secs(end + offset)).map_err(|error| error.code()).err()
    };
    for chain in [&["direct1"][..], &["direct3"]] {
        assert_eq!(code(chain, "ca", 0), None);
        assert_eq!(code(chain, "ca", 1), Some("chain.ca_expired"));
    }
    assert_eq!(code(&["below", "middle"], "middle", 0), None);
    assert_eq!(code(&["below", "middle"], "middle", 1), Some("chain.intermediate_expired"));
}

#[test]
fn weak_signatures_and_keys_are_refused_by_name() {
    let lab = Lab::new();
    lab.ca("ca", "/CN=root", Kind::Rsa(2_048), CA);
    lab.device("good", "ca", P256, Some(DEVICE));
    for extensions in [None, Some(DEVICE)] {
        lab.key("device", P256);
        for (digest, name) in [("-sha1", "SHA-1"), ("-md5", "MD5")] {
            lab.sign("device", "/CN=device", "ca", extensions, digest);
            let error = lab.refused(&["device"], &["ca"], "chain.weak_signature");
            assert!(error.to_string().contains(name), "{error}");
        }
        lab.device("small", "ca", Kind::Rsa(1_024), extensions);
        lab.refused(&["small"], &["ca"], "chain.weak_key");
        lab.device("curve", "ca", Kind::Ec("secp256k1"), extensions);
        lab.refused(&["curve"], &["ca"], "chain.unsupported_key");
        // RSA-PSS on a certificate is supported by nobody's devices and not by webpki with such parameters.
        lab.key("device", P256);
    }
    lab.key("middle", Kind::Rsa(2_048));
    lab.sign("middle", "/CN=middle", "ca", Some(INTERMEDIATE), "-sha1");
    lab.device("below", "middle", P256, Some(DEVICE));
    let error = lab.refused(&["below", "middle"], &["ca"], "chain.weak_signature");
    assert!(error.to_string().contains("CN=middle"), "{error}");

    lab.ca("tiny", "/CN=tiny", Kind::Rsa(1_024), CA);
    assert!(matches!(Anchor::new(lab.certificate("tiny")), Err(CaError::Key { .. })));
    lab.self_signed("ca", "/CN=root", CA, "-sha1");
    assert!(matches!(Anchor::new(lab.certificate("ca")), Err(CaError::WeakSignature { .. })));
}

#[test]
fn a_leaf_that_is_a_ca_or_for_other_purposes_is_refused() {
    let lab = Lab::with_ca();
    let cases = [
        ("basicConstraints=CA:TRUE\n", "chain.leaf_is_ca"),
        ("extendedKeyUsage=serverAuth\n", "chain.not_for_client_auth"),
        ("extendedKeyUsage=codeSigning,emailProtection\n", "chain.not_for_client_auth"),
        ("extendedKeyUsage=anyExtendedKeyUsage\n", "chain.not_for_client_auth"),
        ("keyUsage=keyEncipherment\n", "chain.key_usage"),
        ("1.2.3.4=critical,DER:0500\n", "chain.critical_extension"),
    ];
    for (extensions, code) in cases {
        lab.device("device", "ca", P256, Some(extensions));
        lab.refused(&["device"], &["ca"], code);
    }
    for extensions in [
        "basicConstraints=CA:FALSE\n",
        "extendedKeyUsage=serverAuth,clientAuth\n",
        "keyUsage=digitalSignature,keyAgreement\n",
        "1.2.3.4=DER:0500\n",
        "subjectAltName=otherName:1.2.3.4;UTF8:x,DNS:device.example\n",
    ] {
        lab.device("device", "ca", P256, Some(extensions));
        assert!(lab.verify(&["device"], &["ca"]).is_ok(), "{extensions}");
    }
    // The registered CA certificate itself is no device's, with whatever key it is presented.
    lab.refused(&["ca"], &["ca"], "chain.leaf_is_ca");
    lab.refused(&["ca", "ca"], &["ca"], "chain.leaf_is_ca");
}

#[test]
fn a_device_s_certificate_signs_no_other() {
    let lab = Lab::with_ca();
    for (signer, extensions) in [("one", None), ("three", Some(DEVICE))] {
        lab.device(signer, "ca", P256, extensions);
        for extensions in [None, Some("basicConstraints=CA:FALSE\n")] {
            lab.device("device", signer, P256, extensions);
            lab.refused(&["device", signer], &["ca"], "chain.intermediate_not_ca");
            lab.refused(&["device", signer, "ca"], &["ca"], "chain.intermediate_not_ca");
        }
    }
    lab.device("mute", "ca", P256, Some("basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature\n"));
    lab.device("device", "mute", P256, Some("basicConstraints=CA:FALSE\n"));
    lab.refused(&["device", "mute"], &["ca"], "chain.intermediate_may_not_sign");
    lab.device("web", "ca", P256, Some("basicConstraints=critical,CA:TRUE\nextendedKeyUsage=serverAuth\n"));
    lab.device("device", "web", P256, Some("basicConstraints=CA:FALSE\n"));
    lab.refused(&["device", "web"], &["ca"], "chain.invalid");
}

#[test]
fn path_lengths_are_kept_by_roots_and_intermediates() {
    let lab = Lab::new();
    lab.ca("ca", "/CN=root", P256, &CA.replace("CA:TRUE", "CA:TRUE,pathlen:1"));
    let limited = INTERMEDIATE.replace("CA:TRUE", "CA:TRUE,pathlen:0");
    lab.device("free", "ca", P256, Some(INTERMEDIATE));
    lab.device("limited", "ca", P256, Some(&limited));
    lab.device("below-free", "free", P256, Some(INTERMEDIATE));
    lab.device("below-limited", "limited", P256, Some(INTERMEDIATE));
    for (device, ca) in [("d1", "free"), ("d2", "limited"), ("d3", "below-free"), ("d4", "below-limited")] {
        lab.device(device, ca, P256, Some(DEVICE));
    }
    assert!(lab.verify(&["d1", "free"], &["ca"]).is_ok());
    assert!(lab.verify(&["d2", "limited"], &["ca"]).is_ok());
    let error = lab.refused(&["d3", "below-free", "free"], &["ca"], "chain.path_length");
    assert!(error.to_string().contains("CN=root allows 1"), "{error}");
    let error = lab.refused(&["d4", "below-limited", "limited"], &["ca"], "chain.path_length");
    assert!(error.to_string().contains("CN=limited allows 0"), "{error}");
    // A registered intermediate keeps its own limit.
    lab.refused(&["d4", "below-limited"], &["limited"], "chain.path_length");
    assert!(lab.verify(&["d4"], &["below-limited"]).is_ok());
}

#[test]
fn name_constraints_bind_version_3_and_shut_out_version_1() {
    let lab = Lab::new();
    lab.ca("ca", "/CN=root", P256, &format!("{CA}nameConstraints=critical,permitted;DNS:example.com\n"));
    lab.device("good", "ca", P256, Some(&format!("{DEVICE}subjectAltName=DNS:a.example.com\n")));
    lab.device("bad", "ca", P256, Some(&format!("{DEVICE}subjectAltName=DNS:a.example.org\n")));
    lab.device("old", "ca", P256, None);
    assert!(lab.verify(&["good"], &["ca"]).is_ok());
    lab.refused(&["bad"], &["ca"], "chain.name_constraints");
    lab.refused(&["old"], &["ca"], "chain.version_1_under_name_constraints");
}

#[test]
fn version_1_passes_only_directly_below_a_registered_ca() {
    let lab = Lab::with_ca();
    lab.device("middle", "ca", P256, Some(INTERMEDIATE));
    lab.device("device", "middle", P256, None);
    lab.refused(&["device"], &["ca"], "chain.unknown_issuer");
    lab.refused(&["device", "middle"], &["ca"], "chain.version_1_below_intermediate");
    assert!(lab.verify(&["device"], &["middle"]).is_ok());
    assert!(lab.verify(&["device", "middle"], &["middle", "ca"]).is_ok());

    // An impostor: the name of the registered CA, another key.
    lab.ca("impostor", "/CN=root", P256, CA);
    lab.device("forged", "impostor", P256, None);
    lab.refused(&["forged"], &["ca"], "chain.bad_signature");
    lab.refused(&["forged", "impostor"], &["ca"], "chain.bad_signature");
    lab.ca("rsa", "/CN=root", Kind::Rsa(2_048), CA);
    lab.device("forged", "rsa", P256, None);
    lab.refused(&["forged", "rsa"], &["ca"], "chain.bad_signature");
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let lab = Lab::with_ca();
    let anchors = lab.anchors(&["ca"]);
    for extensions in [None, Some(DEVICE)] {
        let certificate = lab.device("device", "ca", P256, extensions);
        let now = UnixTime::from_secs(certificate.validity().not_before.as_secs() + 60);
        let der = certificate.der().as_bytes();
        for position in 0..der.len() {
            let mut bytes = der.to_vec();
            bytes[position] ^= 1 << (position % 8);
            let presented = CertificateDer::from(bytes);
            let outcome = verify(&PresentedChain::new(&presented, &[]), &anchors, now);
            assert!(outcome.is_err(), "byte {position} of {}", der.len());
        }
    }
}

#[test]
fn other_encodings_of_the_same_certificate_are_no_certificates() {
    let lab = Lab::with_ca();
    let anchors = lab.anchors(&["ca"]);
    for extensions in [None, Some(DEVICE)] {
        let certificate = lab.device("device", "ca", P256, extensions);
        let now = UnixTime::from_secs(certificate.validity().not_before.as_secs() + 60);
        let der = certificate.der().as_bytes();
        assert_eq!(&der[..2], [0x30, 0x82], "a length of two bytes");
        let longer_length = [&[0x30, 0x83, 0x00], &der[2..]].concat();
        let trailing = [der, &[0]].concat();
        let inside = {
            let mut bytes = [der, &[0x05, 0x00]].concat();
            let length = u16::from_be_bytes([bytes[2], bytes[3]]) + 2;
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            bytes
        };
        for bytes in [longer_length, trailing, inside] {
            let presented = CertificateDer::from(bytes);
            let error = verify(&PresentedChain::new(&presented, &[]), &anchors, now).unwrap_err();
            assert_eq!(error.code(), "chain.malformed");
        }
    }
}

#[test]
fn the_number_of_certificates_and_of_attempts_is_limited() {
    let lab = Lab::with_ca();
    lab.device("device", "ca", P256, Some(DEVICE));
    let full = ["device", "ca", "ca", "ca", "ca", "ca"];
    assert_eq!(full.len(), CHAIN_CERTIFICATES_MAX);
    assert!(lab.verify(&full, &["ca"]).is_ok());
    lab.refused(&[&full[..], &["ca"]].concat(), &["ca"], "chain.too_many_certificates");

    // Ten registered CAs and four presented ones, each set of one name and without key identifiers: forty paths, of which
    // one is right. It is found among the first ones that are tried, and not looked for without end.
    let plain = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n";
    let registered: Vec<String> =
        (0..CA_CERTIFICATES_PER_SUBJECT_MAX).map(|number| format!("r{number}")).collect();
    for name in &registered {
        lab.ca(name, "/CN=maze", P256, plain);
    }
    for number in 0..4 {
        let name = format!("m{number}");
        lab.key(&name, P256);
        lab.sign(&name, "/CN=a", "r9", Some(plain), "-sha256");
    }
    lab.key("lost", P256);
    lab.sign("lost", "/CN=lost", "m3", Some("basicConstraints=CA:FALSE\n"), "-sha256");
    let registered: Vec<&str> = registered.iter().map(String::as_str).collect();
    assert!(lab.verify(&["lost", "m3", "m0", "m1", "m2"], &registered).is_ok());
    lab.refused(&["lost", "m0", "m1", "m2", "m3"], &registered, "chain.bad_signature");
}

#[test]
fn what_is_no_ca_is_refused_with_advice() {
    let lab = Lab::with_ca();
    lab.device("old", "ca", P256, None);
    lab.device("leaf", "ca", P256, Some(DEVICE));
    lab.device("mute", "ca", P256, Some("basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature\n"));
    let error = |name: &str| Anchor::new(lab.certificate(name)).unwrap_err();
    for name in ["old", "leaf"] {
        let text = error(name).to_string();
        assert!(text.contains("openssl req -x509") && text.contains("CA:TRUE"), "{text}");
    }
    assert!(matches!(error("old"), CaError::Version1 { .. }));
    assert!(matches!(error("leaf"), CaError::NotCa { .. }));
    assert!(matches!(error("mute"), CaError::MayNotSign { .. }));
}

#[test]
fn the_advice_for_making_a_ca_works() {
    let lab = Lab::with_ca();
    lab.device("leaf", "ca", P256, Some(DEVICE));
    let text = Anchor::new(lab.certificate("leaf")).unwrap_err().to_string();
    let (_, command) = text.rsplit_once("openssl ").unwrap();
    let arguments: Vec<&str> = command.split(' ').chain(["-subj", "/CN=made as told"]).collect();
    lab.openssl(&arguments);
    assert!(Anchor::new(lab.certificate("ca")).is_ok());
    // Also with a configuration file that names no extensions.
    lab.write("plain.cnf", "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=plain\n");
    lab.openssl(&[&arguments[..], &["-config", "plain.cnf"]].concat());
    assert_eq!(lab.anchor("ca").certificate().version(), CertificateVersion::V3);
}

#[test]
fn a_ca_whose_own_signature_is_damaged_is_no_ca() {
    let lab = Lab::with_ca();
    let mut der = lab.certificate("ca").der().as_bytes().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let damaged = ParsedCertificate::from_der(&der).unwrap();
    assert!(matches!(Anchor::new(damaged), Err(CaError::SelfSignature { .. })));
}

#[test]
fn pem_files_with_text_keys_and_chains_are_read() {
    let lab = Lab::with_ca();
    lab.device("device", "ca", P256, None);
    let text = lab.openssl(&["x509", "-in", "device.pem", "-text"]);
    let [device, ca, key] =
        ["device.pem", "ca.pem", "device.key"].map(|name| String::from_utf8(lab.read(name)).unwrap());
    assert_eq!(ParsedCertificate::from_pem(text.as_bytes()).unwrap(), lab.certificate("device"));
    assert_eq!(lab.certificate("device").to_pem(), device);
    let windows = device.replace('\n', "\r\n");
    assert_eq!(ParsedCertificate::from_pem(windows.as_bytes()).unwrap(), lab.certificate("device"));

    let chain =
        ParsedCertificate::all_from_pem(format!("{device}\n{key}some text\n{ca}").as_bytes()).unwrap();
    assert_eq!(chain, [lab.certificate("device"), lab.certificate("ca")]);
    assert_eq!(
        ParsedCertificate::from_pem(format!("{device}{ca}").as_bytes()),
        Err(PemError::TooMany { found: 2, max: 1 })
    );
    lab.openssl(&["x509", "-in", "device.pem", "-outform", "DER", "-out", "device.der"]);
    assert_eq!(
        ParsedCertificate::from_pem_or_der(&lab.read("device.der")).unwrap(),
        lab.certificate("device")
    );
    assert_eq!(presented(&lab.certificate("device")).to_vec(), lab.read("device.der"));

    for (content, expected) in [
        (key.into_bytes(), "a private key"),
        (lab.read("device.csr"), "a certificate request"),
        (b"hello".to_vec(), "CERTIFICATE-----` found"),
        (device.replace("END CERTIFICATE", "END").into_bytes(), "no `-----END` line"),
    ] {
        let error = ParsedCertificate::from_pem_or_der(&content).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_attribute_of_4000_characters_passes_here() {
    let lab = Lab::with_ca();
    lab.key("device", P256);
    // OpenSSL limits a serialNumber to 64 characters and a pseudonym not at all.
    for (length, passes) in [(4_000, true), (4_096, true), (4_097, false)] {
        let value = "7".repeat(length);
        lab.write("long.cnf", &format!("[req]\nprompt=no\ndistinguished_name=dn\n[dn]\npseudonym={value}\n"));
        lab.openssl(&[
            "req",
            "-new",
            "-x509",
            "-key",
            "device.key",
            "-config",
            "long.cnf",
            "-out",
            "device.pem",
        ]);
        let parsed = ParsedCertificate::from_pem(&lab.read("device.pem"));
        match parsed {
            Ok(certificate) => {
                assert!(passes);
                assert_eq!(certificate.subject().values("2.5.4.65").next(), Some(&*value));
            }
            Err(error) => {
                let expected = CertificateError::AttributeTooLong {
                    part: NamePart::Issuer,
                    oid: "2.5.4.65".into(),
                    bytes: length,
                };
                assert_eq!(error, PemError::Certificate { number: 1, source: expected });
                assert!(!passes);
            }
        }
    }
}
