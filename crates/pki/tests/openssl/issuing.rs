//! What we issue, as OpenSSL reads it; what OpenSSL makes, as we read it.

use std::net::{IpAddr, Ipv4Addr};

use landfall_model::{UnixTime, Validity};
use landfall_pki::{
    AlternativeName, AlternativeNames, CertificateRequest, CertificateVersion, DeviceRequest, DeviceTerms,
    IssueError, Issuer, KeyError, KeyKind, KeyPair, NamePart, ServerRequest, Subject, request_to_pem,
    subject_from_openssl_config, validity_of_days,
};
use rustls_pki_types::ServerName;

use crate::fixtures::{Kind, Lab, P256, P384};

const KINDS: [KeyKind; 5] =
    [KeyKind::Rsa2048, KeyKind::Rsa3072, KeyKind::Rsa4096, KeyKind::P256, KeyKind::P384];

/// A validity around the present, which OpenSSL reads from its own clock.
fn present(lab: &Lab) -> Validity {
    lab.ca("clock", "/CN=clock", P256, "");
    validity_of_days(lab.certificate("clock").validity().not_before, 30)
}

fn subject() -> Subject {
    Subject::parse(
        "serialNumber=0123, C=FR, O=Acme\\, Inc, OU=a, OU=b, CN=thing ü, title=iot, 2.5.4.44=x1, E=a@b",
    )
    .unwrap()
}

#[test]
fn openssl_verifies_what_we_issue() {
    for kind in KINDS {
        let lab = Lab::new();
        let validity = present(&lab);
        let root = Subject::parse("/C=FR/O=Acme/CN=root").unwrap();
        let issuer = Issuer::self_signed(&root, KeyPair::generate(kind).unwrap(), validity).unwrap();
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let device = |version| {
            let request =
                DeviceRequest { subject: &subject(), public_key: key.public_key(), validity, version };
            issuer.sign_device(&request).unwrap()
        };
        let names = [ServerName::try_from("localhost").unwrap(), IpAddr::from(Ipv4Addr::LOCALHOST).into()];
        let server = issuer
            .sign_server(&ServerRequest {
                subject: &root,
                public_key: key.public_key(),
                validity,
                names: &names,
            })
            .unwrap();
        lab.write("root.pem", &issuer.certificate().to_pem());
        lab.write("v1.pem", &device(CertificateVersion::V1).to_pem());
        lab.write("v3.pem", &device(CertificateVersion::V3).to_pem());
        lab.write("server.pem", &server.to_pem());

        // Strict checks are for certificates of version 3: RFC 5280 knows no others.
        let strict = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", "root.pem", "-purpose"];
        lab.openssl(&[&strict[..], &["sslclient", "v3.pem"]].concat());
        lab.openssl(&[&strict[..], &["sslserver", "-verify_hostname", "localhost", "server.pem"]].concat());
        lab.openssl(&[&strict[..], &["sslserver", "-verify_ip", "127.0.0.1", "server.pem"]].concat());
        lab.openssl(&["verify", "-CAfile", "root.pem", "-purpose", "sslclient", "v1.pem"]);
        let wrong = lab.try_openssl(&[&strict[..], &["sslserver", "v3.pem"]].concat());
        assert!(!wrong.status.success(), "a device is no server");
    }
}

