use std::fmt;

use landfall_model::DistinguishedName;
use rustls_pki_types::pem::{PemObject, SectionKind};
use thiserror::Error;

use crate::algorithms::{KeyAlgorithm, KeyFault, RSA_BITS_MIN, algorithm_oid, weak_signature_name};
use crate::certificate::read_name;
use crate::der_reader::{
    DerReader, Malformed, TAG_BIT_STRING, TAG_EXPLICIT_0, TAG_INTEGER, TAG_SEQUENCE, Tlv,
};
use crate::pem::{PEM_BYTES_MAX, damage, found_instead, section_name};
use crate::signature::{SignatureFault, verify_signature};
use crate::{CertificateError, NamePart, PublicKey};

/// The most bytes of one certificate request, in DER: few enough for the certificate to be one that is read again.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A request for a certificate (PKCS#10, RFC 2986) whose sender holds the key that it names: the proof of it is that the
/// request is signed by that key.
///
/// Its attributes, such as extensions that it asks for, are not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    subject_der: Box<[u8]>,
    subject: DistinguishedName,
    public_key: PublicKey,
    key: KeyAlgorithm,
}

/// Why bytes are no certificate request that can be answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    /// It is too large.
    #[error("the certificate request has {bytes} bytes, and {max} are the most")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// It is damaged PEM.
    #[error("the certificate request is not valid PEM: {reason}")]
    Damaged {
        /// What the reader says.
        reason: String,
    },
    /// There is no certificate request.
    #[error("no `-----BEGIN CERTIFICATE REQUEST-----` found{}", found_instead(*found))]
    NoRequest {
        /// What is there instead.
        found: Option<&'static str>,
    },
    /// There are several certificate requests.
    #[error("{found} certificate requests found, and one is expected")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// It is not the DER of a certificate request.
    #[error("this is not a certificate request in DER: expected {what} at byte {offset}")]
    Malformed {
        /// What should stand there.
        what: &'static str,
        /// Where, counted from 0.
        offset: usize,
    },
    /// Its subject cannot be read.
    #[error("the name in the certificate request cannot be read")]
    Subject(#[source] CertificateError),
    /// It has no subject, which a certificate needs (RFC 5280, section 4.1.2.6).
    #[error(
        "the certificate request has an empty subject; with OpenSSL a subject is given by -subj /CN=my-device"
    )]
    NoSubject,
    /// Its RSA key is too short or too long.
    #[error("the certificate request is refused")]
    Key(#[source] KeyFault),
    /// Its key is of a kind that is not certified.
    #[error(
        "the key of the certificate request is of the kind {found}; it must be RSA with at least {RSA_BITS_MIN} bits, or \
         on the curve P-256, P-384 or P-521"
    )]
    KeyKind {
        /// The kind.
        found: KeyAlgorithm,
    },
    /// Its signature is of a broken kind.
    #[error("the certificate request is signed by {algorithm}, which is not secure; sign it with -sha256")]
    WeakSignature {
        /// The algorithm.
        algorithm: &'static str,
    },
    /// Its signature is of a kind that is not supported.
    #[error("the certificate request is signed by an algorithm that is not supported: {oid}")]
    UnsupportedSignature {
        /// The algorithm's object identifier.
        oid: Box<str>,
    },
    /// Its signature is not by its own key.
    #[error(
        "the certificate request was changed after it was signed, or was signed by another key than the one in it"
    )]
    OtherKey,
}

