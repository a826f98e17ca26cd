use std::fmt;
use std::ops::Range;

use aws_lc_rs::digest;
use der::Decode;
use landfall_model::{
    CaCertificateId, CertificateDer, CertificateId, DistinguishedName, NameAttribute, UnixTime, Validity,
};
use thiserror::Error;

use crate::AlternativeName;
use crate::algorithms::{KeyAlgorithm, algorithm_oid, read_oid, weak_signature_name};
use crate::alternative_name;
use crate::der_reader::{
    DerReader, Malformed, TAG_BIT_STRING, TAG_EXPLICIT_0, TAG_EXPLICIT_3, TAG_INTEGER, TAG_SEQUENCE, TAG_SET,
    Tlv,
};
use crate::extensions::{Extensions, extension_text, find_extension};
use crate::name_text::{TextError, decode_text};
use crate::signature::{SignatureFault, verify_signature};

/// The most bytes of one certificate, in DER.
pub const CERTIFICATE_BYTES_MAX: usize = 64 * 1024;

/// The most attributes of one name.
pub const ATTRIBUTES_MAX: usize = 64;

/// The most bytes of one attribute of a name.
pub const ATTRIBUTE_BYTES_MAX: usize = 4_096;

/// What one certificate says; nothing here has been verified.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedCertificate {
    digest: [u8; 32],
    der: CertificateDer,
    spans: Spans,
    version: CertificateVersion,
    signature_algorithm: Box<str>,
    issuer: DistinguishedName,
    subject: DistinguishedName,
    validity: Validity,
    key: KeyAlgorithm,
    extensions: Extensions,
}

/// The version of a certificate (RFC 5280, section 4.1.2.1); version 2 is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateVersion {
    /// Version 1: no extensions. `openssl x509 -req` makes these by default before OpenSSL 3.2.
    V1,
    /// Version 3.
    V3,
}

/// Which of a certificate's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePart {
    /// Whose certificate it is.
    Subject,
    /// Who signed it.
    Issuer,
}

/// Why bytes are not a certificate that Landfall reads.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertificateError {
    /// It is too large.
    #[error("the certificate has {bytes} bytes, and {CERTIFICATE_BYTES_MAX} are the most")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is not the DER of a certificate.
    #[error("this is not a certificate in DER: expected {what} at byte {offset}")]
    Malformed {
        /// What should stand there.
        what: &'static str,
        /// Where, counted from 0.
        offset: usize,
    },
    /// Its version is neither 1 nor 3.
    #[error("the certificate says it is of version {version}, and only 1 and 3 are supported")]
    Version {
        /// The version as people count it: the encoded number plus one.
        version: u32,
    },
    /// It is of version 1 and has extensions all the same, which no two readers understand alike.
    #[error("the certificate is of version 1 and has extensions, which only version 3 may have")]
    Version1Extensions,
    /// The two places that name the signature's algorithm differ (RFC 5280, section 4.1.1.2).
    #[error("the certificate names two different algorithms for its signature")]
    SignatureAlgorithms,
    /// A name has too many attributes.
    #[error("the {part} has more than {ATTRIBUTES_MAX} attributes")]
    TooManyAttributes {
        /// The name.
        part: NamePart,
    },
    /// An attribute is too long.
    #[error("the attribute {oid} of the {part} has {bytes} bytes, and {ATTRIBUTE_BYTES_MAX} are the most")]
    AttributeTooLong {
        /// The name.
        part: NamePart,
        /// The attribute's object identifier.
        oid: Box<str>,
        /// Its size.
        bytes: usize,
    },
    /// An attribute's value is not text.
    #[error("the attribute {oid} of the {part} is not text that Landfall reads")]
    AttributeText {
        /// The name.
        part: NamePart,
        /// The attribute's object identifier.
        oid: Box<str>,
        /// Why not.
        source: TextError,
    },
    /// An extension that matters is there twice.
    #[error("the extension {oid} is in the certificate twice")]
    ExtensionTwice {
        /// The extension's object identifier.
        oid: &'static str,
    },
}

/// Where the parts stand in the DER.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spans {
    signed: Range<usize>,
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    public_key: Range<usize>,
    /// The value of the signature's `AlgorithmIdentifier`, without its header: the form in which webpki compares it.
    algorithm: Range<usize>,
    signature: Range<usize>,
}

