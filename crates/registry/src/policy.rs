use async_trait::async_trait;
use landfall_model::{
    CertificateId, Policy, PolicyName, PolicyTarget, PolicyVersion, PolicyVersionId, PolicyVersions, Tag,
    ThingName, UnixTime,
};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of policies and of what they are attached to.
#[async_trait]
pub trait Policies {
    /// The policy with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn policy(&self, name: &PolicyName) -> Result<Option<Policy>, StorageError>;

    /// Policies by time of creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn policies(&self, page: PageRequest) -> Result<Page<Policy>, StorageError>;

    /// The versions of a policy.
    ///
    /// # Errors
    /// The storage failed.
    async fn policy_versions(&self, name: &PolicyName) -> Result<Option<PolicyVersions>, StorageError>;

    /// One version of a policy.
    ///
    /// # Errors
    /// The storage failed.
    async fn policy_version(
        &self,
        name: &PolicyName,
        version: PolicyVersionId,
    ) -> Result<Option<PolicyVersion>, StorageError>;

    /// The policies attached to a target, by time of their creation: to the target itself alone, or of a thing group also
    /// to all that it is in, each once.
    ///
    /// # Errors
    /// The storage failed.
    async fn attached_policies(
        &self,
        target: &PolicyTarget,
        is_recursive: bool,
        page: PageRequest,
    ) -> Result<Page<Policy>, StorageError>;

    /// What a policy is attached to, by time of the target's registration or creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn policy_targets(
        &self,
        name: &PolicyName,
        page: PageRequest,
    ) -> Result<Page<PolicyTarget>, StorageError>;

    /// The certificates that a policy is attached to, by time of their registration.
    ///
    /// # Errors
    /// The storage failed.
    async fn policy_certificates(
        &self,
        name: &PolicyName,
        page: PageRequest,
    ) -> Result<Page<CertificateId>, StorageError>;

    /// The policies that count for a certificate, for a thing, or for both together, as of one moment: those attached to
    /// the certificate, and those attached to the groups of the thing and to all that these are in. By name, each once.
    ///
    /// # Errors
    /// The storage failed.
    async fn effective_policies(
        &self,
        certificate: Option<CertificateId>,
        thing: Option<&ThingName>,
    ) -> Result<Vec<Policy>, StorageError>;
}

/// A change of a policy or of what it is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// Creates it unless one of its name exists, whose document then stays as it is. Conflict: it would have more tags than
    /// it may have.
    Ensure {
        /// The policy.
        policy: Policy,
        /// The tags that it gets if it is created.
        tags: Vec<Tag>,
    },
    /// Creates it. Conflict: it exists.
    Insert(Policy),
    /// Deletes it. Conflict: it does not exist, is attached to something, or has versions beside the default one.
    Delete {
        /// Its name.
        name: PolicyName,
    },
    /// Adds a version. Conflict: the policy does not exist, its next version has another number by now, or it has as many
    /// versions as it may have.
    InsertVersion {
        /// The policy.
        name: PolicyName,
        /// The version.
        version: PolicyVersion,
        /// Whether it is the version that counts from now on.
        is_default: bool,
    },
    /// Deletes a version, whose number is never given again. Conflict: policy or version does not exist, or it is the one
    /// that counts.
    DeleteVersion {
        /// The policy.
        name: PolicyName,
        /// The version.
        version: PolicyVersionId,
    },
    /// Sets the version that counts. Conflict: policy or version does not exist.
    SetDefaultVersion {
        /// The policy.
        name: PolicyName,
        /// The version.
        version: PolicyVersionId,
        /// When.
        at: UnixTime,
    },
    /// Attaches it, unless it is. Conflict: target or policy does not exist, or the target has as many as it may have.
    Attach {
        /// The policy.
        name: PolicyName,
        /// What it is attached to.
        target: PolicyTarget,
    },
    /// Detaches it, if it is attached. Conflict: target or policy does not exist.
    Detach {
        /// The policy.
        name: PolicyName,
        /// What it is detached from.
        target: PolicyTarget,
    },
}

impl Transaction {
    /// Creates a policy unless one of its name exists.
    pub fn ensure_policy(&mut self, policy: Policy) {
        self.ensure_policy_with_tags(policy, Vec::new());
    }

    /// Creates a policy with these tags unless one of its name exists.
    pub fn ensure_policy_with_tags(&mut self, policy: Policy, tags: Vec<Tag>) {
        self.push(Change::Policy(PolicyChange::Ensure { policy, tags }));
    }

    /// Creates a policy.
    pub fn insert_policy(&mut self, policy: Policy) {
        self.push(Change::Policy(PolicyChange::Insert(policy)));
    }

    /// Deletes a policy that is attached to nothing and has no version beside the default one.
    pub fn delete_policy(&mut self, name: PolicyName) {
        self.push(Change::Policy(PolicyChange::Delete { name }));
    }

    /// Adds the next version of a policy.
    pub fn insert_policy_version(&mut self, name: PolicyName, version: PolicyVersion, is_default: bool) {
        self.push(Change::Policy(PolicyChange::InsertVersion { name, version, is_default }));
    }

    /// Deletes a version of a policy that is not the default one.
    pub fn delete_policy_version(&mut self, name: PolicyName, version: PolicyVersionId) {
        self.push(Change::Policy(PolicyChange::DeleteVersion { name, version }));
    }

    /// Sets the version of a policy that counts.
    pub fn set_default_policy_version(&mut self, name: PolicyName, version: PolicyVersionId, at: UnixTime) {
        self.push(Change::Policy(PolicyChange::SetDefaultVersion { name, version, at }));
    }

    /// Attaches a policy to a certificate or a thing group.
    pub fn attach_policy(&mut self, target: impl Into<PolicyTarget>, name: PolicyName) {
        self.push(Change::Policy(PolicyChange::Attach { name, target: target.into() }));
    }

    /// Detaches a policy from a certificate or a thing group.
    pub fn detach_policy(&mut self, target: impl Into<PolicyTarget>, name: PolicyName) {
        self.push(Change::Policy(PolicyChange::Detach { name, target: target.into() }));
    }
}
