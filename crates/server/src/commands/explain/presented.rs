//! Certificates as a device presents them, read from a file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use landfall_pki::{CertificateError, PEM_BYTES_MAX, ParsedCertificate};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject as _, SectionKind};

/// What a file has a device present: its certificate, and any others behind it. None of them need be readable.
pub(super) struct Presented {
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Presented {
    /// Reads a file, in PEM or DER.
    ///
    /// # Errors
    /// It cannot be read, or has no certificate.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot read {}", path.display());
        let bytes = fs::metadata(path).with_context(cannot)?.len();
        if bytes > u64::try_from(PEM_BYTES_MAX).unwrap_or(u64::MAX) {
            bail!("{} has {bytes} bytes, and {PEM_BYTES_MAX} are the most", path.display());
        }
        let bytes = fs::read(path).with_context(cannot)?;
        Self::parse(&bytes).with_context(|| format!("{} has no certificate", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        // A certificate in DER begins with the tag of a SEQUENCE and a length of two bytes, which is no text.
        if let [0x30, 0x80..=0xFF, ..] = bytes {
            return Ok(Self { certificates: vec![CertificateDer::from(bytes.to_vec())] });
        }
        let mut certificates = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
            match section {
                Ok((SectionKind::Certificate, der)) => certificates.push(CertificateDer::from(der)),
                Ok(_) => {}
                Err(_) => {
                    certificates.clear();
                    break;
                }
            }
        }
        if certificates.is_empty() {
            // It says best what is there instead.
            let readable = ParsedCertificate::all_from_pem(bytes)?;
            certificates.extend(
                readable
                    .iter()
                    .map(|certificate| CertificateDer::from(certificate.der().as_bytes().to_vec())),
            );
        }
        Ok(Self { certificates })
    }

    /// The device's own certificate.
    pub(super) fn leaf(&self) -> Result<ParsedCertificate, CertificateError> {
        ParsedCertificate::from_der(self.certificates.first().map_or(&[], |der| der))
    }

    /// The others that can be read.
    pub(super) fn others(&self) -> impl Iterator<Item = ParsedCertificate> {
        self.certificates.iter().skip(1).filter_map(|der| ParsedCertificate::from_der(der).ok())
    }
}
