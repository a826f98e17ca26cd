use std::error::Error as StdError;

use landfall_model::{CaCertificateId, CertificateId, PolicyName, ThingName, ThingTypeName};
use thiserror::Error;

/// A read or write that the storage could not do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The disk is full.
    #[error("the disk is full: free some space in the data directory's file system")]
    Full,
    /// More transactions wait than `transactions_max`.
    #[error("{waiting} transactions wait already, which is the limit transactions_max")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The registry is shutting down.
    #[error("the registry is shutting down")]
    Closed,
    /// What is stored is not what this version writes.
    #[error("table {table}, column {column}, row {row}: {problem}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id.
        row: i64,
        /// What is wrong there.
        problem: String,
    },
    /// Anything else that the storage reports.
    #[error("the registry's storage failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// Why a transaction was not carried out. None of its changes was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The registry is no longer as the transaction expects: read again and decide again.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The precondition that did not hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Conflict {
    /// The CA certificate is registered already.
    #[error("CA certificate {0} is registered already")]
    CaCertificateExists(CaCertificateId),
    /// No such CA certificate.
    #[error("CA certificate {0} is not registered")]
    CaCertificateNotFound(CaCertificateId),
    /// The CA certificate may not be deleted while it is ACTIVE.
    #[error("CA certificate {0} is ACTIVE")]
    CaCertificateActive(CaCertificateId),
    /// The CA certificate is gone, INACTIVE, or its auto-registration is off.
    #[error("CA certificate {0} does not register devices")]
    CaNotRegistering(CaCertificateId),
    /// The certificate is registered already.
    #[error("certificate {0} is registered already")]
    CertificateExists(CertificateId),
    /// Another registered certificate has the same signed part.
    #[error("another certificate with the content of {0} is registered already")]
    CertificateTwin(CertificateId),
    /// No such certificate.
    #[error("certificate {0} is not registered")]
    CertificateNotFound(CertificateId),
    /// The certificate is not PENDING_ACTIVATION (any more).
    #[error("certificate {0} is not PENDING_ACTIVATION")]
    CertificateNotPending(CertificateId),
    /// The thing exists already.
    #[error("thing {0} exists already")]
    ThingExists(ThingName),
    /// No such thing.
    #[error("thing {0} does not exist")]
    ThingNotFound(ThingName),
    /// Other principals are attached to the thing than were expected.
    #[error("the principals of thing {0} have changed")]
    ThingPrincipalsChanged(ThingName),
    /// No such thing type.
    #[error("thing type {0} does not exist")]
    ThingTypeNotFound(ThingTypeName),
    /// No such policy.
    #[error("policy {0} does not exist")]
    PolicyNotFound(PolicyName),
}
