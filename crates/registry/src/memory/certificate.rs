use std::collections::BTreeSet;

use async_trait::async_trait;
use landfall_model::{
    AttachedThing, CaCertificateId, Certificate, CertificateId, CertificateStatus, PolicyTarget, Principal,
    ThingName, ThingPrincipalType, UnixTime,
};

use super::MemoryRegistry;
use super::state::State;
use crate::{CertificateChange, Certificates, Conflict, Page, PageRequest, StorageError};

#[async_trait]
impl Certificates for MemoryRegistry {
    async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, StorageError> {
        Ok(self.state().certificates.get(&id).cloned())
    }

    async fn principal(&self, id: CertificateId) -> Result<Option<Principal>, StorageError> {
        Ok(self.state().principal(id))
    }

    async fn certificates(
        &self,
        ca: Option<CaCertificateId>,
        page: PageRequest,
    ) -> Result<Page<Certificate>, StorageError> {
        Ok(self.state().certificates.page(page, |certificate| ca.is_none() || certificate.ca == ca))
    }

    async fn certificates_without_ca(&self, page: PageRequest) -> Result<Page<Certificate>, StorageError> {
        Ok(self.state().certificates.page(page, |certificate| certificate.ca.is_none()))
    }

    async fn certificate_ids(
        &self,
        after: Option<CertificateId>,
        limit: u32,
    ) -> Result<Vec<CertificateId>, StorageError> {
        let ids: BTreeSet<_> = self.state().certificates.rows().map(|certificate| certificate.id).collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)).take(limit).collect())
    }
}

impl State {
    pub(super) fn find_certificate(&mut self, id: CertificateId) -> Result<&mut Certificate, Conflict> {
        self.certificates.get_mut(&id).ok_or(Conflict::CertificateNotFound(id))
    }

    /// A certificate with what is attached to it.
    pub(super) fn principal(&self, id: CertificateId) -> Option<Principal> {
        self.certificates.get(&id)?;
        let attached = self.attachments_of(id).filter_map(|(name, principal_type)| {
            let thing = self.things.get(name)?;
            Some(AttachedThing {
                name: thing.name.clone(),
                thing_type: thing.thing_type.clone(),
                principal_type,
                policies: self.default_versions(&self.group_targets(name)),
            })
        });
        Some(Principal {
            certificate: id,
            things: attached.collect(),
            policies: self.default_versions(&[PolicyTarget::Certificate(id)]),
        })
    }

    pub(super) fn apply_certificate(&mut self, change: &CertificateChange) -> Result<(), Conflict> {
        match change {
            CertificateChange::Insert(certificate) => self.insert_certificate(certificate),
            CertificateChange::Activate { id, at } => match self.find_certificate(*id)?.status {
                CertificateStatus::PendingActivation { .. } => {
                    self.set_status(*id, CertificateStatus::Active, *at)
                }
                CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked => {
                    Err(Conflict::CertificateNotPending(*id))
                }
            },
            CertificateChange::SetStatus { id, status, at } => self.set_status(*id, *status, *at),
            CertificateChange::AttachThing { id, thing, principal_type } => {
                self.find_certificate(*id)?;
                self.find_thing(thing)?;
                self.check_exclusion(*id, thing, *principal_type)?;
                self.things_of.insert((*id, thing.clone()), *principal_type);
                Ok(())
            }
            CertificateChange::DetachThing { id, thing } => {
                self.find_certificate(*id)?;
                self.find_thing(thing)?;
                self.things_of.remove(&(*id, thing.clone()));
                Ok(())
            }
            CertificateChange::Delete { id, detaches_policies } => {
                self.delete_certificate(*id, *detaches_policies)
            }
        }
    }

    /// The things that a certificate is attached to, by name.
    fn attachments_of(&self, id: CertificateId) -> impl Iterator<Item = (&ThingName, ThingPrincipalType)> {
        let of_certificate = self.things_of.iter().filter(move |((certificate, _), _)| *certificate == id);
        of_certificate.map(|((_, thing), principal_type)| (thing, *principal_type))
    }

    fn insert_certificate(&mut self, certificate: &Certificate) -> Result<(), Conflict> {
        let same_part = |other: &&Certificate| other.signed_part == certificate.signed_part;
        if self.certificates.rows().find(same_part).is_some_and(|other| other.id != certificate.id) {
            return Err(Conflict::CertificateTwin(certificate.id));
        }
        let inserted =
            self.certificates.insert_unless_there(&mut self.row_ids, certificate.id, certificate.clone());
        inserted.then_some(()).ok_or(Conflict::CertificateExists(certificate.id))
    }

    fn set_status(
        &mut self,
        id: CertificateId,
        status: CertificateStatus,
        at: UnixTime,
    ) -> Result<(), Conflict> {
        let certificate = self.find_certificate(id)?;
        if certificate.status == CertificateStatus::Revoked {
            let is_revoked_again = status == CertificateStatus::Revoked;
            return is_revoked_again.then_some(()).ok_or(Conflict::CertificateRevoked(id));
        }
        certificate.status = status;
        certificate.version += 1;
        certificate.modified_at = at;
        Ok(())
    }

    fn check_exclusion(
        &self,
        certificate: CertificateId,
        thing: &ThingName,
        principal_type: ThingPrincipalType,
    ) -> Result<(), Conflict> {
        let other = self.attachments_of(certificate).find(|(name, _)| *name != thing);
        match (other, principal_type) {
            (Some((other, ThingPrincipalType::Exclusive)), _) => {
                Err(Conflict::CertificateExclusive { certificate, thing: other.clone() })
            }
            (Some((other, ThingPrincipalType::NonExclusive)), ThingPrincipalType::Exclusive) => {
                Err(Conflict::CertificateShared { certificate, thing: other.clone() })
            }
            (Some((_, ThingPrincipalType::NonExclusive)), ThingPrincipalType::NonExclusive) | (None, _) => {
                Ok(())
            }
        }
    }

    fn delete_certificate(&mut self, id: CertificateId, detaches_policies: bool) -> Result<(), Conflict> {
        if self.find_certificate(id)?.status == CertificateStatus::Active {
            return Err(Conflict::CertificateActive(id));
        }
        if self.attachments_of(id).next().is_some() {
            return Err(Conflict::CertificateHasThings(id));
        }
        let target = PolicyTarget::Certificate(id);
        if !detaches_policies && self.policies_of.iter().any(|(of, _)| *of == target) {
            return Err(Conflict::CertificateHasPolicies(id));
        }
        self.policies_of.retain(|(of, _)| *of != target);
        self.registration_jobs.remove(&id);
        self.certificates.remove(&id);
        Ok(())
    }
}
