//! The CAs that the server makes on its first start and keeps in its data directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use landfall_model::{UnixTime, Validity};
use landfall_pki::{Issuer, KeyKind, KeyPair, ParsedCertificate, Subject, validity_of_aws, validity_of_days};

use crate::data_dir::{DataDir, write_public, write_secret};

/// One of the server's own CAs.
pub(crate) struct OwnCa {
    certificate: &'static str,
    key: &'static str,
    subject: &'static str,
    validity: fn(UnixTime) -> Validity,
    /// What follows when another is made in its place.
    when_replaced: &'static str,
}

const SERVER_CA_DAYS: u32 = 3_650;

impl OwnCa {
    /// That which signs the certificate that the server shows to devices.
    pub(crate) const SERVER: Self = Self {
        certificate: "server-ca.pem",
        key: "server-ca.key",
        subject: "O=Landfall, CN=Landfall server CA",
        validity: |now| validity_of_days(now, SERVER_CA_DAYS),
        when_replaced: "which clients must then trust",
    };

    /// That which signs the devices' certificates that the API makes (`CreateKeysAndCertificate`,
    /// `CreateCertificateFromCsr`). It is no registered CA certificate: each of its certificates is registered by itself.
    pub(crate) const DEVICES: Self = Self {
        certificate: "device-ca.pem",
        key: "device-ca.key",
        subject: "O=Landfall, CN=Landfall device CA",
        validity: validity_of_aws,
        when_replaced: "and the devices that have certificates of the old one go on with them",
    };

    /// Reads the CA from the data directory, or makes it if it is not there. Only the owner of the directory can read its
    /// key.
    ///
    /// # Errors
    /// A file cannot be read or written, or is not what this program writes.
    pub(crate) fn open(&self, data: &DataDir, now: UnixTime) -> Result<Issuer> {
        let (certificate_path, key_path) = (self.certificate_path(data), data.file(self.key));
        match fs::read(&key_path) {
            Ok(key) => self.load(&certificate_path, &key_path, &key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make(&certificate_path, &key_path, now)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", key_path.display())),
        }
    }

    /// Where its certificate is.
    pub(crate) fn certificate_path(&self, data: &DataDir) -> PathBuf {
        self.certificate_in(data.path())
    }

    /// Where its certificate is in a data directory that another process may have.
    pub(crate) fn certificate_in(&self, data: &Path) -> PathBuf {
        data.join(self.certificate)
    }

    fn load(&self, certificate_path: &Path, key_path: &Path, key: &[u8]) -> Result<Issuer> {
        let pem = fs::read(certificate_path)
            .with_context(|| format!("cannot read {}", certificate_path.display()))?;
        let certificate = ParsedCertificate::from_pem(&pem)
            .with_context(|| format!("{} is not a certificate in PEM", certificate_path.display()))?;
        let key =
            KeyPair::from_pem(key).with_context(|| format!("{} is not a key in PEM", key_path.display()))?;
        Issuer::new(certificate, key).with_context(|| {
            let (certificate, key) = (certificate_path.display(), key_path.display());
            let when_replaced = self.when_replaced;
            format!(
                "{certificate} and {key} do not make a CA; delete both to have another made, {when_replaced}"
            )
        })
    }

    fn make(&self, certificate_path: &Path, key_path: &Path, now: UnixTime) -> Result<Issuer> {
        let subject = Subject::parse(self.subject)?;
        let key = KeyPair::generate(KeyKind::P256)?;
        let issuer = Issuer::self_signed(&subject, key, (self.validity)(now))?;
        write_public(certificate_path, issuer.certificate().to_pem().as_bytes())?;
        // The key last: once it is there, both are.
        write_secret(key_path, issuer.key().to_pem()?.as_bytes())?;
        Ok(issuer)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn a_ca_is_made_once_and_only_its_owner_can_read_its_key() {
        for ca in [OwnCa::SERVER, OwnCa::DEVICES] {
            let root = tempfile::tempdir().unwrap();
            let data = DataDir::open(root.path()).unwrap();
            let made = ca.open(&data, NOW).unwrap();
            let again = ca.open(&data, UnixTime::from_secs(NOW.as_secs() + 1)).unwrap();
            assert_eq!(again.certificate(), made.certificate());
            assert_eq!(again.key().public_key(), made.key().public_key());
            assert!(made.certificate().is_ca() && made.certificate().validity().contains(NOW));
            let mode = fs::metadata(data.file(ca.key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", ca.key);

            // The key of another CA.
            fs::remove_file(data.file(ca.key)).unwrap();
            let other = KeyPair::generate(KeyKind::P256).unwrap().to_pem().unwrap();
            write_secret(&data.file(ca.key), other.as_bytes()).unwrap();
            let error = ca.open(&data, NOW).unwrap_err().to_string();
            assert!(error.contains("delete both") && error.contains(ca.when_replaced), "{error}");
        }
    }

    #[test]
    fn the_cas_do_not_share_a_file() {
        let files = [OwnCa::SERVER, OwnCa::DEVICES].map(|ca| [ca.certificate, ca.key]);
        assert!(files[0].iter().all(|file| !files[1].contains(file)));
    }
}
