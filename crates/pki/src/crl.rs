use std::fmt;
use std::ops::Range;

use aws_lc_rs::digest;
use der::Decode;
use landfall_model::{DistinguishedName, UnixTime};
use rustls_pki_types::pem::{PemObject, SectionKind};
use thiserror::Error;

use crate::algorithms::{algorithm_oid, read_oid, weak_signature_name};
use crate::certificate::read_name;
use crate::chain_error::summary;
use crate::der_reader::{
    DerReader, Malformed, TAG_BIT_STRING, TAG_BOOLEAN, TAG_EXPLICIT_0, TAG_INTEGER, TAG_OCTET_STRING,
    TAG_SEQUENCE, Tlv,
};
use crate::extensions::read_authority_key_id;
use crate::pem::{damage, found_instead, section_name};
use crate::signature::{SignatureFault, verify_signature};
use crate::{CertificateError, NamePart, ParsedCertificate};

/// The most bytes of a file with revocation lists: a list of a million certificates has about 40 MB.
pub const CRL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most revocation lists of one PEM file.
pub const CRLS_PER_FILE_MAX: usize = 64;

/// A revocation list as it was read (RFC 5280, section 5). Nothing in it is true before [`Self::verify_issued_by`] says so.
///
/// Lists for the certificates of the CA that signs them, all of them and for every reason: what covers only a part, or changes
/// another list, is refused when it is read, so that a certificate that is not on a list is not revoked.
#[derive(Clone, PartialEq, Eq)]
pub struct RevocationList {
    der: Box<[u8]>,
    spans: Spans,
    issuer: DistinguishedName,
    signature_algorithm: Box<str>,
    authority_key_id: Option<Box<[u8]>>,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    /// The first half of the SHA-256 of each serial number, in ascending order, each once: 16 bytes for each certificate.
    revoked: Box<[u128]>,
}

/// Where the parts stand in the DER.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spans {
    signed: Range<usize>,
    issuer: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
}

/// Why bytes are no revocation list that Landfall uses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CrlError {
    /// There are too many bytes.
    #[error("there are {bytes} bytes, and revocation lists have {CRL_BYTES_MAX} at most")]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// It is not the DER of a revocation list.
    #[error("this is not a revocation list in DER: expected {what} at byte {offset}")]
    Malformed {
        /// What should stand there.
        what: &'static str,
        /// Where, counted from 0.
        offset: usize,
    },
    /// The PEM is damaged.
    #[error("the file is not valid PEM: {reason}")]
    Damaged {
        /// What the reader says.
        reason: String,
    },
    /// There is no list in the PEM.
    #[error("no `-----BEGIN X509 CRL-----` found{}", found_instead(*found))]
    NoList {
        /// What the file holds instead.
        found: Option<&'static str>,
    },
    /// There are too many lists.
    #[error("the file holds {found} revocation lists, and {CRLS_PER_FILE_MAX} are the most")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// The issuer's name cannot be read.
    #[error("the issuer of the revocation list cannot be read")]
    Issuer(#[source] CertificateError),
    /// The two places that name the signature's algorithm differ (RFC 5280, section 5.1.1.2).
    #[error("the revocation list names two different algorithms for its signature")]
    SignatureAlgorithms,
    /// It only says what changed since another list (RFC 5280, section 5.2.4).
    #[error("the revocation list is a delta, which says only what changed; a complete list is needed")]
    Delta,
    /// It is for a part of the certificates, or for those of other CAs too (RFC 5280, section 5.2.5).
    #[error(
        "the revocation list has an issuingDistributionPoint: it is for a part of the certificates only; a complete list is needed"
    )]
    Partial,
    /// It has an extension that must be understood and is not.
    #[error("the revocation list has the critical extension {oid}, which Landfall does not know")]
    CriticalExtension {
        /// Its object identifier.
        oid: Box<str>,
    },
}

