//! Certificates of devices, made by OpenSSL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::ca::Ca;
use crate::fixtures::KeyKind;
use crate::process::{DEADLINE, program, run};

/// Extensions of a device's certificate of version 3.
pub const EXTENSIONS: &str = "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n\
                              subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

/// The version of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 1, which has no extensions.
    V1,
    /// Version 3.
    V3,
}

/// What a device presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Its certificate alone.
    Leaf,
    /// Its certificate and the one of its CA.
    LeafAndCa,
}

/// A device's certificate that is to be made.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    subject: Vec<(String, String)>,
    key: PathBuf,
    extensions: Option<String>,
    digest: &'static str,
    dates: Option<(&'static str, &'static str)>,
    chain: Chain,
    strings: &'static str,
}

/// A device's certificate as files.
#[derive(Clone, Debug)]
pub struct DeviceCertificate {
    /// What the device presents, in PEM.
    pub chain: PathBuf,
    /// Its certificate alone, in PEM.
    pub leaf: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// The id of the certificate: the SHA-256 of its DER in hex, as OpenSSL computes it.
    pub id: String,
    /// The version of the certificate, as OpenSSL reads it.
    pub version: Version,
}

/// How a request is signed.
#[derive(Default)]
pub(crate) struct Signing<'a> {
    pub(crate) extensions: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
    /// First and last moment; a year from now when there are none.
    pub(crate) dates: Option<(&'a str, &'a str)>,
}

impl DeviceRequest {
    /// The device of the second seed's scripts, with another serial number: version 1, RSA-2048, leaf and CA.
    #[track_caller]
    pub fn new(serial_number: &str) -> Self {
        let subject = [
            ("C", "FR"),
            ("ST", "Paris"),
            ("L", "Paris"),
            ("O", "AcmeInc"),
            ("OU", "MyAcme"),
            ("CN", "example-thing"),
            ("emailAddress", "postmaster@myacme.com"),
            ("serialNumber", serial_number),
            ("title", "iot"),
            ("generationQualifier", "smart-sensor"),
        ];
        Self {
            subject: subject.map(|(field, value)| (field.to_owned(), value.to_owned())).to_vec(),
            key: KeyKind::Rsa2048.shared(0),
            extensions: None,
            digest: "-sha256",
            dates: None,
            chain: Chain::LeafAndCa,
            strings: "UTF8String",
        }
    }

    /// The same on the curve P-256, which is quick.
    #[track_caller]
    pub fn quick(serial_number: &str) -> Self {
        Self::new(serial_number).key(KeyKind::P256, 0)
    }

    /// With the shared key of this kind and number.
    #[must_use]
    #[track_caller]
    pub fn key(self, kind: KeyKind, number: u8) -> Self {
        Self { key: kind.shared(number), ..self }
    }

    /// With this field of the subject, set anew or added.
    #[must_use]
    pub fn field(mut self, field: &str, value: &str) -> Self {
        match self.subject.iter_mut().find(|(known, _)| known == field) {
            Some((_, old)) => value.clone_into(old),
            None => self.subject.push((field.to_owned(), value.to_owned())),
        }
        self
    }

    /// Without this field of the subject.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.subject.retain(|(known, _)| known != field);
        self
    }

    /// In this version; version 3 with the usual extensions.
    #[must_use]
    pub fn version(self, version: Version) -> Self {
        match version {
            Version::V1 => Self { extensions: None, ..self },
            Version::V3 => self.extensions(EXTENSIONS),
        }
    }

    /// In version 3 with these extensions.
    #[must_use]
    pub fn extensions(self, extensions: &str) -> Self {
        Self { extensions: Some(extensions.to_owned()), ..self }
    }

    /// Signed with this digest, as an option of OpenSSL.
    #[must_use]
    pub fn digest(self, digest: &'static str) -> Self {
        Self { digest, ..self }
    }

    /// Valid between these moments, as `YYYYMMDDHHMMSSZ`.
    #[must_use]
    pub fn dates(self, first: &'static str, last: &'static str) -> Self {
        Self { dates: Some((first, last)), ..self }
    }

    /// With serial number, common name and title as strings of this type of ASN.1, by its name for OpenSSL.
    #[must_use]
    pub fn strings(self, strings: &'static str) -> Self {
        Self { strings, ..self }
    }

    /// Presented so.
    #[must_use]
    pub fn chain(self, chain: Chain) -> Self {
        Self { chain, ..self }
    }

    #[track_caller]
    pub(crate) fn issue(&self, ca: &Ca) -> DeviceCertificate {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("device-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = ca.directory();
        let leaf = directory.join(format!("{name}.crt"));
        let request = write_request_with(directory, &name, &self.key, &self.subject, self.strings);
        let extensions = self.extensions.as_deref();
        Signing { extensions, digest: Some(self.digest), dates: self.dates }.run(ca, &request, &leaf);
        let found = version(directory, &leaf);
        let wanted = if extensions.is_some() { Version::V3 } else { Version::V1 };
        assert_eq!(
            found, wanted,
            "OpenSSL before 3.2 is needed, which makes version 1 when there are no extensions"
        );
        let chain = match self.chain {
            Chain::Leaf => leaf.clone(),
            Chain::LeafAndCa => join(&name, &leaf, &ca.certificate()),
        };
        DeviceCertificate { chain, key: self.key.clone(), id: id(directory, &leaf), version: found, leaf }
    }
}

