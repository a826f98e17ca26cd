//! Revocation lists that OpenSSL makes.

use std::fs;

use landfall_model::UnixTime;
use landfall_pki::{CrlError, CrlIssuerError, RevocationList};

use crate::fixtures::{CA, Kind, Lab, P256, P384};

/// A configuration of `openssl ca` with the database of a CA.
const CONFIG: &str =
    "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\ncrlnumber = crlnumber\ndefault_md = sha256\n";

impl Lab {
    /// A lab with a CA and these devices' certificates, of which those are revoked.
    fn with_revoked(kind: Kind, extensions: &str, devices: &[&str], revoked: &[&str]) -> Self {
        let lab = Self::new();
        lab.ca("ca", "/CN=root", kind, extensions);
        lab.write("index.txt", "");
        lab.write("crlnumber", "01\n");
        lab.write("ca.conf", CONFIG);
        for device in devices {
            lab.device(device, "ca", P256, None);
        }
        for device in revoked {
            let certificate = format!("{device}.pem");
            lab.openssl(&[
                "ca",
                "-config",
                "ca.conf",
                "-keyfile",
                "ca.key",
                "-cert",
                "ca.pem",
                "-revoke",
                &certificate,
            ]);
        }
        lab
    }

    /// Makes `<name>.pem` with these extensions of the list; with none it is of version 1.
    fn list(&self, name: &str, extensions: Option<&str>, more: &[&str]) {
        let config = format!("{name}.conf");
        let section =
            extensions.map_or_else(String::new, |text| format!("crl_extensions = list\n[list]\n{text}\n"));
        self.write(&config, &format!("{CONFIG}{section}"));
        let out = format!("{name}.pem");
        let mut arguments =
            vec!["ca", "-config", &config, "-keyfile", "ca.key", "-cert", "ca.pem", "-gencrl"];
        arguments.extend(["-out", &out]);
        arguments.extend(more);
        self.openssl(&arguments);
    }

    fn read_list(&self, name: &str) -> Result<RevocationList, CrlError> {
        let mut lists = RevocationList::all_from_pem_or_der(&self.read(&format!("{name}.pem")))?;
        assert_eq!(lists.len(), 1);
        Ok(lists.remove(0))
    }
}

const KEY_ID: &str = "authorityKeyIdentifier=keyid";

#[test]
fn a_list_tells_which_certificates_are_revoked() {
    for kind in [Kind::Rsa(2_048), P256, P384] {
        for extensions in [None, Some(KEY_ID)] {
            let lab = Lab::with_revoked(kind, CA, &["one", "two", "three"], &["one", "three"]);
            lab.list("list", extensions, &["-crldays", "30"]);
            let list = lab.read_list("list").unwrap();
            list.verify_issued_by(&lab.certificate("ca")).unwrap();
            let revoked = ["one", "two", "three"].map(|name| list.revokes(&lab.certificate(name)));
            assert_eq!((revoked, list.len()), ([true, false, true], 2), "{kind:?} {extensions:?}");
            let days = list.next_update().unwrap().since(list.this_update()).as_secs() / 86_400;
            assert_eq!(days, 30);
            // The same in DER.
            lab.openssl(&["crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der"]);
            assert_eq!(RevocationList::all_from_pem_or_der(&lab.read("list.der")), Ok(vec![list]));
        }
    }
}

#[test]
fn a_list_has_the_times_that_it_says() {
    let lab = Lab::with_revoked(P256, CA, &[], &[]);
    // After 2049 a time is written in another form (RFC 5280, section 5.1.2.4).
    lab.list("list", None, &["-crl_lastupdate", "20490101000000Z", "-crl_nextupdate", "20510101000000Z"]);
    let list = lab.read_list("list").unwrap();
    let times = (list.this_update(), list.next_update());
    assert_eq!(times, (UnixTime::from_secs(2_493_072_000), Some(UnixTime::from_secs(2_556_144_000))));
    assert!(list.is_empty());
}

#[test]
fn a_list_is_only_that_of_the_ca_that_signed_it() {
    let lab = Lab::with_revoked(P256, CA, &["one"], &["one"]);
    lab.list("list", None, &["-crldays", "30"]);
    lab.list("named", Some(KEY_ID), &["-crldays", "30"]);
    // The same name with another key, with and without identifiers of keys.
    lab.ca("twin", "/CN=root", P256, CA);
    lab.ca("other", "/CN=other", P256, CA);
    let [list, named] = ["list", "named"].map(|name| lab.read_list(name).unwrap());
    let subject = || "CN=root".to_owned();
    let name = |wanted: &str| CrlIssuerError::Name { found: subject(), wanted: wanted.to_owned() };
    assert_eq!(
        list.verify_issued_by(&lab.certificate("twin")),
        Err(CrlIssuerError::Signature { subject: subject() })
    );
    assert_eq!(named.verify_issued_by(&lab.certificate("twin")), Err(name("CN=root")));
    assert_eq!(list.verify_issued_by(&lab.certificate("other")), Err(name("CN=other")));

    // One bit of a serial number.
    lab.openssl(&["crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der"]);
    let mut der = lab.read("list.der");
    let serial = lab.certificate("one").serial_number().to_vec();
    let at = der.windows(serial.len()).position(|window| window == serial).unwrap();
    der[at + serial.len() - 1] ^= 1;
    let changed = RevocationList::from_der(&der).unwrap();
    assert!(!changed.revokes(&lab.certificate("one")));
    let ca = lab.certificate("ca");
    assert_eq!(changed.verify_issued_by(&ca), Err(CrlIssuerError::Signature { subject: subject() }));
}

