use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest;
use der::asn1::{AnyRef, BitStringRef, Ia5String, ObjectIdentifier, OctetString, UintRef};
use der::{DateTime, Decode, Encode, Sequence};
use landfall_model::{RegistrationCode, UnixTime, Validity};
use rustls_pki_types::ServerName;
use thiserror::Error;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::time::Time;

use crate::{
    AlternativeNames, Anchor, CaError, CertificateError, CertificateRequest, CertificateVersion, KeyError,
    KeyKind, KeyPair, ParsedCertificate, PublicKey, Subject, SubjectError,
};

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

/// The bytes of a serial number (RFC 5280, section 4.1.2.2: at most 20).
const SERIAL_NUMBER_BYTES: usize = 16;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// The last moment of the certificates that AWS IoT makes: 2049-12-31T23:59:59Z, the last that `UTCTime` can say.
const LAST_MOMENT: UnixTime = UnixTime::from_secs(2_524_607_999);

/// The subject of the certificates that AWS IoT makes together with their keys.
const MADE_WITH_KEY: &str = "AWS IoT Certificate";

/// A CA certificate with its key: signs certificates, from as many threads as there are.
pub struct Issuer {
    anchor: Anchor,
    key: KeyPair,
}

/// A device's certificate to be signed.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRequest<'a> {
    /// Whose certificate it will be.
    pub subject: &'a Subject,
    /// The device's key.
    pub public_key: &'a PublicKey,
    /// From when to when it will be valid, in whole seconds.
    pub validity: Validity,
    /// Its version: 3, or 1 as `openssl x509 -req` makes it.
    pub version: CertificateVersion,
}

/// What a device's certificate says beside whose it is.
#[derive(Clone, Copy, Debug)]
pub struct DeviceTerms<'a> {
    /// From when to when it will be valid, in whole seconds.
    pub validity: Validity,
    /// Its version: 3, or 1 as `openssl x509 -req` makes it, which has no extensions and so no alternative names.
    pub version: CertificateVersion,
    /// Other names of the device.
    pub alternative_names: &'a AlternativeNames,
}

/// A server's certificate to be signed.
#[derive(Clone, Copy, Debug)]
pub struct ServerRequest<'a> {
    /// Whose certificate it will be.
    pub subject: &'a Subject,
    /// The server's key.
    pub public_key: &'a PublicKey,
    /// From when to when it will be valid, in whole seconds.
    pub validity: Validity,
    /// The names and addresses under which clients know the server; at least one.
    pub names: &'a [ServerName<'a>],
}

/// The serial number of a certificate: 16 bytes, positive and never zero (RFC 5280, section 4.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialNumber([u8; SERIAL_NUMBER_BYTES]);

/// A new key and its certificate. The key is its owner's: hand it out and forget it.
pub struct IssuedKey {
    /// The certificate.
    pub certificate: ParsedCertificate,
    /// The key.
    pub key: KeyPair,
}

/// Why a certificate cannot be issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// The subject is empty.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The issuer is no CA.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The key is not that of the CA certificate.
    #[error("the key is not that of the CA certificate")]
    OtherKey,
    /// The key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The validity ends before it begins, or lies outside the years 1970 to 9999.
    #[error("a certificate must be valid within the years 1970 to 9999, and begin before it ends")]
    Validity,
    /// Alternative names in a certificate that cannot have them.
    #[error("a certificate of version 1 has no alternative names: leave them out, or make one of version 3")]
    Version1Names,
    /// A server's certificate without names.
    #[error("a server's certificate needs at least one host name or address")]
    NoNames,
    /// There are no random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// What was made cannot be encoded.
    #[error("the certificate cannot be encoded")]
    Encoding(#[from] der::Error),
    /// What was made cannot be read back.
    #[error("the certificate that was made cannot be read")]
    Unreadable(#[from] CertificateError),
}

/// The signed part of a certificate (RFC 5280, section 4.1), with names and keys as the bytes they already are.
///
/// That of `x509-cert` cannot be built outside it, and would encode the names anew.
#[derive(Sequence)]
struct SignedPart<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    version: Option<u8>,
    serial_number: UintRef<'a>,
    signature: AnyRef<'a>,
    issuer: AnyRef<'a>,
    validity: x509_cert::time::Validity,
    subject: AnyRef<'a>,
    public_key: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

/// A whole certificate.
#[derive(Sequence)]
struct SignedCertificate<'a> {
    signed: AnyRef<'a>,
    algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
}

