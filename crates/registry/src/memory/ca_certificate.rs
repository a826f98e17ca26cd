use async_trait::async_trait;
use landfall_model::{CaCertificate, CaCertificateId, CaStatus, TaggedResource};

use super::MemoryRegistry;
use super::state::State;
use crate::{CaCertificateChange, CaCertificates, Conflict, Page, PageRequest, StorageError};

#[async_trait]
impl CaCertificates for MemoryRegistry {
    async fn ca_certificate(&self, id: CaCertificateId) -> Result<Option<CaCertificate>, StorageError> {
        Ok(self.state().ca_certificates.get(&id).cloned())
    }

    async fn ca_certificates(&self, page: PageRequest) -> Result<Page<CaCertificate>, StorageError> {
        Ok(self.state().ca_certificates.page(page, |_| true))
    }
}

impl State {
    pub(super) fn apply_ca_certificate(&mut self, change: &CaCertificateChange) -> Result<(), Conflict> {
        match change {
            CaCertificateChange::Insert(ca) => {
                let inserted = self.ca_certificates.insert_unless_there(&mut self.row_ids, ca.id, ca.clone());
                inserted.then_some(()).ok_or(Conflict::CaCertificateExists(ca.id))
            }
            CaCertificateChange::Update { id, status, auto_registration, at } => {
                let ca = self.ca_certificates.get_mut(id).ok_or(Conflict::CaCertificateNotFound(*id))?;
                ca.status = status.unwrap_or(ca.status);
                ca.auto_registration = auto_registration.unwrap_or(ca.auto_registration);
                ca.version += 1;
                ca.modified_at = *at;
                Ok(())
            }
            CaCertificateChange::Delete { id } => {
                let ca = self.ca_certificates.get(id).ok_or(Conflict::CaCertificateNotFound(*id))?;
                match ca.status {
                    CaStatus::Active => Err(Conflict::CaCertificateActive(*id)),
                    CaStatus::Inactive => {
                        self.ca_certificates.remove(id);
                        self.tags.remove(&TaggedResource::CaCertificate(*id));
                        Ok(())
                    }
                }
            }
        }
    }
}