/// Why a revocation list is not one of a CA certificate.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CrlIssuerError {
    /// It names another issuer, or another key.
    #[error("the revocation list is by {found}, not by {wanted} with its key")]
    Name {
        /// Who it names.
        found: String,
        /// The CA certificate's subject.
        wanted: String,
    },
    /// The CA's key may not sign revocation lists (RFC 5280, section 6.3.3, step f).
    #[error(
        "the CA certificate of {subject} has a keyUsage without cRLSign, so its key may sign no revocation lists"
    )]
    MayNotSign {
        /// The CA certificate's subject.
        subject: String,
    },
    /// Its signature is of a kind that is not accepted.
    #[error(
        "the revocation list is signed by {algorithm}, which is not accepted; SHA-256 is the usual choice"
    )]
    Algorithm {
        /// The algorithm, by name or by object identifier.
        algorithm: String,
    },
    /// Its signature is by another key, or it was changed.
    #[error("the signature of the revocation list is not by the key of {subject}")]
    Signature {
        /// The CA certificate's subject.
        subject: String,
    },
}

impl RevocationList {
    /// Reads one list in DER, or every list of a PEM file.
    ///
    /// # Errors
    /// There is none, or one of them is none that Landfall uses.
    pub fn all_from_pem_or_der(bytes: &[u8]) -> Result<Vec<Self>, CrlError> {
        if bytes.len() > CRL_BYTES_MAX {
            return Err(CrlError::TooLarge { bytes: bytes.len() });
        }
        // A list in DER starts with the tag of a SEQUENCE and a length of two bytes or more; in text that is `0` and a byte that
        // is no ASCII.
        if let [0x30, 0x80..=0xFF, ..] = bytes {
            return Ok(vec![Self::from_der(bytes)?]);
        }
        let mut sections = Vec::new();
        let mut found = None;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
            match section {
                Ok((SectionKind::Crl, der)) => sections.push(der),
                Ok((kind, _)) => found = Some(section_name(kind)),
                Err(error) => return Err(CrlError::Damaged { reason: damage(&error) }),
            }
        }
        match sections.len() {
            0 => Err(CrlError::NoList { found }),
            1..=CRLS_PER_FILE_MAX => sections.iter().map(|der| Self::from_der(der)).collect(),
            found => Err(CrlError::TooMany { found }),
        }
    }

    /// Reads the DER of one list.
    ///
    /// # Errors
    /// It is none that Landfall uses.
    pub fn from_der(der: &[u8]) -> Result<Self, CrlError> {
        if der.len() > CRL_BYTES_MAX {
            return Err(CrlError::TooLarge { bytes: der.len() });
        }
        let mut input = DerReader::new(der)?;
        let list = input.expect(TAG_SEQUENCE, "a revocation list")?;
        input.finish("the end of the revocation list")?;
        let mut parts = list.open()?;
        let signed = parts.expect(TAG_SEQUENCE, "the signed part of a revocation list")?;
        let algorithm = parts.expect(TAG_SEQUENCE, "the signature's algorithm")?;
        let signature = parts.expect(TAG_BIT_STRING, "the signature")?;
        parts.finish("the end of the signature")?;
        // The first byte of a BIT STRING counts the unused bits of the last; a signature is made of whole bytes.
        if signature.value.first() != Some(&0) {
            let offset = signature.value_range.start;
            return Err(Malformed { what: "a signature of whole bytes", offset }.into());
        }

        let mut fields = signed.open()?;
        let version = read_version(&mut fields)?;
        let signed_algorithm = fields.expect(TAG_SEQUENCE, "the signature's algorithm in the signed part")?;
        if signed_algorithm.raw != algorithm.raw {
            return Err(CrlError::SignatureAlgorithms);
        }
        let issuer = fields.expect(TAG_SEQUENCE, "the issuer")?;
        let this_update = read_time(&fields.read()?)?;
        let next_update = read_optional_time(&mut fields)?;
        let revoked = match fields.optional(TAG_SEQUENCE)? {
            Some(entries) => read_entries(&entries, version)?,
            None => Box::default(),
        };
        let authority_key_id = match (version, fields.optional(TAG_EXPLICIT_0)?) {
            (Version::V2, Some(extensions)) => read_extensions(&extensions)?,
            (Version::V1, Some(extensions)) => {
                let offset = extensions.range.start;
                return Err(Malformed { what: "no extensions in version 1", offset }.into());
            }
            (Version::V1 | Version::V2, None) => None,
        };
        fields.finish("the end of the signed part")?;
        Ok(Self {
            der: der.into(),
            issuer: read_name(&issuer, NamePart::Issuer).map_err(CrlError::Issuer)?,
            signature_algorithm: algorithm_oid(&algorithm)?,
            authority_key_id,
            this_update,
            next_update,
            revoked,
            spans: Spans {
                signed: signed.range,
                issuer: issuer.range,
                algorithm: algorithm.value_range,
                signature: signature.value_range.start + 1..signature.value_range.end,
            },
        })
    }

    /// Who signed it, as it says itself.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// When it was made.
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// Until when the next one will be there, and this one holds; none if it does not say.
    pub fn next_update(&self) -> Option<UnixTime> {
        self.next_update
    }

    /// How many certificates it revokes.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it revokes none.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Whether it names a CA certificate's subject as its issuer, and no other key.
    pub fn names_as_issuer(&self, ca: &ParsedCertificate) -> bool {
        self.slice(&self.spans.issuer) == ca.subject_der()
            && match (&self.authority_key_id, ca.subject_key_id()) {
                (Some(wanted), Some(found)) => **wanted == *found,
                (Some(_) | None, None) | (None, Some(_)) => true,
            }
    }

    /// Checks that a CA made this list: its name, its key and the signature. Times are the caller's.
    ///
    /// # Errors
    /// It did not, or its key may not.
    pub fn verify_issued_by(&self, ca: &ParsedCertificate) -> Result<(), CrlIssuerError> {
        let subject = summary(ca.subject());
        if !self.names_as_issuer(ca) {
            return Err(CrlIssuerError::Name { found: summary(&self.issuer), wanted: subject });
        }
        if !ca.may_sign_revocation_lists() {
            return Err(CrlIssuerError::MayNotSign { subject });
        }
        let [algorithm, signed, signature] =
            [&self.spans.algorithm, &self.spans.signed, &self.spans.signature].map(|span| self.slice(span));
        verify_signature(ca.public_key_der(), algorithm, signed, signature).map_err(|fault| match fault {
            SignatureFault::Algorithm => {
                let oid = &*self.signature_algorithm;
                CrlIssuerError::Algorithm { algorithm: weak_signature_name(oid).unwrap_or(oid).to_owned() }
            }
            SignatureFault::OtherKey => CrlIssuerError::Signature { subject },
        })
    }

    /// Whether it revokes a certificate of its issuer; which CA issued the certificate is the caller's to know.
    pub fn revokes(&self, certificate: &ParsedCertificate) -> bool {
        self.revoked.binary_search(&packed(certificate.serial_number())).is_ok()
    }

    fn slice(&self, span: &Range<usize>) -> &[u8] {
        // The spans were made from these very bytes, so the default is never taken.
        self.der.get(span.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("issuer", &self.issuer)
            .field("this_update", &self.this_update)
            .field("next_update", &self.next_update)
            .field("revoked", &self.revoked.len())
            .finish_non_exhaustive()
    }
}

