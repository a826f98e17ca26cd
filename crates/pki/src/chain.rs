use std::sync::Arc;
use std::time::Duration;

use landfall_model::{
    CaCertificateId, CertificateId, CertificateMode, DistinguishedName, UnixTime, Validity,
};
use rustls_pki_types::CertificateDer;
use webpki::{EndEntityCert, KeyUsage};

use crate::algorithms::SUPPORTED;
use crate::chain_error::summary;
use crate::signature::SignatureFault;
use crate::{Anchor, CertificateVersion, ChainError, ParsedCertificate, TrustAnchors};

/// The most certificates that a device may present, its own included.
pub const CHAIN_CERTIFICATES_MAX: usize = 6;

/// The most paths from the device's certificate to a registered CA that are tried. Each costs a signature check or
/// more, so this bounds what a peer without a certificate of ours can make the server do.
pub const PATHS_MAX: usize = 16;

/// The purpose clientAuth (RFC 5280, section 4.2.1.12).
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// The certificates that a peer presents, in its order: its own, then any others.
#[derive(Clone, Copy, Debug)]
pub struct PresentedChain<'a> {
    end_entity: &'a CertificateDer<'a>,
    others: &'a [CertificateDer<'a>],
}

/// A chain that was verified: the proof that somebody vouches for the device's certificate.
///
/// It proves nothing about who holds the key; a finished TLS handshake does.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    certificate: Arc<ParsedCertificate>,
    trust: Trust,
    mode: CertificateMode,
}

/// Who vouches for a device's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A registered CA certificate, which issued it directly or through the intermediates that were presented.
    IssuedBy(CaCertificateId),
    /// Whoever registered it without a CA certificate: it is known by its fingerprint.
    Pinned,
}

/// Verifies that somebody vouches for the device's certificate at `now`: whoever registered this very certificate
/// without a CA certificate, or else a registered CA certificate.
///
/// A certificate that is registered without a CA certificate is accepted by its fingerprint, whoever signed it. This is
/// asked first, also where its issuer is a registered CA: it is the narrower trust, in one certificate that an operator
/// registered by itself, it never leads to an auto-registration, and no signature of a stranger is looked at for it.
///
/// A chain of version 3 is validated by rustls-webpki, with one registered CA certificate as trust anchor at a time;
/// what webpki does not ask of an anchor (validity, pathLenConstraint) or of a CA (keyCertSign) is checked here.
/// A certificate of version 1, which webpki refuses, passes only when a registered CA without name constraints issued
/// it directly.
///
/// # Errors
/// The chain is not valid; the error names the first fact that stands against it.
pub fn verify(
    chain: &PresentedChain<'_>,
    anchors: &TrustAnchors,
    now: UnixTime,
) -> Result<VerifiedChain, ChainError> {
    let found = chain.others.len() + 1;
    if found > CHAIN_CERTIFICATES_MAX {
        return Err(ChainError::TooManyCertificates { found });
    }
    let leaf = ParsedCertificate::from_der(chain.end_entity).map_err(ChainError::Malformed)?;
    // Whole seconds: certificates know no others, and rustls gives no others.
    let now = UnixTime::from_secs(now.as_secs());
    let (trust, mode) = match anchors.pinned().mode_of(&leaf.id()) {
        Some(mode) => {
            check_pinned(&leaf, now)?;
            (Trust::Pinned, mode)
        }
        None => {
            let end = Search::new(&leaf, anchors, now).run(chain.others)?;
            (Trust::IssuedBy(end.ca), end.mode)
        }
    };
    Ok(VerifiedChain { certificate: Arc::new(leaf), trust, mode })
}

impl<'a> PresentedChain<'a> {
    /// The chain of a peer's own certificate and the others that it sent.
    pub fn new(end_entity: &'a CertificateDer<'a>, others: &'a [CertificateDer<'a>]) -> Self {
        Self { end_entity, others }
    }

    /// The chain that a connection's `peer_certificates()` gives; none when there is no certificate.
    pub fn from_peer_certificates(certificates: &'a [CertificateDer<'a>]) -> Option<Self> {
        certificates.split_first().map(|(end_entity, others)| Self { end_entity, others })
    }
}

