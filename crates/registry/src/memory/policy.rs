use std::collections::BTreeMap;

use async_trait::async_trait;
use landfall_model::{
    CertificateId, Policy, PolicyName, PolicyTarget, PolicyVersion, PolicyVersionId, PolicyVersions,
    TaggedResource, ThingName, UnixTime,
};

use super::MemoryRegistry;
use super::state::State;
use super::table;
use crate::{Conflict, Page, PageRequest, Policies, PolicyChange, StorageError};

/// A policy with its versions.
#[derive(Clone)]
pub(super) struct PolicyRow {
    policy: Policy,
    next: PolicyVersionId,
    versions: BTreeMap<PolicyVersionId, PolicyVersion>,
}

#[async_trait]
impl Policies for MemoryRegistry {
    async fn policy(&self, name: &PolicyName) -> Result<Option<Policy>, StorageError> {
        Ok(self.state().policies.get(name).map(|row| row.policy.clone()))
    }

    async fn policies(&self, page: PageRequest) -> Result<Page<Policy>, StorageError> {
        Ok(self.state().policies.page(page, |_| true).map(|row| row.policy))
    }

    async fn policy_versions(&self, name: &PolicyName) -> Result<Option<PolicyVersions>, StorageError> {
        Ok(self.state().policies.get(name).map(|row| PolicyVersions {
            default: row.policy.default_version,
            next: row.next,
            versions: row.versions.values().cloned().collect(),
        }))
    }

    async fn policy_version(
        &self,
        name: &PolicyName,
        version: PolicyVersionId,
    ) -> Result<Option<PolicyVersion>, StorageError> {
        Ok(self.state().policies.get(name).and_then(|row| row.versions.get(&version)).cloned())
    }

    async fn attached_policies(
        &self,
        target: &PolicyTarget,
        is_recursive: bool,
        page: PageRequest,
    ) -> Result<Page<Policy>, StorageError> {
        let state = self.state();
        let targets = match target {
            PolicyTarget::ThingGroup(group) if is_recursive => state.targets_above(group),
            PolicyTarget::ThingGroup(_) | PolicyTarget::Certificate(_) => vec![target.clone()],
        };
        let is_attached = |row: &PolicyRow| state.is_attached(&row.policy.name, &targets);
        Ok(state.policies.page(page, is_attached).map(|row| row.policy))
    }

    async fn policy_targets(
        &self,
        name: &PolicyName,
        page: PageRequest,
    ) -> Result<Page<PolicyTarget>, StorageError> {
        let state = self.state();
        let certificates =
            state.certificates.entries().map(|(rid, row)| (rid, PolicyTarget::Certificate(row.id)));
        let groups =
            state.thing_groups.entries().map(|(rid, row)| (rid, PolicyTarget::from(row.name.clone())));
        let targets: BTreeMap<_, _> = certificates
            .chain(groups)
            .filter(|(_, target)| state.policies_of.contains(&(target.clone(), name.clone())))
            .collect();
        Ok(table::page(targets.into_iter(), page))
    }

    async fn policy_certificates(
        &self,
        name: &PolicyName,
        page: PageRequest,
    ) -> Result<Page<CertificateId>, StorageError> {
        let state = self.state();
        let is_attached = |id| state.policies_of.contains(&(PolicyTarget::Certificate(id), name.clone()));
        let certificates = state.certificates.page(page, |certificate| is_attached(certificate.id));
        Ok(certificates.map(|certificate| certificate.id))
    }

    async fn effective_policies(
        &self,
        certificate: Option<CertificateId>,
        thing: Option<&ThingName>,
    ) -> Result<Vec<Policy>, StorageError> {
        let state = self.state();
        let mut targets: Vec<_> = certificate.into_iter().map(PolicyTarget::Certificate).collect();
        targets.extend(thing.into_iter().flat_map(|thing| state.group_targets(thing)));
        Ok(state.policies_by_name(&targets).map(|row| row.policy.clone()).collect())
    }
}

impl State {
    /// The policies attached to any of the targets, by name, each once, with the version that counts.
    pub(super) fn default_versions(&self, targets: &[PolicyTarget]) -> Vec<(PolicyName, PolicyVersionId)> {
        let policies = self.policies_by_name(targets);
        policies.map(|row| (row.policy.name.clone(), row.policy.default_version)).collect()
    }