/// What goes into the signed part beside the issuer.
struct Content<'a> {
    serial_number: SerialNumber,
    subject_der: &'a [u8],
    public_key: &'a PublicKey,
    validity: Validity,
    /// None makes a certificate of version 1.
    extensions: Option<Vec<Extension>>,
}

/// The validity that begins at `now`, rounded down to a second, and lasts for `days` days.
pub fn validity_of_days(now: UnixTime, days: u32) -> Validity {
    let not_before = UnixTime::from_secs(now.as_secs());
    let lifetime = i64::from(days) * SECONDS_PER_DAY;
    Validity { not_before, not_after: UnixTime::from_secs(now.as_secs().saturating_add(lifetime)) }
}

/// The validity that begins at `now`, rounded down to a second, and lasts as long as AWS IoT's own certificates do: to the
/// end of 2049.
pub fn validity_of_aws(now: UnixTime) -> Validity {
    Validity { not_before: UnixTime::from_secs(now.as_secs()), not_after: LAST_MOMENT }
}

impl SerialNumber {
    /// Makes one of random bytes. Two of the bits are set, so that it is positive and has always the same length.
    pub fn from_random(mut bytes: [u8; SERIAL_NUMBER_BYTES]) -> Self {
        bytes[0] = bytes[0] & 0x7F | 0x40;
        Self(bytes)
    }

    /// A random one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn random() -> Result<Self, IssueError> {
        let mut bytes = [0; SERIAL_NUMBER_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| IssueError::Random)?;
        Ok(Self::from_random(bytes))
    }
}

