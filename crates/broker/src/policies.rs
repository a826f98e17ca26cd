use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use landfall_model::{PolicyName, PolicyVersionId, Principal};
use landfall_policy::PolicyDocument;
use landfall_registry::{Registry, StorageError};
use tracing::error;

/// The documents of policies, each parsed once.
pub(crate) struct PolicyDocuments {
    registry: Arc<dyn Registry>,
    parsed: Mutex<HashMap<(PolicyName, PolicyVersionId), Arc<PolicyDocument>>>,
}

/// How many parsed documents are kept. When more are in use, all are forgotten and parsed again as they are asked for.
const PARSED_MAX: usize = 10_000;

impl PolicyDocuments {
    pub(crate) fn new(registry: Arc<dyn Registry>) -> Self {
        Self { registry, parsed: Mutex::default() }
    }

    /// The documents that count for a principal. One that is not stored any more, or that this version does not
    /// understand, makes the whole answer empty: a Deny in it must not be lost.
    pub(crate) async fn of(&self, principal: &Principal) -> Result<Vec<Arc<PolicyDocument>>, StorageError> {
        let mut documents = Vec::with_capacity(principal.policies.len());
        for (name, version) in &principal.policies {
            match self.document(name, *version).await? {
                Some(document) => documents.push(document),
                None => return Ok(Vec::new()),
            }
        }
        Ok(documents)
    }

    async fn document(
        &self,
        name: &PolicyName,
        version: PolicyVersionId,
    ) -> Result<Option<Arc<PolicyDocument>>, StorageError> {
        let key = (name.clone(), version);
        if let Some(document) = self.parsed.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(Arc::clone(document)));
        }
        let Some(policy) = self.registry.policy(name).await? else {
            return Ok(None);
        };
        let document = match PolicyDocument::parse(&policy.document) {
            Ok(document) => Arc::new(document),
            Err(problem) => {
                let error: &dyn std::error::Error = &problem;
                error!(policy.name = %name, error, "stored policy is not understood");
                return Ok(None);
            }
        };
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if parsed.len() >= PARSED_MAX {
            parsed.clear();
        }
        parsed.insert((policy.name, policy.default_version), Arc::clone(&document));
        Ok(Some(document))
    }
}
