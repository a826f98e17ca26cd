//! The verification certificate of a CA, as the Universal JITR block's script keeps it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use landfall_model::{Clock as _, RegistrationCode};
use landfall_pki::{
    CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, ParsedCertificate, Subject, request_to_pem,
    validity_of_days,
};

use super::check_free;
use crate::clock::SystemClock;
use crate::data_dir::{write_public, write_secret};

/// A proof that whoever has it has the CA's key.
pub(super) struct Verification {
    key: KeyPair,
    request: String,
    /// Of version 1, as `openssl x509 -req` makes it without extensions.
    pub(super) certificate: ParsedCertificate,
}

/// Where the proof is on disk.
pub(super) struct VerificationFiles {
    key: PathBuf,
    request: PathBuf,
    certificate: PathBuf,
}

impl Verification {
    /// Makes a key, a request with the registration code as its common name, and the certificate that the CA signs for it.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub(super) fn make(issuer: &Issuer, code: &RegistrationCode, kind: KeyKind, days: u32) -> Result<Self> {
        let subject = Subject::common_name(&code.to_string())?;
        let key = KeyPair::generate(kind).context("cannot make a key")?;
        let request = request_to_pem(&subject, &key)?;
        let certificate = issuer
            .sign_device(&DeviceRequest {
                subject: &subject,
                public_key: key.public_key(),
                validity: validity_of_days(SystemClock.now(), days),
                version: CertificateVersion::V1,
            })
            .context("cannot make the verification certificate")?;
        Ok(Self { key, request, certificate })
    }
}

impl VerificationFiles {
    /// The files in the directory of a CA.
    pub(super) fn of(directory: &Path) -> Self {
        let path = |suffix: &str| directory.join(format!("private-key-registration.{suffix}"));
        Self { key: path("key"), request: path("csr"), certificate: path("crt") }
    }

    /// Every one of them.
    pub(super) fn all(&self) -> [&Path; 3] {
        [&self.key, &self.request, &self.certificate]
    }

    /// Checks that none of them is there.
    ///
    /// # Errors
    /// One is.
    pub(super) fn check_free(&self) -> Result<()> {
        check_free(self.all())
    }

    /// Writes them; never over others. The directory is there: that of the CA.
    ///
    /// # Errors
    /// One is there already, or cannot be written.
    pub(super) fn store(&self, verification: &Verification) -> Result<()> {
        self.check_free()?;
        write_secret(&self.key, verification.key.to_pem()?.as_bytes())?;
        write_public(&self.request, verification.request.as_bytes())?;
        write_public(&self.certificate, verification.certificate.to_pem().as_bytes())
    }
}
