use async_trait::async_trait;
use landfall_model::{
    CaCertificateId, CertificateId, RegistrationJob, RegistrationJobState, RegistrationJobStatus, UnixTime,
};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of registration jobs.
#[async_trait]
pub trait RegistrationJobs {
    /// The job of this certificate, if it has one.
    ///
    /// # Errors
    /// The storage failed.
    async fn registration_job(
        &self,
        certificate: CertificateId,
    ) -> Result<Option<RegistrationJob>, StorageError>;

    /// Jobs in the order in which they were first stored.
    ///
    /// # Errors
    /// The storage failed.
    async fn registration_jobs(
        &self,
        filter: RegistrationJobFilter,
        page: PageRequest,
    ) -> Result<Page<RegistrationJob>, StorageError>;
}

/// Which registration jobs are listed: those for which all that is given holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistrationJobFilter {
    /// Those of this status.
    pub status: Option<RegistrationJobStatus>,
    /// Those of certificates that this CA certificate issued.
    pub ca: Option<CaCertificateId>,
}

/// A change of a registration job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationJobChange {
    /// Stores it, unless its certificate has one that waits or is a dead letter. Conflict: the certificate is not registered.
    Begin(Box<RegistrationJob>),
    /// Stores it, in the place of its certificate's if there is one. Conflict: the certificate is not registered.
    Store(Box<RegistrationJob>),
    /// Removes the one of this certificate, if it has one.
    Remove(CertificateId),
    /// Removes what need not be kept any more.
    Sweep {
        /// The dead letters that are kept until then, or not as long.
        now: UnixTime,
        /// Of those that are done, how many stay: the last ones that were stored.
        done_kept_max: u32,
    },
}

impl RegistrationJobFilter {
    /// Whether it lets a job through.
    pub fn matches(self, job: &RegistrationJob) -> bool {
        let Self { status, ca } = self;
        status.is_none_or(|status| status == job.state.status()) && ca.is_none_or(|ca| ca == job.ca)
    }
}

impl Transaction {
    /// Stores a registration job, unless its certificate has one that waits or is a dead letter.
    pub fn begin_registration_job(&mut self, job: RegistrationJob) {
        self.push(Change::RegistrationJob(RegistrationJobChange::Begin(Box::new(job))));
    }

    /// Stores a registration job, in the place of its certificate's if there is one.
    pub fn store_registration_job(&mut self, job: RegistrationJob) {
        self.push(Change::RegistrationJob(RegistrationJobChange::Store(Box::new(job))));
    }

    /// Removes the registration job of a certificate, if it has one.
    pub fn remove_registration_job(&mut self, certificate: CertificateId) {
        self.push(Change::RegistrationJob(RegistrationJobChange::Remove(certificate)));
    }

    /// A registration job ends with its device registered: it stays if it has a history, and goes otherwise.
    pub fn end_registration_job(&mut self, job: &RegistrationJob, now: UnixTime) {
        if job.attempts_failed == 0 {
            self.remove_registration_job(job.certificate);
        } else {
            let state = RegistrationJobState::Done { at: now };
            self.store_registration_job(RegistrationJob { state, ..job.clone() });
        }
    }

    /// Removes the dead letters whose time is over, and of the registration jobs that are done all but the last
    /// `done_kept_max` that were stored.
    pub fn sweep_registration_jobs(&mut self, now: UnixTime, done_kept_max: u32) {
        self.push(Change::RegistrationJob(RegistrationJobChange::Sweep { now, done_kept_max }));
    }
}