impl Issuer {
    /// Makes a root CA: version 3, signed by its own key, CA:TRUE, keyCertSign and cRLSign.
    ///
    /// # Errors
    /// The subject is empty, or the validity is not one that a certificate can have.
    pub fn self_signed(subject: &Subject, key: KeyPair, validity: Validity) -> Result<Self, IssueError> {
        let key_id = key_id(key.public_key());
        let extensions = vec![
            extension(BASIC_CONSTRAINTS, true, &BasicConstraints { ca: true, path_len_constraint: None })?,
            extension(KEY_USAGE, true, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?,
            subject_key_id(&key_id)?,
            authority_key_id(&key_id)?,
        ];
        let subject_der = subject_der(subject)?;
        let content = Content {
            serial_number: SerialNumber::random()?,
            subject_der: &subject_der,
            public_key: key.public_key(),
            validity,
            extensions: Some(extensions),
        };
        let certificate = sign(&content, &subject_der, &key)?;
        Self::new(certificate, key)
    }

    /// The issuer of a CA certificate and its key.
    ///
    /// # Errors
    /// The certificate is not a CA's, or the key is not its key.
    pub fn new(certificate: ParsedCertificate, key: KeyPair) -> Result<Self, IssueError> {
        let anchor = Anchor::new(certificate)?;
        if anchor.certificate().public_key_der() != key.public_key().as_der() {
            return Err(IssueError::OtherKey);
        }
        Ok(Self { anchor, key })
    }

    /// The CA certificate.
    pub fn certificate(&self) -> &ParsedCertificate {
        self.anchor.certificate()
    }

    /// The CA certificate as one that may be registered.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The CA's key.
    pub fn key(&self) -> &KeyPair {
        &self.key
    }

    /// Signs a device's certificate; of version 3 it gets CA:FALSE, digitalSignature and clientAuth.
    ///
    /// # Errors
    /// The subject is empty, or the validity is not one that a certificate can have.
    pub fn sign_device(&self, request: &DeviceRequest<'_>) -> Result<ParsedCertificate, IssueError> {
        let DeviceRequest { subject, public_key, validity, version } = *request;
        let terms = DeviceTerms { validity, version, alternative_names: &AlternativeNames::new() };
        self.sign_device_on(subject, public_key, &terms)
    }

    /// Signs a device's certificate on these terms; of version 3 it gets CA:FALSE, digitalSignature, clientAuth and the
    /// alternative names.
    ///
    /// # Errors
    /// The subject is empty, the validity is not one that a certificate can have, or there are alternative names in a
    /// certificate of version 1.
    pub fn sign_device_on(
        &self,
        subject: &Subject,
        public_key: &PublicKey,
        terms: &DeviceTerms<'_>,
    ) -> Result<ParsedCertificate, IssueError> {
        let extensions = self.device_extensions(public_key, terms)?;
        self.sign_leaf(subject, public_key, terms.validity, extensions)
    }

    /// Signs the certificate that a request asks for, with its subject and its key, on these terms. Extensions that it
    /// asks for are not granted.
    ///
    /// # Errors
    /// As [`Self::sign_device_on`].
    pub fn sign_request_on(
        &self,
        request: &CertificateRequest,
        terms: &DeviceTerms<'_>,
    ) -> Result<ParsedCertificate, IssueError> {
        let public_key = request.public_key();
        self.sign(&Content {
            serial_number: SerialNumber::random()?,
            subject_der: request.subject_der(),
            public_key,
            validity: terms.validity,
            extensions: self.device_extensions(public_key, terms)?,
        })
    }

    /// Signs the certificate that a request asks for: of version 3, with its subject and its key, CA:FALSE,
    /// digitalSignature and clientAuth. Extensions that it asks for are not granted.
    ///
    /// Two certificates for the same request differ if their serial numbers do.
    ///
    /// # Errors
    /// The validity is not one that a certificate can have.
    pub fn sign_request(
        &self,
        request: &CertificateRequest,
        serial_number: SerialNumber,
        validity: Validity,
    ) -> Result<ParsedCertificate, IssueError> {
        let public_key = request.public_key();
        let extensions = Some(self.leaf_extensions(public_key, CLIENT_AUTH)?);
        let content =
            Content { serial_number, subject_der: request.subject_der(), public_key, validity, extensions };
        self.sign(&content)
    }

    /// Makes a key and signs its certificate, as AWS IoT does: RSA with 2,048 bits, subject `CN=AWS IoT Certificate`.
    ///
    /// Making the key takes a tenth of a second of CPU time and more: an async program calls this where it may block.
    ///
    /// # Errors
    /// The cryptographic library failed, or the validity is not one that a certificate can have.
    pub fn issue_key(
        &self,
        serial_number: SerialNumber,
        validity: Validity,
    ) -> Result<IssuedKey, IssueError> {
        let key = KeyPair::generate(KeyKind::Rsa2048)?;
        let subject_der = subject_der(&Subject::common_name(MADE_WITH_KEY)?)?;
        let public_key = key.public_key();
        let extensions = Some(self.leaf_extensions(public_key, CLIENT_AUTH)?);
        let content = Content { serial_number, subject_der: &subject_der, public_key, validity, extensions };
        Ok(IssuedKey { certificate: self.sign(&content)?, key })
    }

    /// Signs a verification certificate, whose common name is the registration code: it proves possession of the CA's
    /// key.
    ///
    /// # Errors
    /// The validity is not one that a certificate can have.
    pub fn sign_verification(
        &self,
        code: &RegistrationCode,
        public_key: &PublicKey,
        validity: Validity,
    ) -> Result<ParsedCertificate, IssueError> {
        let subject = Subject::common_name(&code.to_string())?;
        let extensions = self.leaf_extensions(public_key, CLIENT_AUTH)?;
        self.sign_leaf(&subject, public_key, validity, Some(extensions))
    }

    /// Signs a server's certificate: CA:FALSE, digitalSignature, serverAuth, and the names.
    ///
    /// # Errors
    /// The subject is empty, there are no names, or the validity is not one that a certificate can have.
    pub fn sign_server(&self, request: &ServerRequest<'_>) -> Result<ParsedCertificate, IssueError> {
        if request.names.is_empty() {
            return Err(IssueError::NoNames);
        }
        let mut names = Vec::with_capacity(request.names.len());
        for name in request.names {
            names.push(match name {
                ServerName::DnsName(host) => GeneralName::DnsName(Ia5String::new(host.as_ref())?),
                ServerName::IpAddress(address) => GeneralName::from(IpAddr::from(*address)),
                // `ServerName` is open to further kinds; those have no form in a certificate yet.
                _ => return Err(IssueError::NoNames),
            });
        }
        let mut extensions = self.leaf_extensions(request.public_key, SERVER_AUTH)?;
        extensions.push(extension(SUBJECT_ALT_NAME, false, &SubjectAltName(names))?);
        self.sign_leaf(request.subject, request.public_key, request.validity, Some(extensions))
    }

    /// The extensions of a device's certificate; none in one of version 1.
    fn device_extensions(
        &self,
        public_key: &PublicKey,
        terms: &DeviceTerms<'_>,
    ) -> Result<Option<Vec<Extension>>, IssueError> {
        let names = terms.alternative_names;
        match terms.version {
            CertificateVersion::V1 if !names.is_empty() => Err(IssueError::Version1Names),
            CertificateVersion::V1 => Ok(None),
            CertificateVersion::V3 => {
                let mut extensions = self.leaf_extensions(public_key, CLIENT_AUTH)?;
                if !names.is_empty() {
                    let names = SubjectAltName(names.to_general_names());
                    extensions.push(extension(SUBJECT_ALT_NAME, false, &names)?);
                }
                Ok(Some(extensions))
            }
        }
    }

    fn leaf_extensions(
        &self,
        public_key: &PublicKey,
        purpose: ObjectIdentifier,
    ) -> Result<Vec<Extension>, IssueError> {
        let mut extensions = vec![
            extension(BASIC_CONSTRAINTS, true, &BasicConstraints { ca: false, path_len_constraint: None })?,
            extension(KEY_USAGE, true, &KeyUsage(KeyUsages::DigitalSignature.into()))?,
            extension(EXTENDED_KEY_USAGE, false, &ExtendedKeyUsage(vec![purpose]))?,
            subject_key_id(&key_id(public_key))?,
        ];
        // It repeats what the CA certificate says, which need not be the hash that we would take.
        if let Some(id) = self.certificate().subject_key_id() {
            extensions.push(authority_key_id(id)?);
        }
        Ok(extensions)
    }

    fn sign_leaf(
        &self,
        subject: &Subject,
        public_key: &PublicKey,
        validity: Validity,
        extensions: Option<Vec<Extension>>,
    ) -> Result<ParsedCertificate, IssueError> {
        let serial_number = SerialNumber::random()?;
        let subject_der = subject_der(subject)?;
        self.sign(&Content { serial_number, subject_der: &subject_der, public_key, validity, extensions })
    }

    fn sign(&self, content: &Content<'_>) -> Result<ParsedCertificate, IssueError> {
        // The very bytes of the CA's subject: an equal name in another encoding is another issuer to many verifiers.
        sign(content, self.certificate().subject_der(), &self.key)
    }
}

fn subject_der(subject: &Subject) -> Result<Vec<u8>, IssueError> {
    if subject.is_empty() {
        return Err(SubjectError::Empty.into());
    }
    Ok(subject.to_der()?)
}

fn sign(content: &Content<'_>, issuer_der: &[u8], key: &KeyPair) -> Result<ParsedCertificate, IssueError> {
    let SerialNumber(serial_number) = &content.serial_number;
    let algorithm = AnyRef::from_der(key.signature_algorithm_der())?;
    let signed = SignedPart {
        // Version 1 is the default and is not written.
        version: content.extensions.as_ref().map(|_| 2),
        serial_number: UintRef::new(serial_number)?,
        signature: algorithm,
        issuer: AnyRef::from_der(issuer_der)?,
        validity: encode_validity(content.validity)?,
        subject: AnyRef::from_der(content.subject_der)?,
        public_key: AnyRef::from_der(content.public_key.as_der())?,
        extensions: content.extensions.clone(),
    }
    .to_der()?;
    let signature = key.sign(&signed)?;
    let der = SignedCertificate {
        signed: AnyRef::from_der(&signed)?,
        algorithm,
        signature: BitStringRef::from_bytes(&signature)?,
    }
    .to_der()?;
    Ok(ParsedCertificate::from_der(&der)?)
}

fn encode_validity(validity: Validity) -> Result<x509_cert::time::Validity, IssueError> {
    if validity.not_after < validity.not_before {
        return Err(IssueError::Validity);
    }
    let time = |moment: UnixTime| -> Result<Time, IssueError> {
        let seconds = u64::try_from(moment.as_secs()).map_err(|_| IssueError::Validity)?;
        let date =
            DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(|_| IssueError::Validity)?;
        Ok(Time::from(date))
    };
    Ok(x509_cert::time::Validity::new(time(validity.not_before)?, time(validity.not_after)?))
}

/// The identifier of a key: the first 160 bits of the SHA-256 of its `SubjectPublicKeyInfo` (after RFC 7093, section 2).
fn key_id(key: &PublicKey) -> Vec<u8> {
    let hash = digest::digest(&digest::SHA256, key.as_der());
    hash.as_ref().iter().take(20).copied().collect()
}

fn subject_key_id(id: &[u8]) -> Result<Extension, IssueError> {
    extension(SUBJECT_KEY_ID, false, &SubjectKeyIdentifier(OctetString::new(id)?))
}

fn authority_key_id(id: &[u8]) -> Result<Extension, IssueError> {
    let value = AuthorityKeyIdentifier { key_identifier: Some(OctetString::new(id)?), ..Default::default() };
    extension(AUTHORITY_KEY_ID, false, &value)
}

fn extension(oid: ObjectIdentifier, critical: bool, value: &impl Encode) -> Result<Extension, IssueError> {
    Ok(Extension { extn_id: oid, critical, extn_value: OctetString::new(value.to_der()?)? })
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({:?})", self.anchor)
    }
}