impl From<Malformed> for CrlError {
    fn from(malformed: Malformed) -> Self {
        let Malformed { what, offset } = malformed;
        Self::Malformed { what, offset }
    }
}

const TAG_UTC_TIME: u8 = 0x17;
const TAG_GENERALIZED_TIME: u8 = 0x18;

/// The version of a revocation list: 1 has no extensions.
#[derive(Clone, Copy)]
enum Version {
    V1,
    V2,
}

/// Reads `Version OPTIONAL`, which is there for version 2 alone (RFC 5280, section 5.1.2.1).
fn read_version(fields: &mut DerReader<'_>) -> Result<Version, Malformed> {
    match fields.optional(TAG_INTEGER)? {
        None => Ok(Version::V1),
        Some(number) if number.value == [1] => Ok(Version::V2),
        Some(number) => Err(Malformed { what: "version 1 or 2", offset: number.range.start }),
    }
}

fn read_time(time: &Tlv<'_>) -> Result<UnixTime, Malformed> {
    let malformed = Malformed { what: "a date from 1970 on", offset: time.range.start };
    let time = x509_cert::time::Time::from_der(time.raw).map_err(|_| malformed)?;
    i64::try_from(time.to_unix_duration().as_secs()).map(UnixTime::from_secs).map_err(|_| malformed)
}