#[test]
fn a_key_that_may_sign_no_lists_signs_none() {
    let without = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    for (extensions, expected) in [
        (without, Err(CrlIssuerError::MayNotSign { subject: "CN=root".to_owned() })),
        ("basicConstraints=critical,CA:TRUE\n", Ok(())),
    ] {
        let lab = Lab::with_revoked(P256, extensions, &[], &[]);
        lab.list("list", None, &["-crldays", "30"]);
        assert_eq!(lab.read_list("list").unwrap().verify_issued_by(&lab.certificate("ca")), expected);
    }
}

#[test]
fn a_weak_signature_is_refused_by_name() {
    let lab = Lab::with_revoked(Kind::Rsa(2_048), CA, &[], &[]);
    lab.list("list", None, &["-crldays", "30", "-md", "sha1"]);
    let problem = lab.read_list("list").unwrap().verify_issued_by(&lab.certificate("ca")).unwrap_err();
    assert_eq!(problem, CrlIssuerError::Algorithm { algorithm: "RSA with SHA-1".to_owned() });
}

#[test]
fn what_covers_only_a_part_is_refused() {
    let lab = Lab::with_revoked(P256, CA, &["one"], &[]);
    let unknown = CrlError::CriticalExtension { oid: "1.3.6.1.4.1.55555.1".into() };
    for (extensions, expected) in [
        ("2.5.29.27=critical,ASN1:INTEGER:1", Err(CrlError::Delta)),
        ("issuingDistributionPoint=critical,@idp\n[idp]\nonlyuser=TRUE", Err(CrlError::Partial)),
        ("1.3.6.1.4.1.55555.1=critical,ASN1:UTF8String:x", Err(unknown)),
        ("1.3.6.1.4.1.55555.1=ASN1:UTF8String:x", Ok(0)),
    ] {
        lab.list("list", Some(extensions), &["-crldays", "30"]);
        assert_eq!(lab.read_list("list").map(|list| list.len()), expected, "{extensions}");
    }
}

#[test]
fn what_is_no_list_is_refused_with_its_cause() {
    let lab = Lab::with_revoked(P256, CA, &["one"], &["one"]);
    lab.list("list", None, &["-crldays", "30"]);
    let pem = lab.read("list.pem");
    let many = pem.repeat(65);
    let certificate = lab.read("ca.pem");
    let damaged = String::from_utf8(pem.clone()).unwrap().replace("-----END", "----");
    for (bytes, expected) in [
        (b"".as_slice(), "no `-----BEGIN X509 CRL-----` found"),
        (&certificate, "no `-----BEGIN X509 CRL-----` found; the file holds a certificate"),
        (damaged.as_bytes(), "the file is not valid PEM: a section has no `-----END` line"),
        (&many, "the file holds 65 revocation lists, and 64 are the most"),
        (b"\x30\x80\x00\x00", "this is not a revocation list in DER: expected a revocation list at byte 0"),
    ] {
        let problem = RevocationList::all_from_pem_or_der(bytes).unwrap_err().to_string();
        assert_eq!(problem, expected);
    }
    assert_eq!(RevocationList::all_from_pem_or_der(&pem.repeat(2)).map(|lists| lists.len()), Ok(2));
}

#[test]
fn no_damage_makes_a_list_that_is_taken() {
    let lab = Lab::with_revoked(P256, CA, &["one"], &["one"]);
    lab.list("list", Some(KEY_ID), &["-crldays", "30"]);
    lab.openssl(&["crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der"]);
    let (der, ca) = (fs::read(lab.path("list.der")).unwrap(), lab.certificate("ca"));
    for at in 0..der.len() {
        assert!(RevocationList::from_der(&der[..at]).is_err(), "cut off at {at}");
        for bit in 0..8 {
            let mut damaged = der.clone();
            damaged[at] ^= 1 << bit;
            let is_taken =
                RevocationList::from_der(&damaged).is_ok_and(|list| list.verify_issued_by(&ca).is_ok());
            assert!(!is_taken, "bit {bit} of byte {at}");
        }
    }
}
