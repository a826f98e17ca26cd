use async_trait::async_trait;
use landfall_model::{CertificateId, Policy, PolicyName};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of policies.
#[async_trait]
pub trait Policies {
    /// The policy with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn policy(&self, name: &PolicyName) -> Result<Option<Policy>, StorageError>;

    /// The policies attached to a certificate, by time of their creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn attached_policies(
        &self,
        certificate: CertificateId,
        page: PageRequest,
    ) -> Result<Page<Policy>, StorageError>;
}

/// A change of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// Creates it unless one of its name exists, whose document then stays as it is.
    Ensure(Policy),
}

impl Transaction {
    /// Creates a policy unless one of its name exists.
    pub fn ensure_policy(&mut self, policy: Policy) {
        self.push(Change::Policy(PolicyChange::Ensure(policy)));
    }
}
