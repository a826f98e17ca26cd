//! The registry in memory: the plainest reading of what each change means, for tests and for comparison.

mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use landfall_model::{
    CaCertificate, CaCertificateId, Certificate, CertificateId, Policy, PolicyName, RegistrationCode,
    RegistrationRecord, RegistryView, Thing, ThingName, ThingType, ThingTypeName, ThingView,
};

use self::state::State;
use crate::{
    CaCertificates, Certificates, CommitError, CommitObserver, Committed, EventId, Outbox, Page, PageRequest,
    PendingEvent, Policies, RegistrationCodes, Registrations, Registry, StorageError, ThingFilter,
    ThingTypes, Things, Transaction,
};

/// A registry that forgets everything when it is dropped.
#[derive(Default)]
pub struct MemoryRegistry {
    state: Mutex<State>,
    observers: Mutex<Vec<Arc<dyn CommitObserver>>>,
}

impl MemoryRegistry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in another thread cannot leave a half-made state: commits replace it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let mut state = self.state();
        let mut next = state.clone();
        for change in transaction.changes() {
            next.apply(change)?;
        }
        *state = next;
        let activated = transaction.activates().and_then(|id| state.principal(id));
        // Still under the lock, so that observers hear in the order of the commits.
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            observer.committed(transaction.changes());
            activated.iter().for_each(|principal| observer.activated(principal));
        }
        Ok(Committed { activated })
    }

    fn observe(&self, observer: Arc<dyn CommitObserver>) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push(observer);
    }
}

#[async_trait]
impl CaCertificates for MemoryRegistry {
    async fn ca_certificate(&self, id: CaCertificateId) -> Result<Option<CaCertificate>, StorageError> {
        Ok(self.state().ca_certificates.get(&id).cloned())
    }

    async fn ca_certificates(&self, page: PageRequest) -> Result<Page<CaCertificate>, StorageError> {
        Ok(self.state().ca_certificates.page(page, |_| true))
    }
}

#[async_trait]
impl Certificates for MemoryRegistry {
    async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, StorageError> {
        Ok(self.state().certificates.get(&id).cloned())
    }

    async fn certificates(
        &self,
        ca: Option<CaCertificateId>,
        page: PageRequest,
    ) -> Result<Page<Certificate>, StorageError> {
        Ok(self.state().certificates.page(page, |certificate| ca.is_none() || certificate.ca == ca))
    }
}

#[async_trait]
impl Things for MemoryRegistry {
    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, StorageError> {
        Ok(self.state().things.get(name).cloned())
    }

    async fn thing_view(&self, name: &ThingName) -> Result<Option<ThingView>, StorageError> {
        let state = self.state();
        let Some(thing) = state.things.get(name).cloned() else {
            return Ok(None);
        };
        let ca_of = |id: CertificateId| state.certificates.get(&id).and_then(|certificate| certificate.ca);
        let principals = state.principals_of(name).into_iter().map(|id| (id, ca_of(id))).collect();
        Ok(Some(ThingView { thing, principals }))
    }

    async fn things(&self, filter: &ThingFilter, page: PageRequest) -> Result<Page<Thing>, StorageError> {
        let state = self.state();
        Ok(state.things.page(page, |thing| state.matches(filter, thing)))
    }

    async fn thing_principals(
        &self,
        name: &ThingName,
        page: PageRequest,
    ) -> Result<Page<CertificateId>, StorageError> {
        let state = self.state();
        let attached = |certificate: &Certificate| state.things_of.contains(&(certificate.id, name.clone()));
        Ok(state.certificates.page(page, attached).map(|certificate| certificate.id))
    }
}

#[async_trait]
impl ThingTypes for MemoryRegistry {
    async fn thing_type(&self, name: &ThingTypeName) -> Result<Option<ThingType>, StorageError> {
        Ok(self.state().thing_types.get(name).cloned())
    }
}

#[async_trait]
impl Policies for MemoryRegistry {
    async fn policy(&self, name: &PolicyName) -> Result<Option<Policy>, StorageError> {
        Ok(self.state().policies.get(name).cloned())
    }

    async fn attached_policies(
        &self,
        certificate: CertificateId,
        page: PageRequest,
    ) -> Result<Page<Policy>, StorageError> {
        let state = self.state();
        Ok(state
            .policies
            .page(page, |policy| state.policies_of.contains(&(certificate, policy.name.clone()))))
    }
}

#[async_trait]
impl RegistrationCodes for MemoryRegistry {
    async fn registration_code(&self) -> Result<Option<RegistrationCode>, StorageError> {
        Ok(self.state().registration_code.clone())
    }
}

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

    async fn records(&self, page: PageRequest) -> Result<Page<RegistrationRecord>, StorageError> {
        Ok(self.state().records.page(page, |_| true))
    }
}

#[async_trait]
impl Outbox for MemoryRegistry {
    async fn pending_events(
        &self,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<PendingEvent>, StorageError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let state = self.state();
        let behind = state.events.iter().filter(|event| after.is_none_or(|after| event.id > after));
        Ok(behind.take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::conformance_suite!(|| async { (Arc::new(MemoryRegistry::new()) as Arc<dyn Registry>, ()) });
}
