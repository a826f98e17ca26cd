//! Certificates signed in the process of the test: a thousand of them take a second, and their subject may say anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use landfall_model::UnixTime;
use landfall_pki::{
    CertificateVersion, DeviceRequest, Issuer, KeyPair, ParsedCertificate, Subject, validity_of_days,
};

use crate::ca::Ca;
use crate::certificate::{DeviceCertificate, Version};
use crate::fixtures::KeyKind;
use crate::landfall::Landfall;

/// A certificate authority that signs in the process of the test. Its devices share one key on the curve P-256.
pub struct QuickCa {
    issuer: Issuer,
    directory: PathBuf,
    key: PathBuf,
    key_pair: KeyPair,
}

impl QuickCa {
    /// The one that has the files of this CA.
    #[track_caller]
    pub fn of(ca: &Ca) -> Self {
        let certificate = ParsedCertificate::from_pem(&read(&ca.certificate())).expect("a certificate");
        let ca_key = KeyPair::from_pem(&read(&ca.key())).expect("a key");
        let key = KeyKind::P256.shared(0);
        Self {
            issuer: Issuer::new(certificate, ca_key).expect("a CA"),
            directory: ca.directory().to_path_buf(),
            key_pair: KeyPair::from_pem(&read(&key)).expect("a key"),
            key,
        }
    }

    /// Makes a P-256 root CA, and registers it: ACTIVE, with auto-registration.
    #[track_caller]
    pub fn registered(server: &Landfall) -> Self {
        Self::of(&Ca::registered(server))
    }

    /// The certificate of a device with this subject, as names of OpenSSL and values; of version 3, presented alone.
    #[track_caller]
    pub fn issue(&self, subject: &[(&str, &str)]) -> DeviceCertificate {
        let mut of_device = Subject::new();
        for (name, value) in subject {
            of_device.push_named(name, value).expect("an attribute of a subject");
        }
        let request = DeviceRequest {
            subject: &of_device,
            public_key: self.key_pair.public_key(),
            validity: validity_of_days(today(), 365),
            version: CertificateVersion::V3,
        };
        let certificate = self.issuer.sign_device(&request).expect("a certificate");
        let id = certificate.id().to_string();
        let leaf = self.directory.join(format!("{id}.pem"));
        fs::write(&leaf, certificate.to_pem()).expect("a file in the test's directory");
        let (chain, key) = (leaf.clone(), self.key.clone());
        DeviceCertificate { chain, leaf, key, id, version: Version::V3 }
    }

    /// The certificate of a device that the built-in registrar makes the thing `thing-<serial>` of.
    #[track_caller]
    pub fn issue_device(&self, serial: &str) -> DeviceCertificate {
        self.issue(&[
            ("CN", "example-thing"),
            ("serialNumber", serial),
            ("title", "iot"),
            ("generationQualifier", "smart-sensor"),
        ])
    }
}

#[track_caller]
fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn today() -> UnixTime {
    #[expect(clippy::disallowed_methods, reason = "a certificate is valid by the real time")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
    UnixTime::from_secs(i64::try_from(since.as_secs()).expect("a time of this age"))
}
