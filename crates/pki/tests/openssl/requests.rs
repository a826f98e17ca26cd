//! Certificate requests that OpenSSL makes, and those that somebody changed.

use landfall_model::{NameAttribute, UnixTime};
use landfall_pki::{
    CertificateError, CertificateRequest, CertificateVersion, IssueError, Issuer, KeyAlgorithm, KeyFault,
    KeyKind, KeyPair, PEM_BYTES_MAX, REQUEST_BYTES_MAX, RequestError, SerialNumber, Subject,
    check_without_ca, validity_of_aws, validity_of_days,
};

use crate::crafted::{children, element};
use crate::fixtures::{Kind, Lab, P256, P384};

const SUBJECT: &str = "/C=FR/O=Acme, Inc/OU=a/CN=thing-1/serialNumber=0123";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// What a test does to the fields of a request.
type Change = dyn Fn(&mut Vec<Vec<u8>>);

/// Makes `<name>.csr` for the existing `<name>.key`; `options` come last.
fn request(lab: &Lab, name: &str, subject: &str, options: &[&str]) -> Vec<u8> {
    let [key, csr] = ["key", "csr"].map(|suffix| format!("{name}.{suffix}"));
    lab.write("csr.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
    let arguments =
        ["req", "-new", "-key", &key, "-config", "csr.cnf", "-utf8", "-subj", subject, "-out", &csr];
    lab.openssl(&[&arguments[..], options].concat());
    lab.read(&csr)
}

/// A request in DER.
fn der(lab: &Lab, name: &str) -> Vec<u8> {
    let [csr, der] = ["csr", "der"].map(|suffix| format!("{name}.{suffix}"));
    lab.openssl(&["req", "-in", &csr, "-outform", "DER", "-out", &der]);
    lab.read(&der)
}

fn issuer() -> Issuer {
    let subject = Subject::parse("O=Landfall, CN=device CA").unwrap();
    Issuer::self_signed(&subject, KeyPair::generate(KeyKind::P256).unwrap(), validity_of_aws(NOW)).unwrap()
}

#[test]
fn what_openssl_asks_for_is_certified_and_nothing_more() {
    let lab = Lab::new();
    let issuer = issuer();
    lab.write("ca.pem", &issuer.certificate().to_pem());
    let kinds = [
        (Kind::Rsa(2_048), KeyAlgorithm::Rsa { bits: 2_048 }),
        (Kind::Rsa(4_096), KeyAlgorithm::Rsa { bits: 4_096 }),
        (P256, KeyAlgorithm::EcP256),
        (P384, KeyAlgorithm::EcP384),
        (Kind::Ec("secp521r1"), KeyAlgorithm::EcP521),
    ];
    for (number, (kind, expected)) in kinds.into_iter().enumerate() {
        lab.key("device", kind);
        // It asks for extensions that only a CA may have.
        let pem = request(&lab, "device", SUBJECT, &["-addext", "basicConstraints=critical,CA:TRUE"]);
        let request = CertificateRequest::from_pem(&pem).unwrap();
        assert_eq!(CertificateRequest::from_der(&der(&lab, "device")), Ok(request.clone()));
        assert_eq!(request.key_algorithm(), &expected);
        let names: Vec<_> = request
            .subject()
            .attributes()
            .iter()
            .map(|NameAttribute { oid, value }| (&**oid, &**value))
            .collect();
        let expected = [
            ("2.5.4.6", "FR"),
            ("2.5.4.10", "Acme, Inc"),
            ("2.5.4.11", "a"),
            ("2.5.4.3", "thing-1"),
            ("2.5.4.5", "0123"),
        ];
        assert_eq!(names, expected);

        let serial_number = SerialNumber::from_random([u8::try_from(number).unwrap(); 16]);
        let certificate = issuer.sign_request(&request, serial_number, validity_of_aws(NOW)).unwrap();
        assert_eq!(certificate.subject_der(), request.subject_der());
        assert_eq!(certificate.public_key_der(), request.public_key().as_der());
        assert_eq!(certificate.version(), CertificateVersion::V3);
        assert!(!certificate.is_ca());
        assert_eq!(
            certificate.serial_number_hex(),
            format!("{:02x}", number + 0x40) + &format!("{number:02x}").repeat(15)
        );
        assert_eq!(certificate.validity().not_before, NOW);
        assert_eq!(check_without_ca(&certificate, NOW), Ok(()));

        lab.write("device.pem", &certificate.to_pem());
        let at = NOW.as_secs().to_string();
        let strict = ["verify", "-x509_strict", "-attime", &at, "-CAfile", "ca.pem", "-purpose", "sslclient"];
        lab.openssl(&[&strict[..], &["device.pem"]].concat());
        let end = lab.openssl(&["x509", "-in", "device.pem", "-noout", "-enddate"]);
        assert_eq!(end.trim(), "notAfter=Dec 31 23:59:59 2049 GMT");
        let of_key = lab.openssl(&["pkey", "-in", "device.key", "-pubout"]);
        assert_eq!(lab.openssl(&["x509", "-in", "device.pem", "-noout", "-pubkey"]), of_key);
        assert_eq!(request.public_key().to_pem(), of_key);
    }
}

#[test]
fn a_request_is_found_in_its_pem() {
    let lab = Lab::with_ca();
    lab.key("device", P256);
    let pem = String::from_utf8(request(&lab, "device", "/CN=device", &[])).unwrap();
    let read = |text: &str| CertificateRequest::from_pem(text.as_bytes());
    for good in [pem.clone(), pem.replace('\n', "\r\n"), format!("Subject: CN=x\n{pem}\n")] {
        assert!(read(&good).is_ok(), "{good}");
    }
    let certificate = String::from_utf8(lab.read("ca.pem")).unwrap();
    let cases = [
        (String::new(), RequestError::NoRequest { found: None }),
        (certificate, RequestError::NoRequest { found: Some("a certificate") }),
        (format!("{pem}{pem}"), RequestError::TooMany { found: 2 }),
        (
            pem.replacen('M', "?", 1),
            RequestError::Damaged { reason: "a section is not valid base64".to_owned() },
        ),
        (
            " ".repeat(PEM_BYTES_MAX + 1),
            RequestError::TooLarge { bytes: PEM_BYTES_MAX + 1, max: PEM_BYTES_MAX },
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&text), Err(expected));
    }
}