impl VerifiedChain {
    /// The id of the device's certificate.
    pub fn certificate_id(&self) -> CertificateId {
        self.certificate.id()
    }

    /// The device's certificate.
    pub fn certificate(&self) -> &ParsedCertificate {
        &self.certificate
    }

    /// The DER of the device's certificate.
    pub fn der(&self) -> &landfall_model::CertificateDer {
        self.certificate.der()
    }

    /// Who vouches for it.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// The mode of the device's certificate: its own where it is registered without a CA certificate, else that of the
    /// CA certificate.
    pub fn mode(&self) -> CertificateMode {
        self.mode
    }

    /// Gives the chain back if its mode allows a client that sent the TLS extension server_name (RFC 6066, section 3),
    /// or sent none. SNI_ONLY needs one; which name it is does not matter, as a server is one account.
    ///
    /// # Errors
    /// [`ChainError::NoServerName`].
    pub fn for_client(self, sent_server_name: bool) -> Result<Self, ChainError> {
        match (self.mode, sent_server_name) {
            (CertificateMode::SniOnly, false) => {
                Err(ChainError::NoServerName { certificate: self.certificate_id() })
            }
            (CertificateMode::SniOnly, true) | (CertificateMode::Default, _) => Ok(self),
        }
    }

    /// The subject of the device's certificate.
    pub fn subject(&self) -> &DistinguishedName {
        self.certificate.subject()
    }

    /// The issuer of the device's certificate.
    pub fn issuer(&self) -> &DistinguishedName {
        self.certificate.issuer()
    }

    /// The serial number of the device's certificate in lower-case hex.
    pub fn serial_number_hex(&self) -> String {
        self.certificate.serial_number_hex()
    }

    /// From when to when the device's certificate is valid.
    pub fn validity(&self) -> Validity {
        self.certificate.validity()
    }
}

impl Trust {
    /// The registered CA certificate, where it is one.
    pub fn ca(self) -> Option<CaCertificateId> {
        match self {
            Self::IssuedBy(ca) => Some(ca),
            Self::Pinned => None,
        }
    }
}

/// The search for a path from the device's certificate to a registered CA certificate.
///
/// The paths are found here, by names and key identifiers, and each is then checked by itself. webpki could search
/// too, but it tries up to a hundred signatures before it gives up.
struct Search<'a> {
    leaf: &'a ParsedCertificate,
    anchors: &'a TrustAnchors,
    now: UnixTime,
    paths: usize,
    failure: Option<ChainError>,
}

/// The registered CA certificate at which a path ends.
#[derive(Clone, Copy)]
struct End {
    ca: CaCertificateId,
    mode: CertificateMode,
}

/// A presented certificate other than the device's own.
struct Intermediate<'a> {
    der: &'a CertificateDer<'a>,
    parsed: ParsedCertificate,
}

impl<'a> Search<'a> {
    fn new(leaf: &'a ParsedCertificate, anchors: &'a TrustAnchors, now: UnixTime) -> Self {
        Self { leaf, anchors, now, paths: 0, failure: None }
    }

