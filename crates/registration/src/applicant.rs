use landfall_model::{
    CaCertificateId, Certificate, CertificateDer, CertificateId, CertificateMode, CertificateStatus,
    CreationId, DistinguishedName, SignedPart, UnixTime, Validity,
};
use landfall_pki::{CertificateError, ParsedCertificate, Trust, VerifiedChain};

/// A certificate that asks to be provisioned: all that names, types and attributes are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// The certificate.
    pub certificate: CertificateId,
    /// The CA certificate that issued it.
    pub ca: CaCertificateId,
    /// The mode of that CA certificate, which its certificates have too.
    pub mode: CertificateMode,
    /// Its subject.
    pub subject: DistinguishedName,
    /// Its issuer.
    pub issuer: DistinguishedName,
    /// From when to when it is valid.
    pub validity: Validity,
    /// What its issuer signed.
    pub signed_part: SignedPart,
    /// The certificate itself.
    pub der: CertificateDer,
}

impl Applicant {
    /// The applicant that a verified chain proves; none where the certificate is registered without a CA certificate,
    /// which an operator did, so that there is nothing to apply for: see [`decide_pinned`](crate::decide_pinned).
    pub fn from_chain(chain: &VerifiedChain) -> Option<Self> {
        let ca = match chain.trust() {
            Trust::IssuedBy(ca) => ca,
            Trust::Pinned => return None,
        };
        Some(Self {
            certificate: chain.certificate_id(),
            ca,
            mode: chain.mode(),
            subject: chain.subject().clone(),
            issuer: chain.issuer().clone(),
            validity: chain.validity(),
            signed_part: SignedPart::from_sha256(chain.certificate().signed_part_sha256()),
            der: chain.der().clone(),
        })
    }

    /// The applicant of a certificate that is registered already, with the CA certificate that issued it: its chain was verified
    /// when it was registered.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn from_certificate(
        certificate: &Certificate,
        ca: CaCertificateId,
    ) -> Result<Self, CertificateError> {
        let parsed = ParsedCertificate::from_der(certificate.der.as_bytes())?;
        Ok(Self {
            certificate: certificate.id,
            ca,
            mode: certificate.mode,
            subject: parsed.subject().clone(),
            issuer: parsed.issuer().clone(),
            validity: certificate.validity,
            signed_part: certificate.signed_part,
            der: certificate.der.clone(),
        })
    }

    /// The certificate as it is registered at first sight.
    pub fn pending_certificate(&self, creation_id: CreationId, now: UnixTime) -> Certificate {
        Certificate {
            id: self.certificate,
            ca: Some(self.ca),
            status: CertificateStatus::PendingActivation { creation_id },
            mode: self.mode,
            signed_part: self.signed_part,
            der: self.der.clone(),
            validity: self.validity,
            version: 1,
            registered_at: now,
            modified_at: now,
        }
    }
}
