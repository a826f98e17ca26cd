use async_trait::async_trait;
use landfall_model::{CaCertificateId, CertificateId, Outcome, RegistrationRecord, RegistryView};

use super::MemoryRegistry;
use super::state::State;
use crate::{Page, PageRequest, RecordFilter, Registrations, StorageError};

#[async_trait]
impl Registrations for MemoryRegistry {
    async fn view(
        &self,
        certificate: CertificateId,
        ca: CaCertificateId,
    ) -> Result<RegistryView, StorageError> {
        let state = self.state();
        Ok(RegistryView {
            ca_certificate: state.ca_certificates.get(&ca).cloned(),
            certificate: state.certificates.get(&certificate).cloned(),
            principal: state.principal(certificate),
        })
    }

    async fn certificate_records(&self, id: CertificateId) -> Result<Vec<RegistrationRecord>, StorageError> {
        Ok(self.state().records.rows().filter(|record| record.certificate == id).cloned().collect())
    }

    async fn records(
        &self,
        filter: &RecordFilter,
        page: PageRequest,
    ) -> Result<Page<RegistrationRecord>, StorageError> {
        Ok(self.state().records.page(page, |record| filter.matches(record)))
    }
}

impl State {
    pub(super) fn record(&mut self, record: &RegistrationRecord) {
        let last = self.records.rows_mut().rfind(|entry| entry.certificate == record.certificate);
        match (last, &record.outcome) {
            (Some(last), Outcome::Failure(_)) if last.outcome == record.outcome => {
                last.attempts += record.attempts;
                last.last_at = record.last_at;
                last.duration_us = record.duration_us;
            }
            (_, Outcome::Success { .. } | Outcome::Activated { .. } | Outcome::Failure(_)) => {
                let key = self.row_ids.next();
                self.records.insert_unless_there(&mut self.row_ids, key, record.clone());
            }
        }
    }
}