impl CertificateRequest {
    /// Reads the one certificate request of a PEM text; other sections and text around them are skipped.
    ///
    /// # Errors
    /// As [`Self::from_der`], or there is not exactly one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RequestError> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(RequestError::TooLarge { bytes: pem.len(), max: PEM_BYTES_MAX });
        }
        let mut requests = Vec::new();
        let mut found = None;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            match section {
                Ok((SectionKind::Csr, der)) => requests.push(der),
                Ok((kind, _)) => found = Some(section_name(kind)),
                Err(error) => return Err(RequestError::Damaged { reason: damage(&error) }),
            }
        }
        match requests.as_slice() {
            [] => Err(RequestError::NoRequest { found }),
            [der] => Self::from_der(der),
            several => Err(RequestError::TooMany { found: several.len() }),
        }
    }

    /// Reads a certificate request in DER, and verifies its signature.
    ///
    /// # Errors
    /// The bytes are no certificate request, it has no subject or none that can be read safely, its key is not one that
    /// is certified, or its signature is not by that key.
    pub fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLarge { bytes: der.len(), max: REQUEST_BYTES_MAX });
        }
        let mut input = DerReader::new(der)?;
        let request = input.expect(TAG_SEQUENCE, "a certificate request")?;
        input.finish("the end of the certificate request")?;

        let mut parts = request.open()?;
        let signed = parts.expect(TAG_SEQUENCE, "the signed part of a certificate request")?;
        let algorithm = parts.expect(TAG_SEQUENCE, "the signature's algorithm")?;
        let signature = parts.expect(TAG_BIT_STRING, "the signature")?;
        parts.finish("the end of the signature")?;

        let request = Self::from_signed_part(&signed)?;
        check_signature(&request.public_key, &signed, &algorithm, &signature)?;
        Ok(request)
    }

    /// The subject that the certificate is to have.
    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// The DER of the subject.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The key that the certificate is to have.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The kind of that key.
    pub fn key_algorithm(&self) -> &KeyAlgorithm {
        &self.key
    }

    /// Reads a `CertificationRequestInfo` (RFC 2986, section 4.1).
    fn from_signed_part(signed: &Tlv<'_>) -> Result<Self, RequestError> {
        let mut fields = signed.open()?;
        let version = fields.expect(TAG_INTEGER, "the version")?;
        if version.value != [0] {
            let (what, offset) = ("version 1 of certificate requests", version.range.start);
            return Err(RequestError::Malformed { what, offset });
        }
        let subject = fields.expect(TAG_SEQUENCE, "the subject")?;
        let public_key = fields.expect(TAG_SEQUENCE, "the public key")?;
        // The attributes are not optional, but some programs leave them out when there are none.
        fields.optional(TAG_EXPLICIT_0)?;
        fields.finish("the end of the signed part")?;

        let name = read_name(&subject, NamePart::Subject)?;
        if name.attributes().is_empty() {
            return Err(RequestError::NoSubject);
        }
        let key = KeyAlgorithm::read(&public_key)?;
        check_key(&key)?;
        Ok(Self {
            subject_der: subject.raw.into(),
            subject: name,
            public_key: PublicKey::new(public_key.raw),
            key,
        })
    }
}

/// Checks that a key is one that AWS IoT certifies too. Others are taken where somebody else certified them.
fn check_key(key: &KeyAlgorithm) -> Result<(), RequestError> {
    match key {
        KeyAlgorithm::Rsa { .. } | KeyAlgorithm::EcP256 | KeyAlgorithm::EcP384 | KeyAlgorithm::EcP521 => {
            key.check().map_err(RequestError::Key)
        }
        KeyAlgorithm::Ed25519 | KeyAlgorithm::Other { .. } => {
            Err(RequestError::KeyKind { found: key.clone() })
        }
    }
}

/// Checks that the request's own key signed it.
fn check_signature(
    key: &PublicKey,
    signed: &Tlv<'_>,
    algorithm: &Tlv<'_>,
    signature: &Tlv<'_>,
) -> Result<(), RequestError> {
    let oid = algorithm_oid(algorithm)?;
    if let Some(algorithm) = weak_signature_name(&oid) {
        return Err(RequestError::WeakSignature { algorithm });
    }
    // The first byte of a BIT STRING counts the unused bits of the last; a signature is made of whole bytes.
    let [0, signature @ ..] = signature.value else {
        let (what, offset) = ("a signature of whole bytes", signature.value_range.start);
        return Err(RequestError::Malformed { what, offset });
    };
    verify_signature(key.as_der(), algorithm.value, signed.raw, signature).map_err(|fault| match fault {
        SignatureFault::Algorithm => RequestError::UnsupportedSignature { oid },
        SignatureFault::OtherKey => RequestError::OtherKey,
    })
}

impl From<Malformed> for RequestError {
    fn from(malformed: Malformed) -> Self {
        let Malformed { what, offset } = malformed;
        Self::Malformed { what, offset }
    }
}

impl From<CertificateError> for RequestError {
    /// What is wrong with a name, whose reader is that of certificates.
    fn from(error: CertificateError) -> Self {
        if let CertificateError::Malformed { what, offset } = error {
            Self::Malformed { what, offset }
        } else {
            Self::Subject(error)
        }
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRequest")
            .field("subject", &self.subject)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
