use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, Certificate, CertificateId, CertificateStatus, Principal, ThingName, ThingPrincipalType,
    UnixTime,
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

    /// The certificate with what is attached to it, as of one moment.
    ///
    /// # Errors
    /// The storage failed.
    async fn principal(&self, id: CertificateId) -> Result<Option<Principal>, StorageError>;

    /// Certificates by time of registration, all or those of one CA certificate.
    ///
    /// # Errors
    /// The storage failed.
    async fn certificates(
        &self,
        ca: Option<CaCertificateId>,
        page: PageRequest,
    ) -> Result<Page<Certificate>, StorageError>;

    /// Certificates that are registered without a CA certificate, by time of registration.
    ///
    /// # Errors
    /// The storage failed.
    async fn certificates_without_ca(&self, page: PageRequest) -> Result<Page<Certificate>, StorageError>;

    /// The ids of certificates in ascending order, at most `limit` of them, behind `after` if that is given. It is the quickest
    /// way to hear of all.
    ///
    /// # Errors
    /// The storage failed.
    async fn certificate_ids(
        &self,
        after: Option<CertificateId>,
        limit: u32,
    ) -> Result<Vec<CertificateId>, StorageError>;
}

/// A change of a certificate or of what is attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateChange {
    /// Registers it. Conflict: it is registered already, or one with the same signed part is.
    Insert(Certificate),
    /// Makes a pending certificate ACTIVE and counts its version up. Conflict: it is not registered, or not PENDING_ACTIVATION.
    Activate {
        /// Its id.
        id: CertificateId,
        /// When.
        at: UnixTime,
    },
    /// Sets its status and counts its version up. One that is REVOKED stays so: to revoke it again changes nothing.
    /// Conflict: it is not registered, or is REVOKED and is to be something else.
    SetStatus {
        /// Its id.
        id: CertificateId,
        /// Its new status.
        status: CertificateStatus,
        /// When.
        at: UnixTime,
    },
    /// Attaches it to a thing. If it is attached already, it is from now on in this way. Conflict: either does not exist, it
    /// is attached exclusively to another thing, or it is to be exclusively and is attached to another.
    AttachThing {
        /// Its id.
        id: CertificateId,
        /// The thing.
        thing: ThingName,
        /// How it is attached.
        principal_type: ThingPrincipalType,
    },
    /// Detaches it from a thing, if it is attached. Conflict: either does not exist.
    DetachThing {
        /// Its id.
        id: CertificateId,
        /// The thing.
        thing: ThingName,
    },
    /// Deletes it; the records of its registration stay. Conflict: it is not registered, is ACTIVE, is attached to a thing,
    /// or has policies, unless these are to be detached.
    Delete {
        /// Its id.
        id: CertificateId,
        /// Whether its policies are detached.
        detaches_policies: bool,
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

    /// Attaches a certificate to a thing, not exclusively.
    pub fn attach_thing(&mut self, id: CertificateId, thing: ThingName) {
        self.attach_thing_as(ThingPrincipalType::NonExclusive, id, thing);
    }

    /// Attaches a certificate to a thing in this way.
    pub fn attach_thing_as(
        &mut self,
        principal_type: ThingPrincipalType,
        id: CertificateId,
        thing: ThingName,
    ) {
        self.push(Change::Certificate(CertificateChange::AttachThing { id, thing, principal_type }));
    }

    /// Detaches a certificate from a thing.
    pub fn detach_thing(&mut self, id: CertificateId, thing: ThingName) {
        self.push(Change::Certificate(CertificateChange::DetachThing { id, thing }));
    }

    /// Deletes a certificate that is neither ACTIVE nor attached to a thing.
    pub fn delete_certificate(&mut self, id: CertificateId, detaches_policies: bool) {
        self.push(Change::Certificate(CertificateChange::Delete { id, detaches_policies }));
    }
}
