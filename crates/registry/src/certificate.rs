use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, Certificate, CertificateId, CertificateStatus, PolicyName, ThingName, UnixTime,
};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of certificates.
#[async_trait]
pub trait Certificates {
    /// The certificate with this id.
    ///
    /// # Errors
    /// The storage failed.
    async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, StorageError>;

    /// Certificates by time of registration, all or those of one CA certificate.
    ///
    /// # Errors
    /// The storage failed.
    async fn certificates(
        &self,
        ca: Option<CaCertificateId>,
        page: PageRequest,
    ) -> Result<Page<Certificate>, StorageError>;
}

/// A change of a certificate or of what is attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateChange {
    /// Registers it. Conflict: it is registered already, or one with the same signed part is.
    Insert(Certificate),
    /// Makes a pending certificate ACTIVE. Conflict: it is not registered, or not PENDING_ACTIVATION.
    Activate {
        /// Its id.
        id: CertificateId,
        /// When.
        at: UnixTime,
    },
    /// Sets its status, whatever that was. Conflict: it is not registered.
    SetStatus {
        /// Its id.
        id: CertificateId,
        /// Its new status.
        status: CertificateStatus,
        /// When.
        at: UnixTime,
    },
    /// Attaches it to a thing, unless it is. Conflict: either does not exist.
    AttachThing {
        /// Its id.
        id: CertificateId,
        /// The thing.
        thing: ThingName,
    },
    /// Attaches a policy to it, unless it is. Conflict: either does not exist.
    AttachPolicy {
        /// Its id.
        id: CertificateId,
        /// The policy.
        policy: PolicyName,
    },
}

impl Transaction {
    /// Registers a certificate.
    pub fn insert_certificate(&mut self, certificate: Certificate) {
        self.push(Change::Certificate(CertificateChange::Insert(certificate)));
    }

    /// Makes a pending certificate ACTIVE.
    pub fn activate_certificate(&mut self, id: CertificateId, at: UnixTime) {
        self.push(Change::Certificate(CertificateChange::Activate { id, at }));
    }

    /// Sets the status of a certificate.
    pub fn set_certificate_status(&mut self, id: CertificateId, status: CertificateStatus, at: UnixTime) {
        self.push(Change::Certificate(CertificateChange::SetStatus { id, status, at }));
    }

    /// Attaches a certificate to a thing.
    pub fn attach_thing(&mut self, id: CertificateId, thing: ThingName) {
        self.push(Change::Certificate(CertificateChange::AttachThing { id, thing }));
    }

    /// Attaches a policy to a certificate.
    pub fn attach_policy(&mut self, id: CertificateId, policy: PolicyName) {
        self.push(Change::Certificate(CertificateChange::AttachPolicy { id, policy }));
    }
}
