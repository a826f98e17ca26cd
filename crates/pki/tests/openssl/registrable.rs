//! Which certificates an operator may register, and which CA certificate issued them.

use landfall_model::UnixTime;
use landfall_pki::{
    ChainError, IssuerError, ParsedCertificate, TrustAnchors, check_issued_by, check_without_ca, find_issuer,
};

use crate::fixtures::{CA, DEVICE, Kind, Lab, P256, P384};

fn soon(certificate: &ParsedCertificate) -> UnixTime {
    UnixTime::from_secs(certificate.validity().not_before.as_secs() + 60)
}

fn code(result: Result<(), ChainError>) -> Option<&'static str> {
    result.err().map(|error| error.code())
}

#[test]
fn the_ca_that_signed_it_is_found_among_others() {
    let lab = Lab::new();
    let names = ["one", "two", "three"];
    for name in names {
        lab.ca(name, "/CN=root", P256, CA);
    }
    lab.ca("other", "/CN=other root", Kind::Rsa(2_048), CA);
    let anchors = lab.anchors(&["one", "two", "three", "other"]);
    for name in ["one", "two", "three", "other"] {
        for extensions in [None, Some(DEVICE)] {
            let device = lab.device("device", name, P384, extensions);
            let now = soon(&device);
            assert_eq!(find_issuer(&device, &anchors, now), Ok(lab.anchor(name).id()));
            assert_eq!(code(check_issued_by(&device, &lab.anchor(name), now)), None);
            for wrong in names.into_iter().filter(|wrong| *wrong != name) {
                let expected = if name == "other" { "chain.other_issuer" } else { "chain.bad_signature" };
                assert_eq!(code(check_issued_by(&device, &lab.anchor(wrong), now)), Some(expected));
            }
        }
    }
}

#[test]
fn an_issuer_that_is_not_registered_or_not_clear_is_told() {
    let lab = Lab::with_ca();
    lab.ca("other", "/CN=other root", P256, CA);
    lab.ca("namesake", "/CN=root", P256, CA);
    // The CA certificate renewed with the same key.
    lab.write("renewed.key", &String::from_utf8(lab.read("ca.key")).unwrap());
    lab.self_signed("renewed", "/CN=root", CA, "-sha256");
    for extensions in [None, Some(DEVICE)] {
        let device = lab.device("device", "ca", P256, extensions);
        let now = soon(&device);
        let find = |names: &[&str]| find_issuer(&device, &lab.anchors(names), now);
        let unknown = |names: &[&str]| match find(names) {
            Err(IssuerError::Chain(error)) => error.code(),
            other => panic!("{other:?}"),
        };
        assert_eq!(unknown(&[]), "chain.unknown_issuer");
        assert_eq!(unknown(&["other"]), "chain.unknown_issuer");
        let namesake = if extensions.is_some() { "chain.unknown_issuer_key" } else { "chain.bad_signature" };
        assert_eq!(unknown(&["namesake"]), namesake);
        let Err(IssuerError::Ambiguous { cas }) = find(&["ca", "namesake", "renewed"]) else {
            panic!("both have the key");
        };
        assert_eq!(cas, [lab.anchor("ca").id(), lab.anchor("renewed").id()]);
        assert_eq!(code(check_issued_by(&device, &lab.anchor("renewed"), now)), None);
    }
    // AWS IoT wants the CA certificate registered that signed it, not one above that.
    lab.device("middle", "ca", P256, Some(CA));
    let below = lab.device("below", "middle", P256, Some(DEVICE));
    let error = check_issued_by(&below, &lab.anchor("ca"), soon(&below)).unwrap_err();
    assert_eq!(error.code(), "chain.other_issuer");
    assert!(error.to_string().contains("CN=middle") && error.to_string().contains("CN=root"), "{error}");
    assert_eq!(
        find_issuer(&below, &lab.anchors(&["ca", "middle"]), soon(&below)),
        Ok(lab.anchor("middle").id())
    );
}

#[test]
fn what_expired_is_refused_and_what_is_not_yet_valid_is_not() {
    let lab = Lab::with_ca();
    for extensions in [None, Some(DEVICE)] {
        let device = lab.device("device", "ca", P256, extensions);
        let (first, last) = (device.validity().not_before.as_secs(), device.validity().not_after.as_secs());
        for (moment, expected) in [
            (0, None),
            (first - 1, None),
            (last, None),
            (last + 1, Some("chain.expired")),
            (last + 3_650 * 86_400, Some("chain.expired")),
        ] {
            let now = UnixTime::from_secs(moment);
            assert_eq!(code(check_issued_by(&device, &lab.anchor("ca"), now)), expected, "{moment}");
            assert_eq!(code(check_without_ca(&device, now)), expected, "{moment}");
            assert_eq!(find_issuer(&device, &lab.anchors(&["ca"]), now).is_ok(), expected.is_none());
        }
    }
}

#[test]
fn what_could_never_connect_is_not_registered() {
    let lab = Lab::with_ca();
    for (extensions, expected) in [
        ("extendedKeyUsage=serverAuth\n", "chain.not_for_client_auth"),
        ("keyUsage=keyEncipherment\n", "chain.key_usage"),
        ("1.2.3.4=critical,DER:0500\n", "chain.critical_extension"),
    ] {
        let device = lab.device("device", "ca", P256, Some(extensions));
        assert_eq!(code(check_issued_by(&device, &lab.anchor("ca"), soon(&device))), Some(expected));
        assert_eq!(code(check_without_ca(&device, soon(&device))), Some(expected));
    }
    let weak = lab.device("weak", "ca", Kind::Rsa(1_024), None);
    assert_eq!(code(check_without_ca(&weak, soon(&weak))), Some("chain.weak_key"));
    // A CA certificate is no device's, unless an operator registers just this one, and its key may sign handshakes.
    lab.ca("plain", "/CN=plain", P256, "basicConstraints=critical,CA:TRUE\n");
    for (name, expected) in [("ca", Some("chain.key_usage")), ("plain", None)] {
        let ca = lab.anchor(name);
        let now = soon(ca.certificate());
        assert_eq!(code(check_issued_by(ca.certificate(), &ca, now)), Some("chain.leaf_is_ca"));
        assert_eq!(code(check_without_ca(ca.certificate(), now)), expected, "{name}");
        assert!(find_issuer(ca.certificate(), &TrustAnchors::new(), now).is_err());
    }
}
