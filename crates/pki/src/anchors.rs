use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use landfall_model::{CaCertificateId, CertificateMode, DistinguishedName, Validity};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use thiserror::Error;

use crate::algorithms::KeyFault;
use crate::chain_error::summary;
use crate::signature::SignatureFault;
use crate::{CertificateVersion, ParsedCertificate, PinnedCertificates};

/// How many registered CA certificates may have the same subject.
pub const CA_CERTIFICATES_PER_SUBJECT_MAX: usize = 10;

/// A CA certificate that may be registered: everything but its validity has been checked.
#[derive(Clone)]
pub struct Anchor {
    certificate: ParsedCertificate,
    trust: TrustAnchor<'static>,
    mode: CertificateMode,
}

/// Whom a handshake trusts; cheap to clone.
///
/// The registered CA certificates are those of one moment, an immutable snapshot: [`Self::with`] and [`Self::without`]
/// make the next one. The certificates that are registered without a CA certificate are shared by all snapshots, and are
/// those of the moment in which they are asked about: see [`PinnedCertificates`].
#[derive(Clone, Debug, Default)]
pub struct TrustAnchors {
    index: Arc<Index>,
    pinned: Arc<PinnedCertificates>,
}

/// The registered CA certificates by the DER of their subject; a list is never empty.
#[derive(Clone, Debug, Default)]
struct Index {
    by_subject: HashMap<Box<[u8]>, Vec<Arc<Anchor>>>,
}

/// Why a certificate cannot be a registered CA certificate.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CaError {
    /// It is of version 1.
    #[error(
        "the certificate of {subject} is of X.509 version 1, which cannot say that it is a CA; make one of version 3, \
         with OpenSSL: openssl req -x509 -new -key ca.key -sha256 -days 365 -addext basicConstraints=critical,CA:TRUE -out ca.pem"
    )]
    Version1 {
        /// Its subject.
        subject: String,
    },
    /// It is not a CA's.
    #[error(
        "the certificate of {subject} is not a CA certificate: basicConstraints CA:TRUE is missing; OpenSSL makes a CA \
         certificate with: openssl req -x509 -new -key ca.key -sha256 -days 365 -addext basicConstraints=critical,CA:TRUE -out ca.pem"
    )]
    NotCa {
        /// Its subject.
        subject: String,
    },
    /// Its key may not sign certificates.
    #[error(
        "the CA certificate of {subject} has a keyUsage without keyCertSign, so its key may sign no certificates"
    )]
    MayNotSign {
        /// Its subject.
        subject: String,
    },
    /// Its signature is of a broken kind.
    #[error(
        "the CA certificate of {subject} is signed by {algorithm}, which is not secure; SHA-256 is the usual choice"
    )]
    WeakSignature {
        /// Its subject.
        subject: String,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// Its key is not accepted.
    #[error("the CA certificate of {subject} cannot be used")]
    Key {
        /// Its subject.
        subject: String,
        /// What is wrong with the key.
        source: KeyFault,
    },
    /// It names itself as issuer, and its own key did not sign it.
    #[error(
        "the CA certificate of {subject} says that it signed itself, and its signature is by another key or damaged"
    )]
    SelfSignature {
        /// Its subject.
        subject: String,
    },
    /// Path validation cannot use it.
    #[error("the CA certificate of {subject} cannot be used as a trust anchor")]
    Unusable {
        /// Its subject.
        subject: String,
        /// What webpki says.
        source: webpki::Error,
    },
}

/// A subject has its full number of CA certificates.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{CA_CERTIFICATES_PER_SUBJECT_MAX} CA certificates with the subject {subject} are registered, and no more may be"
)]
pub struct TooManyCaCertificates {
    /// The subject.
    pub subject: String,
}

impl Anchor {
    /// Checks that the certificate can be a CA's: version 3, CA:TRUE, keyCertSign where keyUsage is present, an
    /// accepted key and signature algorithm, and its own signature if it is self-signed.
    ///
    /// The validity is checked where the anchor is used. Critical extensions that path validation does not know are
    /// passed over, as webpki does for trust anchors.
    ///
    /// # Errors
    /// One of these does not hold.
    pub fn new(certificate: ParsedCertificate) -> Result<Self, CaError> {
        check_ca(&certificate)?;
        let der = CertificateDer::from(certificate.der().as_bytes());
        let trust = match webpki::anchor_from_trusted_cert(&der) {
            Ok(trust) => trust.to_owned(),
            Err(source) => return Err(CaError::Unusable { subject: summary(certificate.subject()), source }),
        };
        Ok(Self { certificate, trust, mode: CertificateMode::Default })
    }

    /// The same CA certificate, registered in this mode. A new one is in the mode DEFAULT.
    #[must_use]
    pub fn in_mode(self, mode: CertificateMode) -> Self {
        Self { mode, ..self }
    }

    /// The mode in which it is registered, which is also that of the certificates that it issued.
    pub fn mode(&self) -> CertificateMode {
        self.mode
    }

    /// Its id.
    pub fn id(&self) -> CaCertificateId {
        self.certificate.ca_id()
    }

    /// The certificate.
    pub fn certificate(&self) -> &ParsedCertificate {
        &self.certificate
    }

    /// Its subject.
    pub fn subject(&self) -> &DistinguishedName {
        self.certificate.subject()
    }

    /// From when to when it is valid.
    pub fn validity(&self) -> Validity {
        self.certificate.validity()
    }