impl DeviceCertificate {
    /// The same with one more certificate at the end of what is presented.
    #[must_use]
    pub fn followed_by(self, ca: &Ca) -> Self {
        let name = format!("{}-more", self.id);
        Self { chain: join(&name, &self.chain, &ca.certificate()), ..self }
    }

    /// The same with another key than its own, as a thief has it who read only the certificate.
    #[must_use]
    #[track_caller]
    pub fn stolen(self, kind: KeyKind, number: u8) -> Self {
        let key = kind.shared(number);
        assert_ne!(key, self.key);
        Self { key, ..self }
    }
}

impl Signing<'_> {
    #[track_caller]
    pub(crate) fn run(&self, ca: &Ca, request: &Path, certificate: &Path) {
        let mut command = openssl(ca.directory());
        match self.dates {
            None => {
                command.args(["x509", "-req", "-in"]).arg(request).args(["-CAcreateserial", "-days", "365"])
            }
            Some((first, last)) => {
                let config = ca.directory().join("dates.cnf");
                fs::write(&config, DATES_CONFIG).expect("a file in the test's directory");
                fs::write(ca.directory().join("index.txt"), "").expect("a file in the test's directory");
                command.args(["ca", "-batch", "-notext", "-preserveDN", "-config"]).arg(config);
                command.args(["-startdate", first, "-enddate", last, "-in"]).arg(request)
            }
        };
        match self.dates {
            None => command.arg("-CA").arg(ca.certificate()).arg("-CAkey").arg(ca.key()),
            Some(_) => command.arg("-cert").arg(ca.certificate()).arg("-keyfile").arg(ca.key()),
        };
        match (self.dates, self.digest.unwrap_or("-sha256")) {
            (None, digest) => command.arg(digest),
            (Some(_), digest) => command.args(["-md", digest.trim_start_matches('-')]),
        };
        if let Some(extensions) = self.extensions {
            let file = certificate.with_extension("ext");
            fs::write(&file, extensions).expect("a file in the test's directory");
            command.arg("-extfile").arg(file);
        }
        run(command.arg("-out").arg(certificate), "", DEADLINE).stdout();
    }
}

/// What `openssl ca` needs, the only command of OpenSSL 3.0 that takes dates.
const DATES_CONFIG: &str = "[ca]\ndefault_ca=here\n[here]\ndatabase=index.txt\nnew_certs_dir=.\npolicy=any\n\
                            email_in_dn=yes\nrand_serial=yes\nunique_subject=no\n[any]\nCN=supplied\n";

/// OpenSSL, run in this directory.
pub(crate) fn openssl(directory: &Path) -> Command {
    let mut openssl = program("openssl");
    openssl.current_dir(directory);
    openssl
}

/// Writes the request for a certificate, with a configuration file as those of the seeds' scripts.
#[track_caller]
pub(crate) fn write_request(
    directory: &Path,
    name: &str,
    key: &Path,
    subject: &[(String, String)],
) -> PathBuf {
    write_request_with(directory, name, key, subject, "UTF8String")
}

/// The same, with some attributes as strings of this type.
#[track_caller]
fn write_request_with(
    directory: &Path,
    name: &str,
    key: &Path,
    subject: &[(String, String)],
    strings: &str,
) -> PathBuf {
    let [config, request] = ["cnf", "csr"].map(|suffix| directory.join(format!("{name}.{suffix}")));
    let fields: String =
        subject.iter().map(|(field, value)| format!("{field}={}\n", quoted(value))).collect();
    // OpenSSL holds these fields to lengths and characters that a hostile CA does not keep to.
    let any = format!("min:0,max:10000,mask:{strings},flags:nomask");
    let text = format!(
        "openssl_conf=init\n[init]\nstbl_section=lengths\n[lengths]\nserialNumber={any}\nCN={any}\ntitle={any}\n\
         [req]\nprompt=no\nutf8=yes\nstring_mask=utf8only\ndistinguished_name=dn\n[dn]\n{fields}"
    );
    fs::write(&config, text).expect("a file in the test's directory");
    let mut command = openssl(directory);
    command.args(["req", "-new", "-config"]).arg(config).arg("-key").arg(key).arg("-out").arg(&request);
    run(&mut command, "", DEADLINE).stdout();
    request
}

/// A value of a configuration file, in which `$` and `#` mean something.
fn quoted(value: &str) -> String {
    let special = |character: char| matches!(character, '$' | '#' | '\\' | '"' | '\'' | '%');
    value.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[track_caller]
fn version(directory: &Path, certificate: &Path) -> Version {
    let mut command = openssl(directory);
    let text = run(command.args(["x509", "-noout", "-text", "-in"]).arg(certificate), "", DEADLINE).stdout();
    let line = text.lines().find(|line| line.trim_start().starts_with("Version:")).expect("a version");
    match line.trim() {
        "Version: 1 (0x0)" => Version::V1,
        "Version: 3 (0x2)" => Version::V3,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn id(directory: &Path, certificate: &Path) -> String {
    let mut command = openssl(directory);
    command.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(certificate);
    let text = run(&mut command, "", DEADLINE).stdout();
    let (_, digits) = text.trim().rsplit_once('=').expect("a fingerprint");
    digits.replace(':', "").to_lowercase()
}

/// One certificate after the other in a file beside the first.
fn join(name: &str, first: &Path, second: &Path) -> PathBuf {
    let path = first.with_file_name(format!("{name}-chain.pem"));
    let read = |path: &Path| fs::read_to_string(path).expect("a certificate that was just made");
    fs::write(&path, read(first) + &read(second)).expect("a file in the test's directory");
    path
}