    pub(super) fn apply_policy(&mut self, change: &PolicyChange) -> Result<(), Conflict> {
        match change {
            PolicyChange::Ensure { policy, tags } => {
                if !self.insert_policy(policy) {
                    return Ok(());
                }
                self.set_tags(&TaggedResource::Policy(policy.name.clone()), tags)
            }
            PolicyChange::Insert(policy) => {
                let inserted = self.insert_policy(policy);
                inserted.then_some(()).ok_or_else(|| Conflict::PolicyExists(policy.name.clone()))
            }
            PolicyChange::Delete { name } => self.delete_policy(name),
            PolicyChange::InsertVersion { name, version, is_default } => {
                self.insert_version(name, version, *is_default)
            }
            PolicyChange::DeleteVersion { name, version } => {
                let row = self.find_version(name, *version)?;
                if row.policy.default_version == *version {
                    return Err(Conflict::PolicyVersionDefault { name: name.clone(), version: *version });
                }
                row.versions.remove(version);
                Ok(())
            }
            PolicyChange::SetDefaultVersion { name, version, at } => {
                self.find_version(name, *version)?.set_default(*version, *at);
                Ok(())
            }
            PolicyChange::Attach { name, target } => self.attach(name, target),
            PolicyChange::Detach { name, target } => {
                self.find_target(target)?;
                self.find_policy(name)?;
                self.policies_of.remove(&(target.clone(), name.clone()));
                Ok(())
            }
        }
    }

    fn is_attached(&self, policy: &PolicyName, targets: &[PolicyTarget]) -> bool {
        targets.iter().any(|target| self.policies_of.contains(&(target.clone(), policy.clone())))
    }

    fn policies_by_name(&self, targets: &[PolicyTarget]) -> impl Iterator<Item = &PolicyRow> {
        let attached = self.policies.rows().filter(|row| self.is_attached(&row.policy.name, targets));
        attached.map(|row| (&row.policy.name, row)).collect::<BTreeMap<_, _>>().into_values()
    }

    fn find_policy(&mut self, name: &PolicyName) -> Result<&mut PolicyRow, Conflict> {
        self.policies.get_mut(name).ok_or_else(|| Conflict::PolicyNotFound(name.clone()))
    }

    /// The policy that has this version.
    fn find_version(
        &mut self,
        name: &PolicyName,
        version: PolicyVersionId,
    ) -> Result<&mut PolicyRow, Conflict> {
        let row = self.find_policy(name)?;
        if row.versions.contains_key(&version) {
            Ok(row)
        } else {
            Err(Conflict::PolicyVersionNotFound { name: name.clone(), version })
        }
    }

    fn find_target(&mut self, target: &PolicyTarget) -> Result<(), Conflict> {
        match target {
            PolicyTarget::Certificate(id) => self.find_certificate(*id).map(drop),
            PolicyTarget::ThingGroup(name) => self.find_thing_group(name).map(drop),
        }
    }

    /// Whether it was inserted.
    fn insert_policy(&mut self, policy: &Policy) -> bool {
        let Policy { name, default_version: id, document, created_at, modified_at: _ } = policy;
        let version = PolicyVersion { id: *id, document: document.clone(), created_at: *created_at };
        let row = PolicyRow { policy: policy.clone(), next: id.next(), versions: [(*id, version)].into() };
        self.policies.insert_unless_there(&mut self.row_ids, name.clone(), row)
    }

    fn delete_policy(&mut self, name: &PolicyName) -> Result<(), Conflict> {
        let versions = self.find_policy(name)?.versions.len();
        if self.policies_of.iter().any(|(_, attached)| attached == name) {
            return Err(Conflict::PolicyAttached(name.clone()));
        }
        if versions > 1 {
            return Err(Conflict::PolicyHasVersions(name.clone()));
        }
        self.policies.remove(name);
        self.tags.remove(&TaggedResource::Policy(name.clone()));
        Ok(())
    }

    fn insert_version(
        &mut self,
        name: &PolicyName,
        version: &PolicyVersion,
        is_default: bool,
    ) -> Result<(), Conflict> {
        let row = self.find_policy(name)?;
        if row.versions.len() >= Policy::VERSIONS_MAX {
            return Err(Conflict::PolicyVersions(name.clone()));
        }
        if version.id != row.next {
            return Err(Conflict::PolicyVersionNumber(name.clone()));
        }
        row.versions.insert(version.id, version.clone());
        row.next = version.id.next();
        if is_default {
            row.set_default(version.id, version.created_at);
        }
        Ok(())
    }

    fn attach(&mut self, name: &PolicyName, target: &PolicyTarget) -> Result<(), Conflict> {
        self.find_target(target)?;
        self.find_policy(name)?;
        let attachment = (target.clone(), name.clone());
        let of_target = self.policies_of.iter().filter(|(of, _)| of == target).count();
        if of_target >= Policy::OF_TARGET_MAX && !self.policies_of.contains(&attachment) {
            return Err(Conflict::PoliciesOfTarget(target.clone()));
        }
        self.policies_of.insert(attachment);
        Ok(())
    }
}

impl PolicyRow {
    fn set_default(&mut self, id: PolicyVersionId, at: UnixTime) {
        if let Some(version) = self.versions.get(&id) {
            self.policy.default_version = id;
            self.policy.document = version.document.clone();
            self.policy.modified_at = at;
        }
    }
}