    pub(crate) fn trust(&self) -> &TrustAnchor<'static> {
        &self.trust
    }
}

impl TrustAnchors {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// No registered CA certificate, and these certificates that are registered without one.
    pub fn pinning(pinned: Arc<PinnedCertificates>) -> Self {
        Self { index: Arc::default(), pinned }
    }

    /// The snapshot that has `anchor` too; one with its id is replaced.
    ///
    /// # Errors
    /// Its subject has [`CA_CERTIFICATES_PER_SUBJECT_MAX`] CA certificates.
    pub fn with(&self, anchor: Anchor) -> Result<Self, TooManyCaCertificates> {
        let mut index = Index::clone(&self.index);
        index.insert(anchor)?;
        Ok(self.next(index))
    }

    /// The snapshot of all these.
    ///
    /// # Errors
    /// A subject has more than [`CA_CERTIFICATES_PER_SUBJECT_MAX`] CA certificates.
    pub fn of(anchors: impl IntoIterator<Item = Anchor>) -> Result<Self, TooManyCaCertificates> {
        let mut index = Index::default();
        for anchor in anchors {
            index.insert(anchor)?;
        }
        Ok(Self::default().next(index))
    }

    /// The snapshot that lacks the CA certificate with this id.
    #[must_use]
    pub fn without(&self, id: &CaCertificateId) -> Self {
        let mut index = Index::clone(&self.index);
        index.by_subject.retain(|_, anchors| {
            anchors.retain(|anchor| anchor.id() != *id);
            !anchors.is_empty()
        });
        self.next(index)
    }

    /// The snapshot in which this CA certificate is tried first of those with its subject.
    #[must_use]
    pub fn preferring(&self, id: &CaCertificateId) -> Self {
        self.sorted(|anchor| anchor.id() != *id)
    }

    /// The snapshot in which this CA certificate is tried last of those with its subject.
    #[must_use]
    pub fn deferring(&self, id: &CaCertificateId) -> Self {
        self.sorted(|anchor| anchor.id() == *id)
    }

    fn sorted(&self, is_later: impl Fn(&Anchor) -> bool) -> Self {
        let mut index = Index::clone(&self.index);
        // The sort is stable: the order of the others stays.
        index.by_subject.values_mut().for_each(|anchors| anchors.sort_by_key(|anchor| is_later(anchor)));
        self.next(index)
    }

    fn next(&self, index: Index) -> Self {
        Self { index: Arc::new(index), pinned: Arc::clone(&self.pinned) }
    }

    /// How many registered CA certificates there are.
    pub fn len(&self) -> usize {
        self.index.by_subject.values().map(Vec::len).sum()
    }

    /// Whether there is no registered CA certificate.
    pub fn is_empty(&self) -> bool {
        self.index.by_subject.is_empty()
    }

    /// The certificates that are registered without a CA certificate.
    pub fn pinned(&self) -> &PinnedCertificates {
        &self.pinned
    }

    /// Those that can have signed `certificate`, by name and key identifier.
    pub fn issuers_of<'a>(&'a self, certificate: &'a ParsedCertificate) -> impl Iterator<Item = &'a Anchor> {
        self.named(certificate.issuer_der())
            .filter(move |anchor| certificate.allows_issuer_key(&anchor.certificate))
    }

    /// Whether one has the subject that `certificate` names as issuer, with whatever key.
    pub(crate) fn has_issuer_name_of(&self, certificate: &ParsedCertificate) -> bool {
        self.named(certificate.issuer_der()).next().is_some()
    }

    fn named(&self, subject_der: &[u8]) -> impl Iterator<Item = &Anchor> {
        self.index.by_subject.get(subject_der).into_iter().flatten().map(|anchor| &**anchor)
    }
}

impl Index {
    fn insert(&mut self, anchor: Anchor) -> Result<(), TooManyCaCertificates> {
        let same_subject = self.by_subject.entry(anchor.certificate.subject_der().into()).or_default();
        same_subject.retain(|known| known.id() != anchor.id());
        if same_subject.len() == CA_CERTIFICATES_PER_SUBJECT_MAX {
            return Err(TooManyCaCertificates { subject: summary(anchor.subject()) });
        }
        same_subject.push(Arc::new(anchor));
        Ok(())
    }
}

fn check_ca(certificate: &ParsedCertificate) -> Result<(), CaError> {
    let subject = || summary(certificate.subject());
    match certificate.version() {
        CertificateVersion::V1 => return Err(CaError::Version1 { subject: subject() }),
        CertificateVersion::V3 => {}
    }
    if !certificate.is_ca() {
        return Err(CaError::NotCa { subject: subject() });
    }
    if !certificate.may_sign_certificates() {
        return Err(CaError::MayNotSign { subject: subject() });
    }
    if let Some(algorithm) = certificate.weak_signature() {
        return Err(CaError::WeakSignature { subject: subject(), algorithm });
    }
    if let Err(source) = certificate.key_algorithm().check() {
        return Err(CaError::Key { subject: subject(), source });
    }
    // A certificate that hands over from one key of a CA to the next names the CA as issuer too, with another key's
    // identifier: that is no self-signature.
    if certificate.names_as_issuer(certificate) {
        match certificate.verify_signed_by(certificate) {
            Ok(()) => {}
            Err(SignatureFault::Algorithm | SignatureFault::OtherKey) => {
                return Err(CaError::SelfSignature { subject: subject() });
            }
        }
    }
    Ok(())
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchor({})", self.id())
    }
}