impl ParsedCertificate {
    /// Reads the DER of one certificate.
    ///
    /// # Errors
    /// The bytes are not a certificate, are larger than [`CERTIFICATE_BYTES_MAX`], or hold a name whose text cannot be
    /// read safely.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(CertificateError::TooLarge { bytes: der.len() });
        }
        let mut input = DerReader::new(der)?;
        let certificate = input.expect(TAG_SEQUENCE, "a certificate")?;
        input.finish("the end of the certificate")?;

        let mut parts = certificate.open()?;
        let signed = parts.expect(TAG_SEQUENCE, "the signed part of a certificate")?;
        let algorithm = parts.expect(TAG_SEQUENCE, "the signature's algorithm")?;
        let signature = parts.expect(TAG_BIT_STRING, "the signature")?;
        parts.finish("the end of the signature")?;
        // The first byte of a BIT STRING counts the unused bits of the last; a signature is made of whole bytes.
        if signature.value.first() != Some(&0) {
            return Err(Malformed {
                what: "a signature of whole bytes",
                offset: signature.value_range.start,
            }
            .into());
        }
        Self::from_parts(der, &signed, &algorithm, &signature)
    }

    fn from_parts(
        der: &[u8],
        signed: &Tlv<'_>,
        algorithm: &Tlv<'_>,
        signature: &Tlv<'_>,
    ) -> Result<Self, CertificateError> {
        let mut fields = signed.open()?;
        let version = read_version(&mut fields)?;
        let serial = fields.expect(TAG_INTEGER, "the serial number")?;
        let signed_algorithm = fields.expect(TAG_SEQUENCE, "the signature's algorithm in the signed part")?;
        if signed_algorithm.raw != algorithm.raw {
            return Err(CertificateError::SignatureAlgorithms);
        }
        let issuer = fields.expect(TAG_SEQUENCE, "the issuer")?;
        let validity = fields.expect(TAG_SEQUENCE, "the validity")?;
        let subject = fields.expect(TAG_SEQUENCE, "the subject")?;
        let public_key = fields.expect(TAG_SEQUENCE, "the public key")?;
        let extensions = match (version, fields.optional(TAG_EXPLICIT_3)?) {
            (CertificateVersion::V1, Some(_)) => return Err(CertificateError::Version1Extensions),
            (CertificateVersion::V3, Some(list)) => Extensions::read(&list)?,
            (CertificateVersion::V1 | CertificateVersion::V3, None) => Extensions::default(),
        };
        // The unique identifiers of version 2 end here too: nobody uses them, and webpki refuses them as well.
        fields.finish("the end of the signed part")?;

        Ok(Self {
            digest: sha256(der),
            der: CertificateDer::new(der),
            version,
            signature_algorithm: algorithm_oid(algorithm)?,
            issuer: read_name(&issuer, NamePart::Issuer)?,
            subject: read_name(&subject, NamePart::Subject)?,
            validity: read_validity(&validity)?,
            key: KeyAlgorithm::read(&public_key)?,
            extensions,
            spans: Spans {
                signed: signed.range.clone(),
                serial: serial.value_range,
                issuer: issuer.range,
                subject: subject.range,
                public_key: public_key.range,
                algorithm: algorithm.value_range.clone(),
                signature: signature.value_range.start + 1..signature.value_range.end,
            },
        })
    }

    /// Its id as a device's certificate: the SHA-256 of the DER.
    pub fn id(&self) -> CertificateId {
        CertificateId::from_sha256(self.digest)
    }

    /// Its id as a CA certificate: the SHA-256 of the DER.
    pub fn ca_id(&self) -> CaCertificateId {
        CaCertificateId::from_sha256(self.digest)
    }

    /// The whole certificate.
    pub fn der(&self) -> &CertificateDer {
        &self.der
    }

    /// The SHA-256 of the part that the issuer signed.
    ///
    /// Whoever has a certificate signed by an elliptic curve key can give it another valid signature, and so another id,
    /// without the issuer's key: with (r, s) also (r, n - s) is a signature. This stays the same.
    pub fn signed_part_sha256(&self) -> [u8; 32] {
        sha256(self.slice(&self.spans.signed))
    }

    /// Its version.
    pub fn version(&self) -> CertificateVersion {
        self.version
    }

    /// The serial number: the bytes of the DER integer, without the zero byte that only keeps it positive.
    pub fn serial_number(&self) -> &[u8] {
        match self.slice(&self.spans.serial) {
            [0, rest @ ..] if !rest.is_empty() => rest,
            bytes => bytes,
        }
    }

    /// The serial number in lower-case hex.
    pub fn serial_number_hex(&self) -> String {
        hex::encode(self.serial_number())
    }

    /// The serial number in decimal, as policies know it.
    pub fn serial_number_decimal(&self) -> String {
        decimal(self.serial_number())
    }

    /// Who signed it, as it says itself.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// The DER of the issuer's name.
    pub fn issuer_der(&self) -> &[u8] {
        self.slice(&self.spans.issuer)
    }

    /// Whose certificate it is.
    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// The DER of the subject's name.
    pub fn subject_der(&self) -> &[u8] {
        self.slice(&self.spans.subject)
    }

    /// From when to when it is valid.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The kind of its key.
    pub fn key_algorithm(&self) -> &KeyAlgorithm {
        &self.key
    }

    /// The DER of its `SubjectPublicKeyInfo`.
    pub fn public_key_der(&self) -> &[u8] {
        self.slice(&self.spans.public_key)
    }

    /// The object identifier of its signature's algorithm, in dotted form.
    pub fn signature_algorithm(&self) -> &str {
        &self.signature_algorithm
    }

    /// Whether it says CA:TRUE (RFC 5280, section 4.2.1.9).
    pub fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.is_some_and(|constraints| constraints.is_ca)
    }

    /// How many CA certificates may stand between it and a device's certificate; none is no limit.
    pub fn path_length(&self) -> Option<usize> {
        self.extensions.basic_constraints.and_then(|constraints| constraints.path_length)
    }

    /// Whether its key may sign certificates: keyUsage is absent or has keyCertSign (RFC 5280, section 4.2.1.3).
    pub fn may_sign_certificates(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.certificate_signing)
    }

    /// Whether its key may sign revocation lists: keyUsage is absent or has cRLSign.
    pub fn may_sign_revocation_lists(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.revocation_list_signing)
    }

    /// Whether its key may sign a handshake: keyUsage is absent or has digitalSignature.
    pub fn may_sign_handshakes(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.digital_signature)
    }

    /// The purposes of extKeyUsage, as object identifiers in dotted form; none when the extension is absent.
    pub fn extended_key_usage(&self) -> Option<&[Box<str>]> {
        self.extensions.extended_key_usage.as_deref()
    }

    /// The identifier of its own key.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.extensions.subject_key_id.as_deref()
    }

    /// The identifier of the key that signed it, as it says itself.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.extensions.authority_key_id.as_ref()?.as_deref()
    }

    /// The alternative names of its owner or of its issuer, in their order (RFC 5280, sections 4.2.1.6 and 4.2.1.7). They
    /// decide about no chain, and are read when they are asked for: there are none where the extension is malformed, or is
    /// there twice.
    pub fn alternative_names(&self, part: NamePart) -> Vec<AlternativeName> {
        alternative_name::read(self.der.as_bytes(), part).unwrap_or_default()
    }

    /// The value of the extension of this object identifier, as text: the string that it is, or else its DER in lower-case
    /// hex. There is none where the extension is there twice, which leaves open what it says.
    pub fn extension(&self, oid: &str) -> Option<String> {
        find_extension(self.der.as_bytes(), oid).ok().flatten().map(|value| extension_text(&value))
    }

    /// Whether it limits the names of the certificates below it (RFC 5280, section 4.2.1.10).
    pub fn has_name_constraints(&self) -> bool {
        self.extensions.name_constraints.is_some()
    }

    /// Whether `issuer` can have signed it, by the names and the key identifiers alone.
    pub fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.issuer_der() == issuer.subject_der() && self.allows_issuer_key(issuer)
    }

    /// Whether the key identifiers, where both certificates have one, agree (RFC 5280, section 4.2.1.1).
    pub(crate) fn allows_issuer_key(&self, issuer: &Self) -> bool {
        match (self.authority_key_id(), issuer.subject_key_id()) {
            (Some(wanted), Some(found)) => wanted == found,
            (Some(_) | None, None) | (None, Some(_)) => true,
        }
    }

    /// The name of the signature's algorithm if it is one that is broken.
    pub(crate) fn weak_signature(&self) -> Option<&'static str> {
        weak_signature_name(&self.signature_algorithm)
    }

    /// Checks that the key of `issuer` signed this certificate; names, validity and constraints are the caller's.
    pub(crate) fn verify_signed_by(&self, issuer: &Self) -> Result<(), SignatureFault> {
        let [algorithm, signed, signature] =
            [&self.spans.algorithm, &self.spans.signed, &self.spans.signature].map(|span| self.slice(span));
        verify_signature(issuer.public_key_der(), algorithm, signed, signature)
    }

    fn slice(&self, span: &Range<usize>) -> &[u8] {
        // The spans were made from these very bytes, so the default is never taken.
        self.der.as_bytes().get(span.clone()).unwrap_or_default()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sum
}