#[test]
fn openssl_prints_what_we_meant() {
    let lab = Lab::new();
    let validity = present(&lab);
    let issuer = Issuer::self_signed(
        &Subject::parse("CN=root").unwrap(),
        KeyPair::generate(KeyKind::P256).unwrap(),
        validity,
    )
    .unwrap();
    let key = KeyPair::generate(KeyKind::P384).unwrap();
    for (version, name) in [(CertificateVersion::V1, "1 (0x0)"), (CertificateVersion::V3, "3 (0x2)")] {
        let request = DeviceRequest { subject: &subject(), public_key: key.public_key(), validity, version };
        let certificate = issuer.sign_device(&request).unwrap();
        assert_eq!(certificate.version(), version);
        assert_eq!(certificate.subject(), &subject().to_distinguished_name());
        assert_eq!(certificate.issuer_der(), issuer.certificate().subject_der());
        assert_eq!(certificate.validity(), validity);
        assert_eq!(certificate.serial_number().len(), 16);
        lab.write("device.pem", &certificate.to_pem());
        let text = lab.openssl(&[
            "x509",
            "-in",
            "device.pem",
            "-noout",
            "-text",
            "-nameopt",
            "utf8,sep_comma_plus,sname",
        ]);
        for expected in [&format!("Version: {name}"), "Public-Key: (384 bit)", "ecdsa-with-SHA256"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let subject = lab.openssl(&[
            "x509",
            "-in",
            "device.pem",
            "-noout",
            "-subject",
            "-nameopt",
            "RFC2253,utf8,-esc_msb",
        ]);
        assert!(subject.contains("OU=b,OU=a,O=Acme\\, Inc,C=FR"), "{subject}");
        assert!(subject.contains("CN=thing ü"), "{subject}");
        assert_eq!(text.contains("X509v3"), version == CertificateVersion::V3);
        let types = lab.openssl(&["asn1parse", "-in", "device.pem"]);
        for (value, kind) in [
            (":FR", "PRINTABLESTRING"),
            (":0123", "PRINTABLESTRING"),
            (":a@b", "IA5STRING"),
            (":iot", "UTF8STRING"),
        ] {
            assert!(
                types.lines().any(|line| line.trim_end().ends_with(value) && line.contains(kind)),
                "{value}: {types}"
            );
        }
    }
    lab.write("root.pem", &issuer.certificate().to_pem());
    let text = lab.openssl(&["x509", "-in", "root.pem", "-noout", "-text"]);
    for expected in
        ["Basic Constraints: critical", "CA:TRUE", "Key Usage: critical", "Certificate Sign, CRL Sign"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn openssl_reads_the_alternative_names_of_what_we_issue() {
    let lab = Lab::with_ca();
    let issuer = Issuer::new(lab.certificate("ca"), lab.key_pair("ca")).unwrap();
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let mut names = AlternativeNames::new();
    for name in
        ["DNS:sensor.example", "URI:urn:acme:1", "IP:192.0.2.1", "IP:2001:db8::1", "email:a@acme.example"]
    {
        names.push(name).unwrap();
    }
    let validity = issuer.certificate().validity();
    let terms = DeviceTerms { validity, version: CertificateVersion::V3, alternative_names: &names };
    let of_subject = issuer.sign_device_on(&subject(), key.public_key(), &terms).unwrap();
    let pem = request_to_pem(&subject(), &key).unwrap();
    let request = CertificateRequest::from_pem(pem.as_bytes()).unwrap();
    let of_request = issuer.sign_request_on(&request, &terms).unwrap();
    for certificate in [&of_subject, &of_request] {
        lab.write("device.pem", &certificate.to_pem());
        lab.openssl(&["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslclient", "device.pem"]);
        let text = lab.openssl(&["x509", "-in", "device.pem", "-noout", "-ext", "subjectAltName"]);
        let expected = "DNS:sensor.example, URI:urn:acme:1, IP Address:192.0.2.1, \
                        IP Address:2001:DB8:0:0:0:0:0:1, email:a@acme.example";
        assert!(text.contains(expected), "{text}");
        assert_eq!(certificate.subject(), &subject().to_distinguished_name());
        let read = certificate.alternative_names(NamePart::Subject);
        assert_eq!(read[1], AlternativeName::Uri("urn:acme:1".into()));
    }

    let version_1 = DeviceTerms { version: CertificateVersion::V1, ..terms };
    let refused = issuer.sign_device_on(&subject(), key.public_key(), &version_1);
    assert!(matches!(refused, Err(IssueError::Version1Names)));
    let terms = DeviceTerms { alternative_names: &AlternativeNames::new(), ..version_1 };
    let certificate = issuer.sign_request_on(&request, &terms).unwrap();
    assert_eq!(certificate.version(), CertificateVersion::V1);
    lab.write("device.pem", &certificate.to_pem());
    lab.openssl(&["verify", "-CAfile", "ca.pem", "device.pem"]);
}

#[test]
fn openssl_signs_the_requests_that_we_write() {
    let lab = Lab::with_ca();
    for kind in KINDS {
        let key = KeyPair::generate(kind).unwrap();
        lab.write("device.csr", &request_to_pem(&subject(), &key).unwrap());
        lab.openssl(&["req", "-in", "device.csr", "-verify", "-noout"]);
        let (csr, ca, ca_key) = ("device.csr", "ca.pem", "ca.key");
        lab.openssl(&[
            "x509",
            "-req",
            "-in",
            csr,
            "-CA",
            ca,
            "-CAkey",
            ca_key,
            "-CAcreateserial",
            "-out",
            "device.pem",
        ]);
        let certificate = lab.certificate("device");
        assert_eq!(certificate.subject(), &subject().to_distinguished_name(), "{kind:?}");
        assert_eq!(certificate.public_key_der(), key.public_key().as_der(), "{kind:?}");
    }
}

#[test]
fn serial_numbers_differ() {
    let lab = Lab::new();
    let validity = present(&lab);
    let root = Subject::parse("CN=root").unwrap();
    let issuer = Issuer::self_signed(&root, KeyPair::generate(KeyKind::P256).unwrap(), validity).unwrap();
    let mut serials = std::collections::HashSet::new();
    for _ in 0..50 {
        let request = DeviceRequest {
            subject: &root,
            public_key: issuer.key().public_key(),
            validity,
            version: CertificateVersion::V1,
        };
        let certificate = issuer.sign_device(&request).unwrap();
        assert!(certificate.serial_number()[0] < 0x80, "positive");
        assert!(serials.insert(certificate.serial_number().to_vec()));
    }
}

#[test]
fn an_issuer_of_openssl_s_making_signs_devices_that_openssl_verifies() {
    for kind in [Kind::Rsa(2_048), P256, P384] {
        let lab = Lab::new();
        lab.ca("ca", "/C=FR/O=Acme/CN=root", kind, crate::fixtures::CA);
        let issuer = Issuer::new(lab.certificate("ca"), lab.key_pair("ca")).unwrap();
        for version in [CertificateVersion::V1, CertificateVersion::V3] {
            let request = DeviceRequest {
                subject: &subject(),
                public_key: issuer.key().public_key(),
                validity: issuer.certificate().validity(),
                version,
            };
            lab.write("device.pem", &issuer.sign_device(&request).unwrap().to_pem());
            lab.openssl(&["verify", "-CAfile", "ca.pem", "device.pem"]);
            assert!(lab.verify(&["device"], &["ca"]).is_ok());
        }
    }
}

#[test]
fn an_issuer_needs_the_key_of_a_ca() {
    let lab = Lab::with_ca();
    lab.device("device", "ca", P256, Some(crate::fixtures::DEVICE));
    assert!(matches!(Issuer::new(lab.certificate("ca"), lab.key_pair("device")), Err(IssueError::OtherKey)));
    assert!(matches!(Issuer::new(lab.certificate("device"), lab.key_pair("device")), Err(IssueError::Ca(_))));
    let issuer = Issuer::new(lab.certificate("ca"), lab.key_pair("ca")).unwrap();
    let validity = issuer.certificate().validity();
    let public_key = issuer.key().public_key();
    let root = Subject::parse("CN=a").unwrap();
    let reversed = Validity { not_before: validity.not_after, not_after: validity.not_before };
    let ancient = Validity { not_before: UnixTime::from_secs(-1), ..validity };
    let endless = Validity { not_after: UnixTime::from_secs(i64::MAX / 1_000), ..validity };
    for validity in [reversed, ancient, endless] {
        let request = DeviceRequest { subject: &root, public_key, validity, version: CertificateVersion::V3 };
        assert!(matches!(issuer.sign_device(&request), Err(IssueError::Validity)));
    }
    let request =
        DeviceRequest { subject: &Subject::new(), public_key, validity, version: CertificateVersion::V3 };
    assert!(matches!(issuer.sign_device(&request), Err(IssueError::Subject(_))));
    let request = ServerRequest { subject: &root, public_key, validity, names: &[] };
    assert!(matches!(issuer.sign_server(&request), Err(IssueError::NoNames)));
}

#[test]
fn dates_beyond_2049_are_written_as_openssl_reads_them() {
    let lab = Lab::new();
    let root = Subject::parse("CN=root").unwrap();
    let validity = validity_of_days(UnixTime::from_secs(1_800_000_000), 10_950);
    let issuer = Issuer::self_signed(&root, KeyPair::generate(KeyKind::P256).unwrap(), validity).unwrap();
    lab.write("root.pem", &issuer.certificate().to_pem());
    let dates =
        lab.openssl(&["x509", "-in", "root.pem", "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601"]);
    assert!(
        dates.contains("notBefore=2027-01-15 08:00:00Z") && dates.contains("notAfter=2057-01-07 08:00:00Z"),
        "{dates}"
    );
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    let lab = Lab::new();
    for kind in KINDS {
        let key = KeyPair::generate(kind).unwrap();
        lab.write("ours.key", &key.to_pem().unwrap());
        lab.openssl(&["pkey", "-in", "ours.key", "-check", "-noout"]);
        lab.openssl(&["pkey", "-in", "ours.key", "-pubout", "-outform", "DER", "-out", "ours.der"]);
        assert_eq!(lab.read("ours.der"), key.public_key().as_der(), "{kind:?}");
    }
    let commands: [&[&str]; 9] = [
        &["genrsa", "-out", "theirs.key", "2048"],
        &["genrsa", "-traditional", "-out", "theirs.key", "2048"],
        &["genrsa", "-out", "theirs.key", "3072"],
        &["genpkey", "-algorithm", "RSA", "-out", "theirs.key"],
        &["ecparam", "-genkey", "-name", "prime256v1", "-out", "theirs.key"],
        &["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "theirs.key"],
        &["ecparam", "-genkey", "-name", "secp384r1", "-out", "theirs.key"],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "theirs.key"],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "theirs.key"],
    ];
    for command in commands {
        lab.openssl(command);
        lab.openssl(&["pkey", "-in", "theirs.key", "-pubout", "-outform", "DER", "-out", "theirs.der"]);
        let key =
            KeyPair::from_pem(&lab.read("theirs.key")).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert_eq!(key.public_key().as_der(), lab.read("theirs.der"), "{command:?}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_explained() {
    let lab = Lab::new();
    let cases: [(&[&str], KeyError); 5] = [
        (&["genrsa", "-out", "k", "1024"], KeyError::Unusable),
        (&["genrsa", "-aes128", "-passout", "pass:secret", "-out", "k", "2048"], KeyError::Encrypted),
        (
            &["genrsa", "-traditional", "-aes128", "-passout", "pass:secret", "-out", "k", "2048"],
            KeyError::Encrypted,
        ),
        (&["ecparam", "-genkey", "-name", "secp256k1", "-out", "k"], KeyError::Unusable),
        (&["genpkey", "-algorithm", "ED25519", "-out", "k"], KeyError::Unusable),
    ];
    for (command, expected) in cases {
        lab.openssl(command);
        assert_eq!(KeyPair::from_pem(&lab.read("k")).err(), Some(expected), "{command:?}");
    }
}

#[test]
fn a_configuration_file_gives_the_subject_that_openssl_takes_from_it() {
    let lab = Lab::new();
    lab.key("device", P256);
    let files = [
        "[req]\nprompt = no\ndistinguished_name = dn\n[dn]\nserialNumber = 0123\nC = FR\nO = \"Acme, Inc #1\"\n\
         0.OU = Unit\n1.OU = Other \\\n  Unit\nCN = thing-0123 # the name\ntitle = iot\ngenerationQualifier = x1\n\
         emailAddress = a@b.c\nbusinessCategory = iot-prototyping\ngivenName = G\nsurname = S\npostalCode = 75001\n\
         street = 1 Rue\ndnQualifier = q\ninitials = i\npseudonym = p\n",
        "[req]\ndistinguished_name = dn\n[dn]\nC = Country\nC_default = AU\nST = State\nST_default = Some-State\n\
         L = City\nO = Organization\n0.OU = Unit\n0.OU_default = Lab\nCN = Name\nCN_default = root\nCN_max = 64\n",
        "oid_section = oids\n[oids]\nlot = 1.3.6.1.4.1.99999.1\nplant = 1.3.6.1.4.1.99999.2\n[req]\n\
         prompt = no\ndistinguished_name = dn\n[dn]\nlot = 'a b'\nplant = Lyon\\#1\nCN = x\n0.2.5.4.65 = p\n",
    ];
    for file in files {
        lab.write("device.cnf", file);
        // With `-batch` OpenSSL answers every prompt by its default.
        lab.openssl(&[
            "req",
            "-new",
            "-x509",
            "-batch",
            "-key",
            "device.key",
            "-config",
            "device.cnf",
            "-out",
            "device.pem",
        ]);
        let expected = lab.certificate("device").subject().clone();
        assert_eq!(subject_from_openssl_config(file).unwrap().to_distinguished_name(), expected, "{file}");
    }
}

#[test]
fn a_subject_of_the_command_line_is_the_one_that_openssl_takes() {
    let lab = Lab::new();
    lab.key("device", P256);
    lab.write("empty.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
    for text in [
        "/C=FR/O=Acme, Inc/OU=a/OU=b/CN=root",
        "/CN=a\\/b=c/serialNumber=1",
        "/title=iot/generationQualifier=x",
    ] {
        lab.openssl(&[
            "req",
            "-new",
            "-x509",
            "-key",
            "device.key",
            "-config",
            "empty.cnf",
            "-subj",
            text,
            "-out",
            "device.pem",
        ]);
        let ours = Subject::parse(text).unwrap();
        assert_eq!(&ours.to_distinguished_name(), lab.certificate("device").subject(), "{text}");
        // With our types of strings the name is the same byte for byte, so that it can stand in for OpenSSL's.
        let issuer = Issuer::self_signed(
            &ours,
            KeyPair::generate(KeyKind::P256).unwrap(),
            lab.certificate("device").validity(),
        );
        assert_eq!(
            issuer.unwrap().certificate().subject_der(),
            lab.certificate("device").subject_der(),
            "{text}"
        );
    }
}
