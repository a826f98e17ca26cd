use async_trait::async_trait;
use landfall_model::{AutoRegistration, CaCertificate, CaCertificateId, CaStatus, UnixTime};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of CA certificates.
#[async_trait]
pub trait CaCertificates {
    /// The CA certificate with this id.
    ///
    /// # Errors
    /// The storage failed.
    async fn ca_certificate(&self, id: CaCertificateId) -> Result<Option<CaCertificate>, StorageError>;

    /// CA certificates by time of registration.
    ///
    /// # Errors
    /// The storage failed.
    async fn ca_certificates(&self, page: PageRequest) -> Result<Page<CaCertificate>, StorageError>;
}

/// A change of a CA certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaCertificateChange {
    /// Registers it. Conflict: it is registered already.
    Insert(CaCertificate),
    /// Sets its statuses, those that are given, and counts its version up. Conflict: it is not registered.
    Update {
        /// Its id.
        id: CaCertificateId,
        /// Its new status.
        status: Option<CaStatus>,
        /// Its new auto-registration status.
        auto_registration: Option<AutoRegistration>,
        /// When.
        at: UnixTime,
    },
    /// Deletes it and its tags. Conflict: it is not registered, or ACTIVE.
    Delete {
        /// Its id.
        id: CaCertificateId,
    },
}

impl Transaction {
    /// Registers a CA certificate.
    pub fn insert_ca_certificate(&mut self, ca: CaCertificate) {
        self.push(Change::CaCertificate(CaCertificateChange::Insert(ca)));
    }

    /// Sets the statuses of a CA certificate, those that are given.
    pub fn update_ca_certificate(
        &mut self,
        id: CaCertificateId,
        status: Option<CaStatus>,
        auto_registration: Option<AutoRegistration>,
        at: UnixTime,
    ) {
        self.push(Change::CaCertificate(CaCertificateChange::Update { id, status, auto_registration, at }));
    }

    /// Deletes a CA certificate that is not ACTIVE.
    pub fn delete_ca_certificate(&mut self, id: CaCertificateId) {
        self.push(Change::CaCertificate(CaCertificateChange::Delete { id }));
    }
}
