//! Makes the certificate of a device, and its key unless it has one.

use anyhow::{Context as _, Result};
use landfall_model::Validity;
use landfall_pki::{
    AlternativeNames, CertificateRequest, CertificateVersion, DeviceTerms, Issuer, KeyKind, KeyPair,
    ParsedCertificate, Subject, request_to_pem,
};

use super::output::{DeviceFiles, FileName, Writer};

/// A device whose certificate is to be made.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: FileName,
    pub(super) subject: Subject,
    pub(super) names: AlternativeNames,
}

/// All that the certificates have in common; used from as many threads as there are.
pub(super) struct Maker {
    pub(super) issuer: Issuer,
    pub(super) key: KeyKind,
    pub(super) validity: Validity,
    pub(super) version: CertificateVersion,
    pub(super) writer: Writer,
}

impl Maker {
    /// Makes a key and its certificate, and writes the files.
    ///
    /// # Errors
    /// The certificate cannot be made, or a file cannot be written.
    pub(super) fn make(&self, device: &Device, files: &DeviceFiles) -> Result<ParsedCertificate> {
        let key = KeyPair::generate(self.key).context("cannot make a key")?;
        let certificate = self
            .issuer
            .sign_device_on(&device.subject, key.public_key(), &self.terms(&device.names))
            .context("cannot make the certificate")?;
        if let Some(path) = &files.key {
            self.writer.write_secret(path, &key.to_pem()?)?;
        }
        if let Some(path) = &files.request {
            self.writer.write_public(path, &request_to_pem(&device.subject, &key)?)?;
        }
        self.write_certificate(&certificate, files)?;
        Ok(certificate)
    }

    /// Makes the certificate that a request asks for, and writes the files.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub(super) fn sign(
        &self,
        request: &CertificateRequest,
        names: &AlternativeNames,
        files: &DeviceFiles,
    ) -> Result<ParsedCertificate> {
        let certificate = self
            .issuer
            .sign_request_on(request, &self.terms(names))
            .context("cannot make the certificate")?;
        self.write_certificate(&certificate, files)?;
        Ok(certificate)
    }

    fn terms<'a>(&self, names: &'a AlternativeNames) -> DeviceTerms<'a> {
        DeviceTerms { validity: self.validity, version: self.version, alternative_names: names }
    }

    fn write_certificate(&self, certificate: &ParsedCertificate, files: &DeviceFiles) -> Result<()> {
        let leaf = certificate.to_pem();
        let chain = format!("{leaf}{}", self.issuer.certificate().to_pem());
        self.writer.write_public(&files.certificate, &leaf)?;
        self.writer.write_public(&files.chain, &chain)
    }
}