    fn run(mut self, others: &[CertificateDer<'_>]) -> Result<End, ChainError> {
        // Most devices are issued by a registered CA itself; then the other certificates need no look.
        if let Some(end) = self.try_anchors(&[]) {
            return Ok(end);
        }
        let mut unreadable = None;
        let mut intermediates = Vec::with_capacity(others.len());
        for der in others {
            match ParsedCertificate::from_der(der) {
                // A self-signed certificate leads nowhere: if it were registered it would be an anchor.
                Ok(parsed) if parsed.issuer_der() == parsed.subject_der() => {}
                Ok(parsed) => intermediates.push(Intermediate { der, parsed }),
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        let mut path = Vec::new();
        if let Some(end) = self.extend(&mut path, &intermediates) {
            return Ok(end);
        }
        match (self.failure.take(), unreadable) {
            (Some(failure), _) => Err(failure),
            (None, Some(error)) => Err(ChainError::IntermediateMalformed(error)),
            (None, None) => Err(self.unknown_issuer(&intermediates)),
        }
    }

    /// Tries each presented certificate that can have signed the last one of `path`.
    fn extend<'b>(
        &mut self,
        path: &mut Vec<&'b Intermediate<'b>>,
        intermediates: &'b [Intermediate<'b>],
    ) -> Option<End> {
        for candidate in intermediates {
            let head = path.last().map_or(self.leaf, |last| &last.parsed);
            let used = path.iter().any(|other| other.parsed.id() == candidate.parsed.id());
            if used || !head.names_as_issuer(&candidate.parsed) {
                continue;
            }
            path.push(candidate);
            if let Some(end) = self.try_anchors(path).or_else(|| self.extend(path, intermediates)) {
                return Some(end);
            }
            path.pop();
        }
        None
    }

    /// Tries each registered CA certificate that can have signed the last one of `path`.
    fn try_anchors(&mut self, path: &[&Intermediate<'_>]) -> Option<End> {
        let anchors = self.anchors;
        let head = path.last().map_or(self.leaf, |last| &last.parsed);
        for anchor in anchors.issuers_of(head) {
            if self.paths == PATHS_MAX {
                return None;
            }
            self.paths += 1;
            match check_path(self.leaf, path, anchor, self.now) {
                Ok(()) => return Some(End { ca: anchor.id(), mode: anchor.mode() }),
                Err(error) => self.note(error),
            }
        }
        None
    }

    /// Keeps the error that tells most: the first, unless it only says that a CA of that name was the wrong one.
    fn note(&mut self, error: ChainError) {
        if self.failure.as_ref().is_none_or(|first| matches!(first, ChainError::BadSignature { .. })) {
            self.failure = Some(error);
        }
    }

    /// Names the issuer at which the search ended: that of the last certificate in the line from the device's own.
    fn unknown_issuer(&self, intermediates: &[Intermediate<'_>]) -> ChainError {
        let mut head = self.leaf;
        // Each step takes a certificate that leads on; a circle cannot be longer than the list.
        for _ in intermediates {
            let issuer = intermediates.iter().find(|candidate| head.names_as_issuer(&candidate.parsed));
            head = issuer.map_or(head, |candidate| &candidate.parsed);
        }
        let (subject, issuer) = (summary(head.subject()), summary(head.issuer()));
        match head.authority_key_id() {
            Some(key_id) if self.anchors.has_issuer_name_of(head) => {
                let key_id = hex::encode(key_id.get(..32).unwrap_or(key_id));
                ChainError::UnknownIssuerKey { subject, issuer, key_id }
            }
            Some(_) | None => ChainError::UnknownIssuer { subject, issuer },
        }
    }
}

/// Every registered CA certificate that issued the device's certificate itself: one at least.
pub(crate) fn direct_issuers(
    leaf: &ParsedCertificate,
    anchors: &TrustAnchors,
    now: UnixTime,
) -> Result<Vec<CaCertificateId>, ChainError> {
    let mut search = Search::new(leaf, anchors, now);
    let mut issuers = Vec::new();
    for anchor in anchors.issuers_of(leaf) {
        match check_path(leaf, &[], anchor, now) {
            Ok(()) => issuers.push(anchor.id()),
            Err(error) => search.note(error),
        }
    }
    if issuers.is_empty() {
        return Err(search.failure.take().unwrap_or_else(|| search.unknown_issuer(&[])));
    }
    Ok(issuers)
}

/// Checks that `anchor` issued the device's certificate itself.
pub(crate) fn check_direct(
    leaf: &ParsedCertificate,
    anchor: &Anchor,
    now: UnixTime,
) -> Result<(), ChainError> {
    let issuer = || summary(leaf.issuer());
    if leaf.issuer_der() != anchor.certificate().subject_der() {
        let (subject, ca) = (summary(leaf.subject()), summary(anchor.subject()));
        return Err(ChainError::OtherIssuer { subject, issuer: issuer(), ca });
    }
    if !leaf.allows_issuer_key(anchor.certificate()) {
        return Err(ChainError::BadSignature { issuer: issuer() });
    }
    check_path(leaf, &[], anchor, now)
}

/// Checks one path completely: what is cheap and ours first, signatures last.
fn check_path(
    leaf: &ParsedCertificate,
    intermediates: &[&Intermediate<'_>],
    anchor: &Anchor,
    now: UnixTime,
) -> Result<(), ChainError> {
    check_leaf(leaf, now)?;
    for (below, intermediate) in intermediates.iter().enumerate() {
        check_intermediate(&intermediate.parsed, below, now)?;
    }
    check_anchor(anchor, intermediates.len(), now)?;
    match leaf.version() {
        CertificateVersion::V1 => check_version_1(leaf, intermediates, anchor),
        CertificateVersion::V3 => check_version_3(leaf, intermediates, anchor, now),
    }
}

/// Checks of a certificate that is registered without a CA certificate what does not depend on who signed it.
///
/// It may say CA:TRUE, as a self-signed one from `openssl req -x509` does: nothing below it is ever trusted.
pub(crate) fn check_pinned(leaf: &ParsedCertificate, now: UnixTime) -> Result<(), ChainError> {
    check_strength(leaf)?;
    check_leaf_validity(leaf, now)?;
    check_purpose(leaf)?;
    match leaf.version() {
        CertificateVersion::V1 => Ok(()),
        // What webpki reads here it reads again for the signature of the handshake: critical extensions among it.
        CertificateVersion::V3 => {
            let der = CertificateDer::from(leaf.der().as_bytes());
            EndEntityCert::try_from(&der).map(drop).map_err(|error| from_webpki(error, leaf))
        }
    }
}

fn check_leaf(leaf: &ParsedCertificate, now: UnixTime) -> Result<(), ChainError> {
    check_strength(leaf)?;
    check_leaf_validity(leaf, now)?;
    if leaf.is_ca() {
        return Err(ChainError::LeafIsCa { subject: summary(leaf.subject()) });
    }
    check_purpose(leaf)
}

fn check_leaf_validity(leaf: &ParsedCertificate, now: UnixTime) -> Result<(), ChainError> {
    let Validity { not_before, not_after } = leaf.validity();
    if now < not_before {
        return Err(ChainError::NotYetValid { not_before, now });
    }
    if now > not_after {
        return Err(ChainError::Expired { not_after, now });
    }
    Ok(())
}

/// Checks that the device's certificate is for TLS clients, as far as it says what it is for.
fn check_purpose(leaf: &ParsedCertificate) -> Result<(), ChainError> {
    if let Some(found) = leaf.extended_key_usage()
        && !found.iter().any(|purpose| &**purpose == CLIENT_AUTH)
    {
        return Err(ChainError::NotForClientAuth { found: found.to_vec() });
    }
    // RFC 5246, section 7.4.6, and RFC 8446, section 4.4.2.2: the certificate must allow its key to sign.
    if !leaf.may_sign_handshakes() {
        return Err(ChainError::KeyUsage);
    }
    Ok(())
}

/// Checks a CA certificate that the device presented; `below` CA certificates stand between it and the device's.
fn check_intermediate(
    certificate: &ParsedCertificate,
    below: usize,
    now: UnixTime,
) -> Result<(), ChainError> {
    let subject = || summary(certificate.subject());
    // This refuses version 1 too, which has no extensions.
    if !certificate.is_ca() {
        return Err(ChainError::IntermediateNotCa { subject: subject() });
    }
    if !certificate.may_sign_certificates() {
        return Err(ChainError::IntermediateMayNotSign { subject: subject() });
    }
    check_strength(certificate)?;
    let Validity { not_before, not_after } = certificate.validity();
    if now < not_before {
        return Err(ChainError::IntermediateNotYetValid { subject: subject(), not_before, now });
    }
    if now > not_after {
        return Err(ChainError::IntermediateExpired { subject: subject(), not_after, now });
    }
    check_path_length(certificate, below)
}

/// Checks of a registered CA certificate what changes with the time and the path; the rest was checked when the
/// [`Anchor`] was made.
fn check_anchor(anchor: &Anchor, below: usize, now: UnixTime) -> Result<(), ChainError> {
    let ca = anchor.id();
    let Validity { not_before, not_after } = anchor.validity();
    if now < not_before {
        return Err(ChainError::CaNotYetValid { ca, not_before, now });
    }
    if now > not_after {
        return Err(ChainError::CaExpired { ca, not_after, now });
    }
    check_path_length(anchor.certificate(), below)
}

fn check_strength(certificate: &ParsedCertificate) -> Result<(), ChainError> {
    if let Some(algorithm) = certificate.weak_signature() {
        return Err(ChainError::WeakSignature { subject: summary(certificate.subject()), algorithm });
    }
    certificate
        .key_algorithm()
        .check()
        .map_err(|source| ChainError::Key { subject: summary(certificate.subject()), source })
}

fn check_path_length(ca: &ParsedCertificate, found: usize) -> Result<(), ChainError> {
    match ca.path_length() {
        Some(allowed) if found > allowed => {
            Err(ChainError::PathLength { subject: summary(ca.subject()), allowed, found })
        }
        Some(_) | None => Ok(()),
    }
}

/// Checks what webpki refuses: a certificate of version 1. Its names, key, validity and strength were checked before.
fn check_version_1(
    leaf: &ParsedCertificate,
    intermediates: &[&Intermediate<'_>],
    anchor: &Anchor,
) -> Result<(), ChainError> {
    if let Some(intermediate) = intermediates.first() {
        return Err(ChainError::Version1BelowIntermediate { issuer: summary(intermediate.parsed.subject()) });
    }
    if anchor.certificate().has_name_constraints() {
        return Err(ChainError::Version1UnderNameConstraints { ca: anchor.id() });
    }
    leaf.verify_signed_by(anchor.certificate()).map_err(|fault| match fault {
        SignatureFault::Algorithm => unsupported_signature(leaf),
        SignatureFault::OtherKey => ChainError::BadSignature { issuer: summary(leaf.issuer()) },
    })
}

fn check_version_3(
    leaf: &ParsedCertificate,
    intermediates: &[&Intermediate<'_>],
    anchor: &Anchor,
    now: UnixTime,
) -> Result<(), ChainError> {
    let der = CertificateDer::from(leaf.der().as_bytes());
    let intermediates: Vec<CertificateDer<'_>> =
        intermediates.iter().map(|intermediate| CertificateDer::from(&**intermediate.der)).collect();
    let seconds = u64::try_from(now.as_secs()).unwrap_or(0);
    EndEntityCert::try_from(&der)
        .and_then(|end_entity| {
            end_entity.verify_for_usage(
                SUPPORTED.all,
                std::slice::from_ref(anchor.trust()),
                &intermediates,
                rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                KeyUsage::client_auth(),
                None,
                None,
            )?;
            Ok(())
        })
        .map_err(|error| from_webpki(error, leaf))
}

fn from_webpki(error: webpki::Error, leaf: &ParsedCertificate) -> ChainError {
    use webpki::Error;
    if matches!(error, Error::UnsupportedSignatureAlgorithmContext(_)) {
        return unsupported_signature(leaf);
    }
    let wrong_key = matches!(
        error,
        Error::InvalidSignatureForPublicKey
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
            | Error::UnknownIssuer
    );
    if wrong_key {
        return ChainError::BadSignature { issuer: summary(leaf.issuer()) };
    }
    if matches!(error, Error::NameConstraintViolation) {
        return ChainError::NameConstraints;
    }
    if matches!(error, Error::UnsupportedCriticalExtension) {
        return ChainError::CriticalExtension;
    }
    ChainError::Invalid(error)
}

fn unsupported_signature(certificate: &ParsedCertificate) -> ChainError {
    ChainError::UnsupportedSignature {
        subject: summary(certificate.subject()),
        oid: certificate.signature_algorithm().into(),
    }
}