#[test]
fn a_key_or_signature_that_is_not_certified_is_named() {
    let lab = Lab::new();
    let read = |name: &str, options: &[&str]| {
        CertificateRequest::from_pem(&request(&lab, name, "/CN=device", options)).unwrap_err()
    };
    lab.key("small", Kind::Rsa(1_024));
    assert_eq!(read("small", &[]), RequestError::Key(KeyFault::Weak { bits: 1_024 }));
    lab.key("curve", Kind::Ec("secp256k1"));
    let found = KeyAlgorithm::Other { oid: "1.3.132.0.10".into() };
    assert_eq!(read("curve", &[]), RequestError::KeyKind { found });
    lab.openssl(&["genpkey", "-algorithm", "ed25519", "-out", "ed.key"]);
    assert_eq!(read("ed", &[]), RequestError::KeyKind { found: KeyAlgorithm::Ed25519 });
    for kind in [Kind::Rsa(2_048), P256] {
        lab.key("device", kind);
        assert!(matches!(read("device", &["-sha1"]), RequestError::WeakSignature { .. }), "{kind:?}");
        assert!(matches!(read("device", &["-sha3-256"]), RequestError::UnsupportedSignature { .. }));
    }
}

#[test]
fn a_subject_that_names_nobody_or_cannot_be_read_is_refused() {
    let lab = Lab::new();
    lab.key("device", P256);
    let read = |subject: &str| CertificateRequest::from_pem(&request(&lab, "device", subject, &[]));
    assert_eq!(read("/"), Err(RequestError::NoSubject));
    assert!(read("/CN=Zürich").is_ok());
    let text = read("/CN=a\tb");
    assert!(matches!(text, Err(RequestError::Subject(CertificateError::AttributeText { .. }))), "{text:?}");
}

#[test]
fn a_request_that_was_changed_proves_nothing() {
    let lab = Lab::new();
    for kind in [Kind::Rsa(2_048), P256, P384] {
        for name in ["device", "other"] {
            lab.key(name, kind);
            request(&lab, name, SUBJECT, &[]);
        }
        let [device, other] = ["device", "other"].map(|name| children(&der(&lab, name)));
        let [fields, other_fields] = [&device, &other].map(|parts| children(&parts[0]));
        let read = |signed: &[u8]| {
            let parts = [signed, &device[1], &device[2]].concat();
            CertificateRequest::from_der(&element(0x30, &parts))
        };
        assert!(read(&device[0]).is_ok());

        // The other's key under this one's signature, and another name.
        let mut swapped = fields.clone();
        swapped[2].clone_from(&other_fields[2]);
        assert_eq!(read(&element(0x30, &swapped.concat())), Err(RequestError::OtherKey), "{kind:?}");
        let at = device[0].windows(7).position(|window| window == b"thing-1").unwrap();
        let mut changed = device[0].clone();
        changed[at + 6] = b'2';
        assert_eq!(read(&changed), Err(RequestError::OtherKey), "{kind:?}");
    }
}

