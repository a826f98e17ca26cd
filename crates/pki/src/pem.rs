use rustls_pki_types::pem::{self, PemObject, SectionKind};
use thiserror::Error;

use crate::{CertificateError, ParsedCertificate};

/// The most bytes of a PEM file that is read.
pub const PEM_BYTES_MAX: usize = 1024 * 1024;

/// The most certificates of one PEM file.
pub const PEM_CERTIFICATES_MAX: usize = 64;

/// Why a PEM file holds no certificate that can be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PemError {
    /// The file is too large.
    #[error("the file has {bytes} bytes, and {PEM_BYTES_MAX} are the most")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A section is damaged.
    #[error("the file is not valid PEM: {reason}")]
    Damaged {
        /// What the reader says.
        reason: String,
    },
    /// There is no certificate.
    #[error("no `-----BEGIN CERTIFICATE-----` found{}", found_instead(*found))]
    NoCertificate {
        /// What the file holds instead.
        found: Option<&'static str>,
    },
    /// There are more certificates than asked for.
    #[error("the file holds {found} certificates, and at most {max} may be here")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// A certificate in it is wrong.
    #[error("certificate {number} of the file cannot be read")]
    Certificate {
        /// Its place, counted from 1.
        number: usize,
        /// Why not.
        source: CertificateError,
    },
}

impl ParsedCertificate {
    /// Reads every certificate of a PEM file, in order; text around the sections and other sections are skipped.
    ///
    /// # Errors
    /// There is none, there are more than [`PEM_CERTIFICATES_MAX`], the file is larger than [`PEM_BYTES_MAX`], or one
    /// of them cannot be read.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, PemError> {
        let sections = certificate_sections(pem)?;
        if sections.len() > PEM_CERTIFICATES_MAX {
            return Err(PemError::TooMany { found: sections.len(), max: PEM_CERTIFICATES_MAX });
        }
        let mut certificates = Vec::with_capacity(sections.len());
        for (index, der) in sections.iter().enumerate() {
            let certificate =
                Self::from_der(der).map_err(|source| PemError::Certificate { number: index + 1, source })?;
            certificates.push(certificate);
        }
        Ok(certificates)
    }

    /// Reads the one certificate of a PEM file.
    ///
    /// # Errors
    /// As [`Self::all_from_pem`], or there are two or more.
    pub fn from_pem(pem: &[u8]) -> Result<Self, PemError> {
        let mut certificates = Self::all_from_pem(pem)?;
        match (certificates.pop(), certificates.len()) {
            (Some(only), 0) => Ok(only),
            (Some(_), others) => Err(PemError::TooMany { found: others + 1, max: 1 }),
            (None, _) => Err(PemError::NoCertificate { found: None }),
        }
    }

    /// Reads one certificate, in PEM or in DER.
    ///
    /// # Errors
    /// As [`Self::from_pem`].
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self, PemError> {
        // A certificate in DER starts with the tag of a SEQUENCE and a length of two bytes; in text that is `0` and
        // a byte that is no ASCII.
        match bytes {
            [0x30, 0x80..=0xFF, ..] => {
                Self::from_der(bytes).map_err(|source| PemError::Certificate { number: 1, source })
            }
            _ => Self::from_pem(bytes),
        }
    }

    /// The certificate in PEM, with a line feed at the end.
    pub fn to_pem(&self) -> String {
        to_pem("CERTIFICATE", self.der().as_bytes())
    }
}

/// Writes one PEM section (RFC 7468); `label` is one of ours and valid.
pub(crate) fn to_pem(label: &'static str, der: &[u8]) -> String {
    // It fails on an invalid label alone.
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).unwrap_or_default()
}

fn certificate_sections(pem: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(PemError::TooLarge { bytes: pem.len() });
    }
    let mut sections = Vec::new();
    let mut found = None;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        match section {
            Ok((SectionKind::Certificate, der)) => sections.push(der),
            Ok((kind, _)) => found = Some(section_name(kind)),
            Err(error) => return Err(PemError::Damaged { reason: damage(&error) }),
        }
    }
    if sections.is_empty() { Err(PemError::NoCertificate { found }) } else { Ok(sections) }
}

/// What is wrong with a PEM file, without the bytes of it: a key may be among them.
pub(crate) fn damage(error: &pem::Error) -> String {
    let text = if matches!(error, pem::Error::MissingSectionEnd { .. }) {
        "a section has no `-----END` line"
    } else if matches!(error, pem::Error::IllegalSectionStart { .. }) {
        "a `-----BEGIN` line is malformed"
    } else if matches!(error, pem::Error::Base64Decode(_)) {
        "a section is not valid base64"
    } else {
        "a section cannot be read"
    };
    text.to_owned()
}

/// What a section is, for whoever looks for another.
pub(crate) fn section_name(kind: SectionKind) -> &'static str {
    let private = [SectionKind::PrivateKey, SectionKind::RsaPrivateKey, SectionKind::EcPrivateKey];
    if kind == SectionKind::Certificate {
        "a certificate"
    } else if kind == SectionKind::Csr {
        "a certificate request, which has yet to be signed by a CA"
    } else if private.contains(&kind) {
        "a private key"
    } else if kind == SectionKind::PublicKey {
        "a public key"
    } else {
        "another section"
    }
}

pub(crate) fn found_instead(found: Option<&'static str>) -> String {
    found.map(|name| format!("; the file holds {name}")).unwrap_or_default()
}