/// Reads `[0] EXPLICIT Version DEFAULT v1` (RFC 5280, section 4.1).
fn read_version(fields: &mut DerReader<'_>) -> Result<CertificateVersion, CertificateError> {
    let Some(explicit) = fields.optional(TAG_EXPLICIT_0)? else {
        return Ok(CertificateVersion::V1);
    };
    let what = "the version";
    let mut inside = explicit.open()?;
    let number = inside.expect(TAG_INTEGER, what)?;
    inside.finish(what)?;
    match number.value {
        [2] => Ok(CertificateVersion::V3),
        // Version 1 is the default, which DER never writes; some issuers do, and then it is signed like that.
        [0] => Ok(CertificateVersion::V1),
        [other] => Err(CertificateError::Version { version: u32::from(*other) + 1 }),
        _ => Err(Malformed { what, offset: number.range.start }.into()),
    }
}

fn read_validity(validity: &Tlv<'_>) -> Result<Validity, Malformed> {
    let malformed = Malformed { what: "two dates from 1970 on", offset: validity.range.start };
    let times: x509_cert::time::Validity =
        x509_cert::time::Validity::from_der(validity.raw).map_err(|_| malformed)?;
    let moment = |time: x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).map(UnixTime::from_secs).map_err(|_| malformed)
    };
    Ok(Validity { not_before: moment(times.not_before)?, not_after: moment(times.not_after)? })
}