fn read_optional_time(fields: &mut DerReader<'_>) -> Result<Option<UnixTime>, Malformed> {
    for tag in [TAG_UTC_TIME, TAG_GENERALIZED_TIME] {
        if let Some(time) = fields.optional(tag)? {
            return read_time(&time).map(Some);
        }
    }
    Ok(None)
}

/// Reads the revoked certificates (RFC 5280, section 5.1.2.6).
fn read_entries(list: &Tlv<'_>, version: Version) -> Result<Box<[u128]>, CrlError> {
    let mut entries = list.open()?;
    let mut revoked = Vec::new();
    while !entries.is_finished() {
        let mut fields = entries.expect(TAG_SEQUENCE, "a revoked certificate")?.open()?;
        let serial = fields.expect(TAG_INTEGER, "a serial number")?;
        read_time(&fields.read()?)?;
        match (version, fields.optional(TAG_SEQUENCE)?) {
            // Why it was revoked says nothing that matters here: one that is only on hold is kept out too.
            (Version::V2, Some(extensions)) => {
                each_extension(&extensions, |oid, _, is_critical| refuse_critical(oid, is_critical))?;
            }
            (Version::V1, Some(extensions)) => {
                let offset = extensions.range.start;
                return Err(Malformed { what: "no extensions in version 1", offset }.into());
            }
            (Version::V1 | Version::V2, None) => {}
        }
        fields.finish("the end of a revoked certificate")?;
        revoked.push(packed(positive(serial.value)));
    }
    revoked.sort_unstable();
    revoked.dedup();
    Ok(revoked.into_boxed_slice())
}

/// Reads the extensions of a list: what identifies the key that signed it, if that is said.
fn read_extensions(explicit: &Tlv<'_>) -> Result<Option<Box<[u8]>>, CrlError> {
    let mut outer = explicit.open()?;
    let list = outer.expect(TAG_SEQUENCE, "the extensions")?;
    outer.finish("the end of the extensions")?;
    let mut key_id = None;
    each_extension(&list, |oid, value, is_critical| match oid {
        "2.5.29.35" => {
            key_id = read_authority_key_id(value)?;
            Ok(())
        }
        // The list's number.
        "2.5.29.20" => Ok(()),
        "2.5.29.27" => Err(CrlError::Delta),
        "2.5.29.28" => Err(CrlError::Partial),
        other => refuse_critical(other, is_critical),
    })?;
    Ok(key_id)
}

fn refuse_critical(oid: &str, is_critical: bool) -> Result<(), CrlError> {
    if is_critical { Err(CrlError::CriticalExtension { oid: oid.into() }) } else { Ok(()) }
}

/// Calls `look` with the object identifier and the value of each extension, and with whether it is critical.
fn each_extension(
    list: &Tlv<'_>,
    mut look: impl FnMut(&str, &Tlv<'_>, bool) -> Result<(), CrlError>,
) -> Result<(), CrlError> {
    let mut extensions = list.open()?;
    while !extensions.is_finished() {
        let mut fields = extensions.expect(TAG_SEQUENCE, "an extension")?.open()?;
        let oid = read_oid(&mut fields, "the object identifier of an extension")?;
        let is_critical = fields.optional(TAG_BOOLEAN)?.is_some_and(|flag| flag.value != [0]);
        let value = fields.expect(TAG_OCTET_STRING, "the value of an extension")?;
        fields.finish("the end of an extension")?;
        look(&oid, &value, is_critical)?;
    }
    Ok(())
}

/// A serial number without the zero byte that only keeps it positive, as [`ParsedCertificate::serial_number`] has it.
fn positive(integer: &[u8]) -> &[u8] {
    match integer {
        [0, rest @ ..] if !rest.is_empty() => rest,
        bytes => bytes,
    }
}

/// A serial number as it is kept. Two that agree in this cannot be found: that takes 2^64 tries of whoever chooses both, and the
/// issuer chooses them.
fn packed(serial: &[u8]) -> u128 {
    let digest = digest::digest(&digest::SHA256, serial);
    digest.as_ref().first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}