#[test]
fn hostile_der_is_refused_by_name() {
    let lab = Lab::new();
    lab.key("device", P256);
    request(&lab, "device", SUBJECT, &[]);
    let key = lab.key_pair("device");
    let whole = der(&lab, "device");
    let parts = children(&whole);
    let fields = children(&parts[0]);
    // Signed anew by the same key, so that only the form is wrong.
    let signed = |fields: &[Vec<u8>]| {
        let signed = element(0x30, &fields.concat());
        let signature = element(0x03, &[&[0], &key.sign(&signed).unwrap()[..]].concat());
        CertificateRequest::from_der(&element(0x30, &[signed, parts[1].clone(), signature].concat()))
    };
    let changed = |change: &Change| {
        let mut fields = fields.clone();
        change(&mut fields);
        signed(&fields)
    };
    assert!(changed(&|_| ()).is_ok());
    assert!(changed(&|fields| drop(fields.pop())).is_ok(), "some programs leave out the attributes");
    let malformed: [&Change; 7] = [
        &|fields| fields[0] = vec![0x02, 0x01, 0x01],
        &|fields| fields[0] = vec![0x02, 0x02, 0x00, 0x00],
        &|fields| drop(fields.remove(0)),
        &|fields| drop(fields.remove(1)),
        &|fields| drop(fields.remove(2)),
        &|fields| fields.push(vec![0x05, 0x00]),
        &|fields| fields[1] = vec![0x30, 0x02, 0x05, 0x00],
    ];
    for (number, change) in malformed.into_iter().enumerate() {
        let error = changed(change).unwrap_err();
        assert!(matches!(error, RequestError::Malformed { .. }), "{number}: {error}");
    }
    let bits = element(0x03, &[&[1], &[0; 64][..]].concat());
    let odd = element(0x30, &[parts[0].clone(), parts[1].clone(), bits].concat());
    assert!(matches!(CertificateRequest::from_der(&odd), Err(RequestError::Malformed { .. })));
    for bytes in
        [&[][..], &[0x30], &[0x30, 0x80, 0, 0], &whole[..whole.len() - 1], &[&whole[..], &[0]].concat()]
    {
        assert!(matches!(CertificateRequest::from_der(bytes), Err(RequestError::Malformed { .. })));
    }
    let large = vec![0; REQUEST_BYTES_MAX + 1];
    let expected = RequestError::TooLarge { bytes: large.len(), max: REQUEST_BYTES_MAX };
    assert_eq!(CertificateRequest::from_der(&large), Err(expected));
    for end in 0..whole.len() {
        assert!(CertificateRequest::from_der(&whole[..end]).is_err(), "{end} bytes");
    }
}

#[test]
fn a_new_key_comes_with_its_certificate() {
    let lab = Lab::new();
    let issuer = issuer();
    let serial_number = SerialNumber::random().unwrap();
    let issued = issuer.issue_key(serial_number, validity_of_aws(NOW)).unwrap();
    assert_eq!(issued.certificate.key_algorithm(), &KeyAlgorithm::Rsa { bits: 2_048 });
    assert_eq!(issued.certificate.subject().to_string(), "CN=AWS IoT Certificate");
    assert_eq!(issued.certificate.public_key_der(), issued.key.public_key().as_der());
    assert_eq!(check_without_ca(&issued.certificate, NOW), Ok(()));

    lab.write("ca.pem", &issuer.certificate().to_pem());
    lab.write("device.pem", &issued.certificate.to_pem());
    lab.write("device.key", &issued.key.to_traditional_pem().unwrap());
    let at = NOW.as_secs().to_string();
    lab.openssl(&["verify", "-x509_strict", "-attime", &at, "-CAfile", "ca.pem", "device.pem"]);
    let of_key = lab.openssl(&["rsa", "-in", "device.key", "-check", "-pubout"]);
    assert!(of_key.ends_with(&issued.key.public_key().to_pem()), "{of_key}");

    let outside = validity_of_aws(UnixTime::from_secs(2_600_000_000));
    assert!(matches!(issuer.issue_key(serial_number, outside), Err(IssueError::Validity)));
}

#[test]
fn a_request_can_be_certified_twice() {
    let lab = Lab::new();
    lab.key("device", P256);
    let request = CertificateRequest::from_pem(&request(&lab, "device", SUBJECT, &[])).unwrap();
    let issuer = issuer();
    let sign = |byte: u8| {
        issuer
            .sign_request(&request, SerialNumber::from_random([byte; 16]), validity_of_days(NOW, 1))
            .unwrap()
    };
    assert_ne!(sign(1).signed_part_sha256(), sign(2).signed_part_sha256());
    assert_eq!(sign(1).signed_part_sha256(), sign(1).signed_part_sha256());
    for byte in [0x00, 0x80, 0xFF] {
        let number = sign(byte).serial_number().to_vec();
        assert!(number.len() == 16 && (0x40..0x80).contains(&number[0]), "{number:02x?}");
    }
}
