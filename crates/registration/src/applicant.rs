use landfall_model::{
    CaCertificateId, Certificate, CertificateDer, CertificateId, CertificateStatus, CreationId,
    DistinguishedName, SignedPart, UnixTime, Validity,
};
use landfall_pki::VerifiedChain;

/// A certificate that asks to be provisioned: all that names, types and attributes are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// The certificate.
    pub certificate: CertificateId,
    /// The CA certificate that issued it.
    pub ca: CaCertificateId,
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
    /// The applicant that a verified chain proves.
    pub fn new(chain: &VerifiedChain) -> Self {
        Self {
            certificate: chain.certificate_id(),
            ca: chain.ca(),
            subject: chain.subject().clone(),
            issuer: chain.issuer().clone(),
            validity: chain.validity(),
            signed_part: SignedPart::from_sha256(chain.certificate().signed_part_sha256()),
            der: chain.der().clone(),
        }
    }

    /// The certificate as it is registered at first sight.
    pub fn pending_certificate(&self, creation_id: CreationId, now: UnixTime) -> Certificate {
        Certificate {
            id: self.certificate,
            ca: Some(self.ca),
            status: CertificateStatus::PendingActivation { creation_id },
            signed_part: self.signed_part,
            der: self.der.clone(),
            validity: self.validity,
            registered_at: now,
            modified_at: now,
        }
    }
}
