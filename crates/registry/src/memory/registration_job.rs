use async_trait::async_trait;
use landfall_model::{CertificateId, RegistrationJob, RegistrationJobState, RegistrationJobStatus, UnixTime};

use super::MemoryRegistry;
use super::state::State;
use crate::{
    Conflict, Page, PageRequest, RegistrationJobChange, RegistrationJobFilter, RegistrationJobs, StorageError,
};

#[async_trait]
impl RegistrationJobs for MemoryRegistry {
    async fn registration_job(
        &self,
        certificate: CertificateId,
    ) -> Result<Option<RegistrationJob>, StorageError> {
        Ok(self.state().registration_jobs.get(&certificate).cloned())
    }

    async fn registration_jobs(
        &self,
        filter: RegistrationJobFilter,
        page: PageRequest,
    ) -> Result<Page<RegistrationJob>, StorageError> {
        Ok(self.state().registration_jobs.page(page, |job| filter.matches(job)))
    }
}

impl State {
    pub(super) fn apply_registration_job(&mut self, change: &RegistrationJobChange) -> Result<(), Conflict> {
        match change {
            RegistrationJobChange::Begin(job) => {
                let known = self.registration_jobs.get(&job.certificate).map(|known| known.state);
                match known {
                    Some(RegistrationJobState::Waiting { .. } | RegistrationJobState::Dead { .. }) => Ok(()),
                    Some(RegistrationJobState::Done { .. }) | None => self.store_registration_job(job),
                }
            }
            RegistrationJobChange::Store(job) => self.store_registration_job(job),
            RegistrationJobChange::Remove(certificate) => {
                self.registration_jobs.remove(certificate);
                Ok(())
            }
            RegistrationJobChange::Sweep { now, done_kept_max } => {
                self.sweep_registration_jobs(*now, *done_kept_max);
                Ok(())
            }
        }
    }

    fn store_registration_job(&mut self, job: &RegistrationJob) -> Result<(), Conflict> {
        self.find_certificate(job.certificate)?;
        match self.registration_jobs.get_mut(&job.certificate) {
            Some(known) => *known = job.clone(),
            None => {
                self.registration_jobs.insert_unless_there(&mut self.row_ids, job.certificate, job.clone());
            }
        }
        Ok(())
    }

    fn sweep_registration_jobs(&mut self, now: UnixTime, done_kept_max: u32) {
        let kept_max = usize::try_from(done_kept_max).unwrap_or(usize::MAX);
        let jobs = || self.registration_jobs.rows();
        let is_done = |job: &&RegistrationJob| job.state.status() == RegistrationJobStatus::Done;
        let surplus = jobs().rev().filter(is_done).skip(kept_max);
        let is_over = |job: &&RegistrationJob| matches!(job.state, RegistrationJobState::Dead { until, .. } if until <= now);
        let swept: Vec<_> = surplus.chain(jobs().filter(is_over)).map(|job| job.certificate).collect();
        swept.iter().for_each(|certificate| self.registration_jobs.remove(certificate));
    }
}