/// Reads a name: a sequence of sets of attributes (RFC 5280, section 4.1.2.4).
pub(crate) fn read_name(name: &Tlv<'_>, part: NamePart) -> Result<DistinguishedName, CertificateError> {
    let mut attributes = Vec::new();
    let mut sets = name.open()?;
    while !sets.is_finished() {
        let set = sets.expect(TAG_SET, "a set of attributes of a name")?;
        let mut members = set.open()?;
        while !members.is_finished() {
            if attributes.len() == ATTRIBUTES_MAX {
                return Err(CertificateError::TooManyAttributes { part });
            }
            let member = members.expect(TAG_SEQUENCE, "an attribute of a name")?;
            attributes.push(read_attribute(&member, part)?);
        }
    }
    Ok(DistinguishedName::new(attributes))
}

pub(crate) fn read_attribute(attribute: &Tlv<'_>, part: NamePart) -> Result<NameAttribute, CertificateError> {
    let mut fields = attribute.open()?;
    let oid = read_oid(&mut fields, "the object identifier of a name's attribute")?;
    let value = fields.read()?;
    fields.finish("the end of a name's attribute")?;
    if value.value.len() > ATTRIBUTE_BYTES_MAX {
        return Err(CertificateError::AttributeTooLong { part, oid, bytes: value.value.len() });
    }
    match decode_text(value.tag, value.value) {
        Ok(text) => Ok(NameAttribute { oid, value: text }),
        Err(source) => Err(CertificateError::AttributeText { part, oid, source }),
    }
}

/// A number of any length, its most significant byte first, in decimal.
fn decimal(bytes: &[u8]) -> String {
    // The digits, the least significant first.
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u16::from(*byte);
        for digit in &mut digits {
            let value = u16::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

impl From<Malformed> for CertificateError {
    fn from(malformed: Malformed) -> Self {
        let Malformed { what, offset } = malformed;
        Self::Malformed { what, offset }
    }
}

impl fmt::Display for NamePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Issuer => "issuer",
        })
    }
}

impl fmt::Debug for ParsedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedCertificate")
            .field("id", &self.id())
            .field("version", &self.version)
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_decimal() {
        for (bytes, expected) in [
            (&[][..], "0"),
            (&[0], "0"),
            (&[9], "9"),
            (&[255], "255"),
            (&[1, 0], "256"),
            // The example of the developer guide, `use-policy-variables.html`.
            (&[0x92, 0x12, 0x85, 0xcb, 0xb7, 0xa5, 0xe0, 0x86], "10525622389124227206"),
            (&[255; 20], "1461501637330902918203684832716283019655932542975"),
        ] {
            assert_eq!(decimal(bytes), expected, "{bytes:?}");
        }
    }
}
